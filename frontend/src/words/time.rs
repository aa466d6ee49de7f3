//! Moments and ages as a reader sees them. All times are UTC; the top bar says so once.

use vigla_model::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Reads RFC 3339, as the API writes it.
pub(crate) use vigla_api::parse_time as parse;

fn date_from_days(days: i64) -> (i64, i64) {
    let day_of_era = (days + 719_468).rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    ((month + 2) % 12 + 1, day)
}

/// `14:18:42`.
pub(crate) fn clock(at: Timestamp) -> String {
    let second = at.millis().div_euclid(1000).rem_euclid(DAY);
    format!(
        "{:02}:{:02}:{:02}",
        second / HOUR,
        second % HOUR / MINUTE,
        second % MINUTE
    )
}

/// `26 Aug 09:12`.
pub(crate) fn date(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = at.millis().div_euclid(1000);
    let (month, day) = date_from_days(seconds.div_euclid(DAY));
    let name = usize::try_from(month - 1)
        .ok()
        .and_then(|month| MONTHS.get(month))
        .unwrap_or(&"");
    let second = seconds.rem_euclid(DAY);
    format!("{day} {name} {:02}:{:02}", second / HOUR, second % HOUR / MINUTE)
}

/// A time span in words: `8 s`, `2 min 30 s`, `13 min`, `3 h 5 min`.
pub(crate) fn span(seconds: f64) -> String {
    let all = seconds.max(0.0).round() as i64;
    let (hours, minutes, rest) = (all / HOUR, all % HOUR / MINUTE, all % MINUTE);
    let text = match (hours, minutes, rest) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) if m < 10 => format!("{m} min {s} s"),
        (0, m, _) => format!("{m} min"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    };
    text.replace(' ', "\u{202f}")
}

/// Age of a moment in words up to 48 hours, then its date.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).as_secs_f64();
    if seconds > 48.0 * HOUR as f64 {
        date(at)
    } else {
        span(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_clock_and_date() {
        let at = parse("2026-08-26T09:12:42Z").unwrap();
        assert_eq!(
            (clock(at).as_str(), date(at).as_str()),
            ("09:12:42", "26 Aug 09:12")
        );
        assert_eq!(date(parse("2026-01-01T00:00:00Z").unwrap()), "1 Jan 00:00");
        assert_eq!(date(parse("2024-02-29T23:59:59Z").unwrap()), "29 Feb 23:59");
    }

    #[test]
    fn ages_are_words_up_to_two_days() {
        let at = parse("2026-08-26T09:12:42Z").unwrap();
        let after = |seconds: i64| age(at, Timestamp(at.millis() + seconds * 1000)).replace('\u{202f}', " ");
        let cases = [
            (8, "8 s"),
            (150, "2 min 30 s"),
            (780, "13 min"),
            (11_100, "3 h 5 min"),
            (200_000, "26 Aug 09:12"),
        ];
        for (seconds, text) in cases {
            assert_eq!(after(seconds), text);
        }
        assert_eq!(age(at, Timestamp(0)), "0\u{202f}s");
    }
}
