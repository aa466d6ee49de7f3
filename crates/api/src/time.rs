//! Times as RFC 3339 text. Small on purpose: the browser needs no time zones to read a server's `Z`.

use vigla_model::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// Writes a moment as RFC 3339 in UTC, with milliseconds only where there are any: `2026-11-23T14:32:00Z`.
pub fn format_time(at: Timestamp) -> String {
    let (days, ms) = (at.millis().div_euclid(DAY_MS), at.millis().rem_euclid(DAY_MS));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let date = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    match ms % 1000 {
        0 => format!("{date}Z"),
        part => format!("{date}.{part:03}Z"),
    }
}

/// Reads RFC 3339 with any offset; digits after the milliseconds are dropped. `None` for anything else.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| text[from..to].parse().ok())?
    };
    let separators = [(4, b"-"), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":")] as [(usize, &[u8]); 5];
    if !separators
        .iter()
        .all(|(at, any)| bytes.get(*at).is_some_and(|byte| any.contains(byte)))
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_since_1970(year, month, day)?;
    let mut rest = &text[19..];
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let padded: String = fraction[..digits].chars().chain("00".chars()).take(3).collect();
        millis = padded.parse().ok()?;
        rest = &fraction[digits..];
    }
    let offset = match rest.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = text.len() - 5;
            let (hours, minutes) = (number(at, at + 2)?, number(at + 3, at + 5)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    let minutes = hour * 60 + minute - offset;
    Some(Timestamp(
        days * DAY_MS + minutes * 60_000 + second * 1000 + millis,
    ))
}

/// Year, month and day of the Gregorian calendar for a number of days since 1970-01-01.
///
/// Counts in eras of 400 years (146 097 days) that begin on 1 March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`]; `None` for a day that does not exist.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let march_year = if month <= 2 { year - 1 } else { year };
    let march_month = (month + 9) % 12;
    let (era, year_of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_back_as_they_are_written() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999),
            ("2026-11-23T14:32:00Z", 1_795_444_320_000),
            ("1969-12-31T23:59:59Z", -1000),
        ] {
            assert_eq!(format_time(Timestamp(millis)), text);
            assert_eq!(parse_time(text), Some(Timestamp(millis)));
        }
    }

    #[test]
    fn offsets_and_fractions_are_understood() {
        let at = Some(Timestamp(1_795_444_320_120));
        for text in [
            "2026-11-23T14:32:00.12Z",
            "2026-11-23T15:32:00.1209+01:00",
            "2026-11-23t09:02:00.12-05:30",
        ] {
            assert_eq!(parse_time(text), at, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-23",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T14:32:00",
            "2026-11-23T14:32:00.Z",
            "2026-11-23T14:32:00+1:00",
            "2026-11-23T14:32:00Zé",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
