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
    /// Seldom there, so it stands apart.
    native: Option<Box<Native>>,
}

/// What native histograms say. Where both kinds are scraped, classic ones say the same once more.
#[derive(Debug, Clone, Default)]
struct Native {
    latency: Histogram,
    bytes_sent: f64,
    bytes_received: f64,
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
            Column::MessagesSent => traffic.messages_sent += rate,
            Column::MessagesReceived => traffic.messages_received += rate,
            Column::Bucket(bound) => {
                // Bounds mostly come in order.
                if self.cumulative.last().is_none_or(|(last, _)| *last < bound) {
                    self.cumulative.push((bound, rate));
                    return;
                }
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

    /// Adds the rate of a native histogram of durations.
    pub fn add_native_durations(&mut self, rates: &Histogram) {
        self.native.get_or_insert_default().latency.add(rates);
    }

    /// Adds the rate of the sum of a native histogram of bytes.
    pub fn add_native_bytes(&mut self, sent: f64, received: f64) {
        let native = self.native.get_or_insert_default();
        native.bytes_sent += sent;
        native.bytes_received += received;
    }

    /// The row with this key; the sum then is nothing again.
    pub fn take(&mut self, key: Arc<TrafficKey>) -> TrafficRow {
        let mut traffic = std::mem::take(&mut self.traffic);
        traffic.latency.buckets = apart(&self.cumulative);
        self.cumulative.clear();
        if let Some(native) = self.native.take() {
            native.take_place(&mut traffic);
        }
        if traffic.latency.buckets.is_empty() {
            traffic.latency = Histogram::default();
        }
        TrafficRow {
            key,
            traffic,
            totals: std::mem::take(&mut self.totals),
        }
    }

    /// The row with this key.
    pub fn finish(mut self, key: Arc<TrafficKey>) -> TrafficRow {
        self.take(key)
    }
}

impl Native {
    /// Takes the place of what classic series said, where it counted more: while a store changes from one kind to the
    /// other, the old one runs dry.
    fn take_place(self, traffic: &mut Traffic) {
        if self.latency.count() > traffic.latency.count() {
            traffic.latency = self.latency;
        }
        traffic.bytes_sent = traffic.bytes_sent.max(self.bytes_sent);
        traffic.bytes_received = traffic.bytes_received.max(self.bytes_received);
    }
}

/// Buckets that hold what lies between two bounds. Rates of neighbours are stretched apart near the start of a
/// counter, so a bucket may seem to hold less than the one below it: then it is taken as equal, as Prometheus does.
fn apart(cumulative: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const NOISE: f64 = 1e-12;
    let mut below = 0.0_f64;
    let mut buckets = Vec::with_capacity(cumulative.len());
    for &(bound, rate) in cumulative {
        if rate - below > NOISE * rate.abs() {
            buckets.push((bound, rate - below));
            below = rate;
        }
    }
    buckets
}
