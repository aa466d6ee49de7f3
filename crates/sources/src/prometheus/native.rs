//! Native histograms as Prometheus answers with them: buckets with both bounds, whatever their scheme (exponential,
//! or a classic histogram's own bounds).

use vigla_model::Histogram;

use super::{
    cursor::{Cursor, Stop},
    written::number,
};

/// Buckets of one histogram: Prometheus keeps at most 160 by default, and a classic one's own bounds are some twenty.
const MAX_BUCKETS: usize = 1000;

/// One native histogram of rates.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Native {
    pub(super) sum: f64,
    /// Upper bound and what lies between it and the lower one.
    buckets: Vec<(f64, f64)>,
}

impl Native {
    /// Reads `{"count":"…","sum":"…","buckets":[[which bounds belong to it,"lower","upper","count"],…]}`.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Stop> {
        let mut native = Self::default();
        cursor.expect(b'{', "a histogram does not begin")?;
        loop {
            let field = cursor.string()?;
            cursor.expect(b':', "a colon is missing")?;
            match field.bytes {
                b"sum" => native.sum = number(cursor.string()?.bytes),
                b"buckets" => native.read_buckets(cursor)?,
                _ => cursor.skip()?,
            }
            if !cursor.goes_on(b'}')? {
                return Ok(native);
            }
        }
    }

    fn read_buckets(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Stop> {
        const COMMA: &str = "a bucket is cut off";
        cursor.expect(b'[', "buckets do not begin")?;
        if cursor.peek()? == b']' {
            return cursor.expect(b']', "");
        }
        loop {
            cursor.expect(b'[', "a bucket does not begin")?;
            cursor.skip()?;
            cursor.expect(b',', COMMA)?;
            cursor.string()?;
            cursor.expect(b',', COMMA)?;
            let upper = number(cursor.string()?.bytes);
            cursor.expect(b',', COMMA)?;
            let count = number(cursor.string()?.bytes);
            cursor.expect(b']', "a bucket does not end")?;
            self.buckets.push((upper, count));
            if self.buckets.len() > MAX_BUCKETS {
                return Err(Stop::Wrong("a histogram has more than 1000 buckets"));
            }
            if !cursor.goes_on(b']')? {
                return Ok(());
            }
        }
    }

    /// The same as ours; `None` when any number of it tells nothing.
    pub(super) fn histogram(self) -> Option<Histogram> {
        let usable = |&(bound, count): &(f64, f64)| !bound.is_nan() && count.is_finite() && count >= 0.0;
        let is_rate = self.sum.is_finite() && self.sum >= 0.0;
        if !is_rate || !self.buckets.iter().all(usable) {
            return None;
        }
        let mut buckets = self.buckets;
        buckets.retain(|(_, count)| *count > 0.0);
        for (bound, _) in &mut buckets {
            // Nothing takes less than no time: such buckets are noise around zero.
            *bound = bound.max(0.0);
        }
        buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        buckets.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        Some(Histogram {
            buckets,
            sum_ms: self.sum,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Histogram> {
        let native = Native::read(&mut Cursor::new(text.as_bytes())).unwrap();
        native.histogram()
    }

    #[test]
    fn buckets_of_any_scheme_keep_their_upper_bounds() {
        // Exponential: a zero bucket, and buckets of a factor of two; then a classic histogram's own bounds.
        let exponential = r#"{"count":"6","sum":"12.5","buckets":[[3,"-0.001","0.001","1"],[0,"1","2","2"],[0,"2","4","0"],[0,"8","16","3"]]}"#;
        let own = r#"{"sum":"40","count":"4","buckets":[[0,"-Inf","0.5","1"],[0,"5","10","2.5"],[0,"3600000","+Inf","0.5"]]}"#;
        assert_eq!(
            read(exponential).unwrap().buckets,
            [(0.001, 1.0), (2.0, 2.0), (16.0, 3.0)]
        );
        assert_eq!(
            read(own).unwrap(),
            Histogram {
                buckets: vec![(0.5, 1.0), (10.0, 2.5), (f64::INFINITY, 0.5)],
                sum_ms: 40.0
            }
        );
        assert_eq!(read(r#"{"count":"0","sum":"0"}"#), Some(Histogram::default()));
    }

    #[test]
    fn less_than_no_time_is_none_and_no_number_tells_nothing() {
        let below = r#"{"sum":"1","buckets":[[1,"-4","-2","1"],[1,"-2","-1","2"],[0,"1","2","3"]]}"#;
        assert_eq!(read(below).unwrap().buckets, [(0.0, 3.0), (2.0, 3.0)]);
        for odd in [
            r#"{"sum":"NaN","buckets":[]}"#,
            r#"{"sum":"-1","buckets":[]}"#,
            r#"{"sum":"1","buckets":[[0,"1","2","NaN"]]}"#,
            r#"{"sum":"1","buckets":[[0,"1","2","-3"]]}"#,
            r#"{"sum":"1","buckets":[[0,"1","2","+Inf"]]}"#,
            r#"{"sum":"1","buckets":[[0,"1","much","3"]]}"#,
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
