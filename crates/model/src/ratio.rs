//! Shares.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Fraction from 0.0 to 1.0, such as an error rate; never NaN.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(f64);

impl Ratio {
    /// `None` when `whole` is zero: "no traffic" is not "no errors".
    pub fn of(part: f64, whole: f64) -> Option<Self> {
        // An empty sum of floats is -0.0: adding zero takes the sign away.
        (whole > 0.0).then(|| Self((part / whole).clamp(0.0, 1.0) + 0.0))
    }

    /// The fraction, from 0.0 to 1.0.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Ratio {
    /// `10.1 %` with three digits; `0 %` and `100 %` only if exact, else `< 0.1 %` and `> 99.9 %`.
    /// The space is the thin no-break one (U+202F).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        if self.0 == 0.0 {
            f.write_str("0\u{202f}%")
        } else if self.0 == 1.0 {
            f.write_str("100\u{202f}%")
        } else if percent < 0.1 {
            f.write_str("<\u{202f}0.1\u{202f}%")
        } else if percent > 99.9 {
            f.write_str(">\u{202f}99.9\u{202f}%")
        } else {
            write!(f, "{percent:.1}\u{202f}%")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_without_traffic_is_absent() {
        assert_eq!(Ratio::of(0.0, 0.0), None);
    }

    #[test]
    fn whole_numbers_are_written_only_if_exact() {
        let text = |part, whole| {
            Ratio::of(part, whole)
                .unwrap()
                .to_string()
                .replace('\u{202f}', " ")
        };
        assert_eq!(text(0.0, 5.0), "0 %");
        assert_eq!(text(5.0, 5.0), "100 %");
        assert_eq!(text(1.0, 100_000.0), "< 0.1 %");
        assert_eq!(text(99_999.0, 100_000.0), "> 99.9 %");
        assert_eq!(text(101.0, 1000.0), "10.1 %");
    }
}
