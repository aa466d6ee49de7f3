//! Latency histograms that add without loss.

use serde::{Deserialize, Serialize};

/// Upper bounds in milliseconds of Istio's and Envoy's request duration buckets (the last bucket, `+Inf`, is not listed).
pub const ISTIO_BOUNDS_MS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1000.0,
    2500.0,
    5000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// Requests by duration in milliseconds. Buckets are not cumulative; counts are fractional because a rate
/// over a window extrapolates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// (upper bound in ms, requests in this bucket), by rising bound, non-empty ones only. The last bound may be `+Inf`.
    pub buckets: Vec<(f64, f64)>,
    /// Sum of all durations in ms.
    pub sum_ms: f64,
}

impl Histogram {
    /// Requests in all buckets.
    pub fn count(&self) -> f64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Adds another histogram bucket by bucket. Bounds that only one side has are kept.
    pub fn add(&mut self, other: &Self) {
        self.sum_ms += other.sum_ms;
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        // Both rise, so one walk over each is enough.
        let mut at = 0;
        for &(bound, count) in &other.buckets {
            while self.buckets.get(at).is_some_and(|(have, _)| *have < bound) {
                at += 1;
            }
            match self.buckets.get_mut(at) {
                Some((have, sum)) if *have == bound => *sum += count,
                _ => self.buckets.insert(at, (bound, count)),
            }
        }
    }

    /// Quantile `q` (0.0 to 1.0) in milliseconds by the rule of Prometheus's `histogram_quantile`: linear within
    /// a bucket, the first bucket from zero, the highest finite bound for what lies in `+Inf`.
    ///
    /// `bounds` are all bounds of the scheme, because empty buckets decide where a bucket starts.
    /// `None` when nothing was counted.
    pub fn quantile(&self, q: f64, bounds: &[f64]) -> Option<f64> {
        let total = self.count();
        if total <= 0.0 {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * total;
        let (mut below, mut before) = (0.0, 0.0_f64);
        for &(bound, count) in &self.buckets {
            if below + count >= rank && count > 0.0 {
                if bound.is_infinite() {
                    return bounds.last().map(|last| last.max(before));
                }
                // Finer buckets than the scheme's start where the one before them ends.
                let lower = bounds.iter().rev().find(|b| **b < bound).copied().unwrap_or(0.0);
                let lower = lower.max(before);
                return Some(lower + (bound - lower) * ((rank - below) / count));
            }
            (below, before) = (below + count, bound);
        }
        self.buckets.last().map(|(bound, _)| {
            if bound.is_infinite() {
                bounds[bounds.len() - 1]
            } else {
                *bound
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_follow_prometheus() {
        let histogram = Histogram {
            buckets: vec![(5.0, 50.0), (10.0, 50.0)],
            sum_ms: 0.0,
        };
        assert_eq!(histogram.quantile(0.5, &ISTIO_BOUNDS_MS), Some(5.0));
        assert_eq!(histogram.quantile(0.75, &ISTIO_BOUNDS_MS), Some(7.5));
        assert_eq!(histogram.quantile(0.25, &ISTIO_BOUNDS_MS), Some(3.0));
        assert_eq!(Histogram::default().quantile(0.5, &ISTIO_BOUNDS_MS), None);
    }

    #[test]
    fn finer_buckets_than_the_schemes_start_where_the_one_before_ends() {
        let histogram = Histogram {
            buckets: vec![(11.0, 1.0), (12.0, 2.0), (14.0, 1.0)],
            sum_ms: 0.0,
        };
        assert_eq!(histogram.quantile(0.5, &ISTIO_BOUNDS_MS), Some(11.5));
        assert_eq!(histogram.quantile(1.0, &ISTIO_BOUNDS_MS), Some(14.0));
        assert_eq!(histogram.quantile(0.125, &ISTIO_BOUNDS_MS), Some(10.5));
    }

    #[test]
    fn adding_keeps_every_bucket() {
        let mut sum = Histogram {
            buckets: vec![(1.0, 1.0), (10.0, 2.0)],
            sum_ms: 3.0,
        };
        sum.add(&Histogram {
            buckets: vec![(5.0, 4.0), (10.0, 1.0)],
            sum_ms: 2.0,
        });
        assert_eq!(
            sum,
            Histogram {
                buckets: vec![(1.0, 1.0), (5.0, 4.0), (10.0, 3.0)],
                sum_ms: 5.0
            }
        );
    }
}
