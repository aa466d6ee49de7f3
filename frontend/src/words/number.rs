//! Numbers as a reader sees them, from the bodies of the API. How they are written is decided once, in `scene::format`,
//! so that a number looks the same on the map and beside it.

use vigla_model::Ratio;
use vigla_scene::format;

/// What stands where nothing was measured.
pub(crate) const UNMEASURED: &str = format::ABSENT;

pub(crate) use format::{byte_rate as bytes_rate, count as grouped, counted, duration_ms as millis, rate};

/// Text of a value that may not have been measured.
pub(crate) fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| UNMEASURED.to_owned())
}

/// A share from 0.0 to 1.0: `10.1 %`. `0 %` and `100 %` only when exact.
pub(crate) fn share(share: f64) -> String {
    Ratio::of(share, 1.0)
        .filter(|_| share.is_finite())
        .map_or_else(|| UNMEASURED.to_owned(), format::share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_share_is_not_written_as_one() {
        assert_eq!(share(0.101), "10.1\u{202f}%");
        assert_eq!(share(f64::NAN), "–");
        assert_eq!(or_dash(None), "–");
    }
}
