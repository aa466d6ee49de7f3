//! `rate` as Prometheus 3 computes it.

/// Samples of one counter in a range that is open on the left, folded as they are read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Range {
    count: u32,
    first: (i64, f64),
    last: (i64, f64),
    /// What counters held before they were reset.
    lost: f64,
}

impl Range {
    /// Takes the next sample: its time in milliseconds and its value.
    pub(crate) fn push(&mut self, at: i64, value: f64) {
        if self.count == 0 {
            self.first = (at, value);
        } else if value < self.last.1 {
            self.lost += self.last.1;
        }
        self.last = (at, value);
        self.count += 1;
    }

    /// Increase per second over a range of `length` seconds that ends at `end` milliseconds; `None` with fewer
    /// than two samples.
    ///
    /// The increase between first and last sample is stretched to the ends of the range where these are near
    /// (1.1 times the mean distance of samples), by half that distance where not, and at the start never further
    /// than to where the counter would have been zero. The order of these steps is Prometheus's.
    pub(crate) fn rate(&self, end: i64, length: f64) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let increase = self.last.1 - self.first.1 + self.lost;
        let seconds = |from: i64, to: i64| (to - from) as f64 / 1000.0;
        let start = end - (length * 1000.0).round() as i64;
        let sampled = seconds(self.first.0, self.last.0);
        let distance = sampled / f64::from(self.count - 1);
        let reach = |gap: f64| {
            if gap >= distance * 1.1 {
                distance / 2.0
            } else {
                gap
            }
        };
        let mut to_start = reach(seconds(start, self.first.0));
        if increase > 0.0 && self.first.1 >= 0.0 {
            to_start = to_start.min(sampled * (self.first.1 / increase));
        }
        let to_end = reach(seconds(self.last.0, end));
        let factor = (sampled + to_start + to_end) / sampled / length;
        Some(increase * factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate over the range of `length` seconds that ends at `end` seconds; samples by seconds.
    fn rate(samples: &[(f64, f64)], end: f64, length: f64) -> Option<f64> {
        let mut range = Range::default();
        let ms = |seconds: f64| (seconds * 1000.0) as i64;
        for &(at, value) in samples.iter().filter(|(at, _)| *at > end - length && *at <= end) {
            range.push(ms(at), value);
        }
        range.rate(ms(end), length)
    }

    #[test]
    fn rates_are_those_of_prometheus() {
        // Each expectation is worked out by hand from the rule, see the comment of its case.
        let every = |step: f64, from: usize, values: &[f64]| -> Vec<(f64, f64)> {
            values
                .iter()
                .enumerate()
                .map(|(i, value)| ((from + i) as f64 * step, *value))
                .collect()
        };
        type Case = (&'static str, Vec<(f64, f64)>, f64, f64, Option<f64>);
        let cases: [Case; 9] = [
            // 10 each second, sampled at 15, 30, 45, 60; the range (0, 60] starts 15 s before the first sample,
            // nearer than 16.5 s: stretched to the start. 450 / 45 s * (45 + 15) / 60.
            (
                "steady",
                every(15.0, 1, &[1150.0, 1300.0, 1450.0, 1600.0]),
                60.0,
                60.0,
                Some(10.0),
            ),
            // The sample at exactly the start is outside, so 750 are not counted: 300 over 30 s, stretched by 15 s
            // to both ends, over 60 s.
            (
                "left open",
                every(15.0, 0, &[400.0, 1150.0, 1300.0, 1450.0]),
                60.0,
                60.0,
                Some(10.0),
            ),
            // A reset from 40 to 5: the increase is 25 - 10 + 40 = 55 over 30 s; to the start 10 s
            // (threshold 11 s) but zero lies 30 * 10 / 55 = 5.4545 s before; to the end 0.
            (
                "reset",
                every(10.0, 1, &[10.0, 40.0, 5.0, 25.0]),
                40.0,
                40.0,
                Some(55.0 * (30.0 + 30.0 * 10.0 / 55.0) / 30.0 / 40.0),
            ),
            // Born in the range: first sample 0, so nothing is added before it. 40 / 20 s * 20 / 60.
            (
                "birth at zero",
                every(10.0, 4, &[0.0, 20.0, 40.0]),
                60.0,
                60.0,
                Some(40.0 / 60.0),
            ),
            // Gone 40 s before the end: half a distance is added there. To the start 10 s < 11 s, zero is far.
            (
                "death",
                every(10.0, 1, &[1000.0, 1010.0]),
                60.0,
                60.0,
                Some(10.0 * (10.0 + 10.0 + 5.0) / 10.0 / 60.0),
            ),
            ("one sample", vec![(50.0, 7.0)], 60.0, 60.0, None),
            ("no sample", vec![], 60.0, 60.0, None),
            ("still", every(10.0, 1, &[7.0; 6]), 60.0, 60.0, Some(0.0)),
            // Two scrapes of 2 s in a minute: a birth at 1 that grew by 4; zero is 2 * 1 / 4 = 0.5 s before, the end 0 s.
            (
                "two scrapes",
                every(2.0, 29, &[1.0, 5.0]),
                60.0,
                60.0,
                Some(4.0 * 2.5 / 2.0 / 60.0),
            ),
        ];
        for (name, samples, end, length, expect) in cases {
            let found = rate(&samples, end, length);
            let near = match (found, expect) {
                (Some(found), Some(expect)) => (found - expect).abs() <= expect.abs() * 1e-12,
                (found, expect) => found == expect,
            };
            assert!(near, "{name}: {found:?}, not {expect:?}");
        }
    }
}
