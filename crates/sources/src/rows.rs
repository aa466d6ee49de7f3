//! From the rates of single series to the traffic of an edge.

use std::sync::Arc;

use vigla_graph::{Totals, Traffic, TrafficKey, TrafficRow};
use vigla_model::Histogram;

use crate::series::Column;

/// What the series of one row add up to.
#[derive(Debug, Clone, Default)]
pub struct RowSum {
    traffic: Traffic,
    /// Rates by upper bound, each with all below it, as Prometheus has them.
    cumulative: Vec<(f64, f64)>,
    totals: Totals,
}

impl RowSum {
    /// Adds the rate of a series.
    pub fn add_rate(&mut self, column: Column, rate: f64) {
        let traffic = &mut self.traffic;
        match column {
            Column::Requests => traffic.requests += rate,
            Column::Connections => traffic.connections += rate,
            Column::DurationSum => traffic.latency.sum_ms += rate,
            Column::BytesSent => traffic.bytes_sent += rate,
            Column::BytesReceived => traffic.bytes_received += rate,
            Column::Bucket(bound) => {
                let at = self
                    .cumulative
                    .binary_search_by(|(have, _)| have.total_cmp(&bound));
                match at {
                    Ok(at) => self.cumulative[at].1 += rate,
                    Err(at) => self.cumulative.insert(at, (bound, rate)),
                }
            }
        }
    }

    /// Adds a counter as last scraped.
    pub fn add_total(&mut self, column: Column, last: f64) {
        match column {
            Column::Requests => self.totals.requests += last,
            Column::Connections => self.totals.connections += last,
            _ => (),
        }
    }

    /// The row with this key.
    pub fn finish(self, key: Arc<TrafficKey>) -> TrafficRow {
        let mut traffic = self.traffic;
        traffic.latency.buckets = apart(&self.cumulative);
        if traffic.latency.buckets.is_empty() {
            traffic.latency = Histogram::default();
        }
        TrafficRow {
            key,
            traffic,
            totals: self.totals,
        }
    }
}

/// Buckets that hold what lies between two bounds. Rates of neighbours are stretched apart near the start of a
/// counter, so a bucket may seem to hold less than the one below it: then it is taken as equal, as Prometheus does.
fn apart(cumulative: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const NOISE: f64 = 1e-12;
    let mut below = 0.0_f64;
    let mut buckets = Vec::new();
    for &(bound, rate) in cumulative {
        if rate - below > NOISE * rate.abs() {
            buckets.push((bound, rate - below));
            below = rate;
        }
    }
    buckets
}
