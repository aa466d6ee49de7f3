//! Numbers as people read them: three significant digits, a thin no-break space before units, `–` for what was not
//! measured. Used by the map, by pages and by exports, so that a number looks the same everywhere.

use vigla_model::Ratio;

/// Thin no-break space, before units.
const THIN: char = '\u{202f}';

/// What was not measured.
pub const ABSENT: &str = "–";

/// `48.1/s`, `1,506/s`, `0.4/s`, `< 0.1/s`, `0/s`.
pub fn rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 0.05 {
        return format!("<{THIN}0.1/s");
    }
    format!("{}/s", digits(per_second))
}

/// `84 kB/s`, by powers of 1000.
pub fn byte_rate(per_second: f64) -> String {
    format!("{}/s", bytes(per_second))
}

/// `412 MB`, by powers of 1000.
pub fn bytes(bytes: f64) -> String {
    scaled(bytes, &["B", "kB", "MB", "GB", "TB"])
}

/// `8 ms`, `0.4 ms`, `1.2 s`, `4.5 min`, `3.1 h`, `12 d`, `4.5 y`.
pub fn duration_ms(milliseconds: f64) -> String {
    const STEPS: [(f64, &str); 6] = [
        (365.25 * 86_400e3, "y"),
        (86_400e3, "d"),
        (3_600e3, "h"),
        (60e3, "min"),
        (1e3, "s"),
        (0.0, "ms"),
    ];
    for (least, unit) in STEPS {
        // A value that would be rounded up to the next unit takes that unit.
        if least > 0.0 && milliseconds < least * 0.9995 {
            continue;
        }
        let value = milliseconds / if least == 0.0 { 1.0 } else { least };
        let number = match value {
            0.0 => "0".to_owned(),
            value if value < 0.05 => format!("<{THIN}0.1"),
            value if value < 10.0 => short(value, 1),
            value => thousands(value.round()),
        };
        return format!("{number}{THIN}{unit}");
    }
    ABSENT.to_owned()
}

/// `10.1 %`; `100 %` and `0 %` only if exact.
pub fn share(share: Ratio) -> String {
    share.to_string()
}

/// `3.2×`.
pub fn factor(factor: f64) -> String {
    format!("{}×", digits(factor))
}

/// `1,506`.
pub fn count(count: u64) -> String {
    thousands(count as f64)
}

/// `1 service`, `4 services`; the plural is made with an `s`.
pub fn counted(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {word}{plural}", count(number as u64))
}

/// What `write` makes of a value, or [`ABSENT`].
pub fn or_absent<T>(value: Option<T>, write: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| ABSENT.to_owned(), write)
}

/// Three significant digits, at most one after the point, thousands apart.
fn digits(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        thousands(value.round())
    }
}

/// At most `places` after the point, none that are zero.
fn short(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

fn scaled(value: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let number = if value < 9.95 {
        short(value, 1)
    } else {
        thousands(value.round())
    };
    format!("{number}{THIN}{}", units[unit])
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len() - at;
        if at > 0 && left % 3 == 0 && digit.is_ascii_digit() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thin spaces written as `_`, so that the tables below show them.
    fn shown(text: String) -> String {
        text.replace(THIN, "_")
    }

    #[test]
    fn rates_have_three_digits_and_no_space_before_the_unit() {
        for (value, text) in [
            (0.0, "0/s"),
            (0.01, "<_0.1/s"),
            (0.05, "0.1/s"),
            (0.44, "0.4/s"),
            (9.97, "10.0/s"),
            (48.1, "48.1/s"),
            (99.94, "99.9/s"),
            (99.96, "100/s"),
            (1505.6, "1,506/s"),
            (1_234_567.0, "1,234,567/s"),
        ] {
            assert_eq!(shown(rate(value)), text, "{value}");
        }
    }

    #[test]
    fn durations_take_the_unit_that_fits() {
        for (value, text) in [
            (0.0, "0_ms"),
            (0.01, "<_0.1_ms"),
            (0.4, "0.4_ms"),
            (8.0, "8_ms"),
            (8.25, "8.2_ms"),
            (486.0, "486_ms"),
            (999.7, "1_s"),
            (1240.0, "1.2_s"),
            (59_999.0, "1_min"),
            (5_400_000.0, "1.5_h"),
            (4.5 * 365.25 * 86_400e3, "4.5_y"),
        ] {
            assert_eq!(shown(duration_ms(value)), text, "{value}");
        }
    }

    #[test]
    fn bytes_step_by_a_thousand() {
        for (value, text) in [
            (0.0, "0_B"),
            (512.0, "512_B"),
            (999.6, "1_kB"),
            (84_200.0, "84_kB"),
            (1_250_000.0, "1.2_MB"),
            (412e6, "412_MB"),
        ] {
            assert_eq!(shown(bytes(value)), text, "{value}");
        }
        assert_eq!(shown(byte_rate(84_200.0)), "84_kB/s");
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        assert_eq!(or_absent(None, rate), "–");
        assert_eq!(or_absent(Some(3.2), factor), "3.2×");
        assert_eq!(counted(1, "service"), "1 service");
        assert_eq!(counted(1200, "service"), "1,200 services");
    }
}
