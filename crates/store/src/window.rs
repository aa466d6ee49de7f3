//! From samples to the traffic of every edge in a window.

use vigla_graph::{Totals, Traffic, TrafficRow};
use vigla_model::Histogram;

use crate::{
    labels::Column,
    rate::Range,
    target::{Rows, Scrapes},
};

/// What the series of one row add up to.
#[derive(Debug, Default)]
struct Sum {
    seen: bool,
    traffic: Traffic,
    /// Rates by upper bound, each with all below it, as Prometheus has them.
    cumulative: Vec<(f64, f64)>,
    totals: Totals,
}

/// Rows of all edges with a sample in the window of `length` milliseconds that ends at `end`.
pub(crate) fn rows<'a>(
    targets: impl Iterator<Item = &'a Scrapes>,
    rows: &Rows,
    end: i64,
    length: i64,
) -> Vec<TrafficRow> {
    let mut sums: Vec<Sum> = (0..rows.len()).map(|_| Sum::default()).collect();
    for target in targets {
        let (from, to) = target.between(end - length, end);
        for series in target
            .series()
            .filter(|series| from < to && series.samples.end() > from)
        {
            let mut range = Range::default();
            let mut last = None;
            series.samples.read(from, to, |index, value| {
                range.push(target.time(index), value);
                last = Some(value);
            });
            let Some(last) = last else { continue };
            // A single sample says that the series exists, and no rate.
            let rate = range.rate(end, length as f64 / 1000.0).unwrap_or(0.0);
            sums[series.row as usize].add(series.column, rate, last);
        }
    }
    let seen = sums.into_iter().enumerate().filter(|(_, sum)| sum.seen);
    seen.filter_map(|(row, sum)| Some(sum.finish(rows.key(row as u32)?.clone())))
        .collect()
}

impl Sum {
    fn add(&mut self, column: Column, rate: f64, last: f64) {
        self.seen = true;
        let traffic = &mut self.traffic;
        match column {
            Column::Requests => {
                traffic.requests += rate;
                self.totals.requests += last;
            }
            Column::Connections => {
                traffic.connections += rate;
                self.totals.connections += last;
            }
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

    fn finish(self, key: std::sync::Arc<vigla_graph::TrafficKey>) -> TrafficRow {
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
