//! Moments and windows.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A moment in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The moment `duration` earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0 - i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }

    /// The moment `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Time since `earlier`; zero when it lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

/// The time over which traffic is counted: a Prometheus duration such as `1m`, `90s`, `1h30m`; from 1 s to 30 d.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(Duration);

/// A text that is no window.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a duration such as 30s, 1m or 1h30m, from 1s to 30d")]
pub struct BadWindow(pub String);

impl Window {
    /// One minute, the default of the API.
    pub const MINUTE: Self = Self(Duration::from_secs(60));

    /// The window as a duration.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// The window in seconds.
    pub fn seconds(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl FromStr for Window {
    type Err = BadWindow;
    /// Reads Prometheus's form: numbers with the units `d h m s ms`, largest first, each at most once.
    fn from_str(text: &str) -> Result<Self, BadWindow> {
        const UNITS: [(&str, u64); 5] = [
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1000),
            ("ms", 1),
        ];
        let bad = || BadWindow(text.to_owned());
        let (mut rest, mut total, mut next_unit) = (text, 0u64, 0usize);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
            let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
            rest = &rest[digits..];
            let letters = rest
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(rest.len());
            let unit = UNITS
                .iter()
                .position(|(name, _)| *name == &rest[..letters])
                .ok_or_else(bad)?;
            if unit < next_unit {
                return Err(bad());
            }
            next_unit = unit + 1;
            total = number
                .checked_mul(UNITS[unit].1)
                .and_then(|ms| total.checked_add(ms))
                .ok_or_else(bad)?;
            rest = &rest[letters..];
        }
        if !(1000..=30 * 86_400_000).contains(&total) {
            return Err(bad());
        }
        Ok(Self(Duration::from_millis(total)))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_millis();
        for (unit, size) in [
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1000),
            ("ms", 1),
        ] {
            if left >= size {
                write!(f, "{}{unit}", left / size)?;
                left %= size;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_prometheus_durations() {
        for text in ["1m", "90s", "1h30m", "500ms1"] {
            match text.parse::<Window>() {
                Ok(window) if text == "90s" => assert_eq!(window.to_string(), "1m30s"),
                Ok(window) => assert_eq!(window.to_string(), text),
                Err(error) => assert_eq!(error, BadWindow("500ms1".into())),
            }
        }
        for bad in [
            "",
            "5",
            "m",
            "1m1h",
            "0s",
            "500ms",
            "31d",
            "-1m",
            "1y",
            "99999999999999999999s",
        ] {
            assert!(bad.parse::<Window>().is_err(), "{bad}");
        }
    }
}
