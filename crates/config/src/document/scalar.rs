//! What scalars without quotes mean to Kubernetes, which reads YAML 1.1: `yes` and `off` are truth values,
//! `017` is octal.

use std::time::Duration;

/// A resolved scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; never NaN or infinite, which JSON cannot say.
    Float(f64),
    /// A string.
    Text(&'a str),
}

impl<'a> Scalar<'a> {
    /// The meaning of a scalar that stands without quotes.
    pub fn resolve(text: &'a str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
                return Self::Bool(true);
            }
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
                return Self::Bool(false);
            }
            _ => (),
        }
        // Only what starts like a number can be one; the rest, nearly all scalars, is decided here.
        if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
            return Self::Text(text);
        }
        int(text)
            .map(Self::Int)
            .or_else(|| float(text).map(Self::Float))
            .unwrap_or(Self::Text(text))
    }
}

fn int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let plain: String = digits.chars().filter(|&c| c != '_').collect();
    let value = i128::from_str_radix(&plain, radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

fn float(text: &str) -> Option<f64> {
    let number = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'))
        && text.contains(|c: char| c.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|value: &f64| number && value.is_finite())
}

/// Reads a duration such as `1.5s`, `100ms` or `1h30m`; `None` for anything else, also for negative ones.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .map_or(rest.len(), |length| digits + length);
        let unit = match &rest[digits..unit_end] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += rest[..digits].parse::<f64>().ok()? * unit;
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_they_mean_to_kubernetes() {
        for (text, meaning) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("yes", Scalar::Bool(true)),
            ("off", Scalar::Bool(false)),
            ("0", Scalar::Int(0)),
            ("-12", Scalar::Int(-12)),
            ("017", Scalar::Int(15)),
            ("0x1F", Scalar::Int(31)),
            ("1_000", Scalar::Int(1000)),
            ("1.5", Scalar::Float(1.5)),
            ("1e3", Scalar::Float(1000.0)),
            ("v1", Scalar::Text("v1")),
            ("1.2.3", Scalar::Text("1.2.3")),
            ("10s", Scalar::Text("10s")),
            ("-", Scalar::Text("-")),
            (".inf", Scalar::Text(".inf")),
            ("-x", Scalar::Text("-x")),
            ("089", Scalar::Float(89.0)),
        ] {
            assert_eq!(Scalar::resolve(text), meaning, "{text}");
        }
    }

    #[test]
    fn durations_are_read_in_all_their_units() {
        let millis = |text| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("1.5s"), Some(1500));
        assert_eq!(millis("100ms"), Some(100));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("0"), Some(0));
        for bad in ["", "s", "5", "-1s", "1x", "1.2.3s", "1 s"] {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }
}
