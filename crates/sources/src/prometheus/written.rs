//! One series as Prometheus writes it: its labels as one piece of text, and its value.
//!
//! Labels are not taken apart here: whoever has met the same text before knows already what it says.

use super::{
    cursor::{Cursor, Raw, Stop},
    native::Native,
};

/// One series as it stands in the answer.
#[derive(Debug)]
pub(super) struct Series<'a> {
    /// Everything between the braces of its labels.
    pub(super) labels: &'a [u8],
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// NaN where it is no number.
    Number(f64),
    Histogram(Native),
}

impl<'a> Series<'a> {
    /// Reads the series at the beginning, and tells how many bytes it has.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Self, usize), Stop> {
        match Self::read_usual(bytes) {
            Some(read) => Ok(read),
            None => Self::read_any(bytes),
        }
    }

    /// `{"metric":{…},"value":[time,"number"]}` without a space: what every Prometheus writes. `None` where anything
    /// is otherwise, or in doubt, or not there yet.
    fn read_usual(bytes: &'a [u8]) -> Option<(Self, usize)> {
        /// Characters of a time, or of a number.
        const LONGEST: usize = 32;
        let rest = bytes.strip_prefix(br#"{"metric":{"#)?;
        let (labels, rest) = rest.split_at(end_of_labels(rest)?);
        let rest = rest.strip_prefix(br#"},"value":["#)?;
        let time = rest.iter().take(LONGEST).position(|byte| *byte == b',')?;
        if !rest[..time]
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.')
        {
            return None;
        }
        let rest = rest[time + 1..].strip_prefix(b"\"")?;
        let end = rest.iter().take(LONGEST).position(|byte| *byte == b'"')?;
        let value = Value::Number(number(&rest[..end]));
        let rest = rest[end..].strip_prefix(b"\"]}")?;
        Some((Self { labels, value }, bytes.len() - rest.len()))
    }

    /// Any order, any spaces.
    fn read_any(bytes: &'a [u8]) -> Result<(Self, usize), Stop> {
        let cursor = &mut Cursor::new(bytes);
        let (mut labels, mut value) = (&bytes[..0], None);
        cursor.expect(b'{', "a series does not begin")?;
        loop {
            let field = cursor.string()?;
            cursor.expect(b':', "a colon is missing")?;
            match field.bytes {
                b"metric" => {
                    cursor.expect(b'{', "labels do not begin")?;
                    let start = cursor.at();
                    if cursor.peek()? == b'}' {
                        cursor.expect(b'}', "")?;
                    } else {
                        loop {
                            cursor.string()?;
                            cursor.expect(b':', "a colon is missing")?;
                            cursor.string()?;
                            if !cursor.goes_on(b'}')? {
                                break;
                            }
                        }
                    }
                    labels = bytes[start..cursor.at() - 1].trim_ascii();
                }
                b"value" => {
                    let number = |cursor: &mut Cursor<'_>| Ok(number(cursor.string()?.bytes));
                    value = Some(Value::Number(in_time(cursor, number)?));
                }
                b"histogram" => value = Some(Value::Histogram(in_time(cursor, Native::read)?)),
                _ => cursor.skip()?,
            }
            if !cursor.goes_on(b'}')? {
                break;
            }
        }
        let value = value.ok_or(Stop::Wrong("a series has no value"))?;
        Ok((Self { labels, value }, cursor.at()))
    }
}

/// Reads `[time,thing]`.
fn in_time<T>(
    cursor: &mut Cursor<'_>,
    read: impl FnOnce(&mut Cursor<'_>) -> Result<T, Stop>,
) -> Result<T, Stop> {
    cursor.expect(b'[', "a value does not begin")?;
    cursor.skip()?;
    cursor.expect(b',', "a value has no number")?;
    let thing = read(cursor)?;
    cursor.expect(b']', "a value does not end")?;
    Ok(thing)
}

/// A number as Prometheus writes it; NaN when it is none.
pub(super) fn number(text: &[u8]) -> f64 {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

/// Where the brace is that ends the labels, when that is beyond doubt: it stands behind a quote that ends a string.
/// A quote that begins one stands behind a brace, a comma, a colon or a space, and an escaped one behind a backslash.
fn end_of_labels(bytes: &[u8]) -> Option<usize> {
    for at in memchr::memchr_iter(b'}', bytes) {
        match bytes[..at] {
            [.., b'{' | b',' | b':' | b'\\', b'"'] => return None,
            [.., before, b'"'] if before.is_ascii_whitespace() => return None,
            [.., b'"'] => return Some(at),
            [.., before] if before.is_ascii_whitespace() => return None,
            [] => return None,
            // Within a string.
            _ => (),
        }
    }
    None
}

/// Hands over each label of such a text.
///
/// # Errors
/// When it is not what Prometheus writes.
pub(super) fn each_label<'a>(
    text: &'a [u8],
    mut take: impl FnMut(Raw<'a>, Raw<'a>),
) -> Result<(), &'static str> {
    let whole = |stop| match stop {
        Stop::Short => "labels do not end",
        Stop::Wrong(what) => what,
    };
    let mut cursor = Cursor::new(text);
    if cursor.peek().is_err() {
        return Ok(());
    }
    loop {
        let name = cursor.string().map_err(whole)?;
        cursor.expect(b':', "a colon is missing").map_err(whole)?;
        take(name, cursor.string().map_err(whole)?);
        if cursor.peek().is_err() {
            return Ok(());
        }
        cursor
            .expect(b',', "a comma between labels is missing")
            .map_err(whole)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_sees_what_the_long_one_sees_or_nothing() {
        let labels = [
            r#""a":"b""#,
            r#""a":"}""#,
            r#""a":"x:""#,
            r#""a":"\"}","b":"c""#,
            r#""a":"\\""#,
            r#""a":"x\\","}":",""#,
            r#""a":"{\"b\":\"c\"}","d":"e}""#,
            r#""a":"""#,
            r#""a":" ""#,
            r#""a":"},\"value\":[1,\"7\"]}""#,
            "",
        ];
        let mut usual = 0;
        for labels in labels {
            for tail in ["", ",{", "]"] {
                let text = format!(r#"{{"metric":{{{labels}}},"value":[17.5,"2.5"]}}{tail}"#);
                let (any, length) = Series::read_any(text.as_bytes()).unwrap();
                assert_eq!(any.labels, labels.as_bytes(), "{text}");
                assert_eq!(length, text.len() - tail.len(), "{text}");
                if let Some((short, read)) = Series::read_usual(text.as_bytes()) {
                    assert_eq!((short.labels, read), (any.labels, length), "{text}");
                    assert!(matches!(short.value, Value::Number(2.5)));
                    usual += 1;
                }
            }
        }
        assert!(usual >= 6, "{usual}: the short way is the usual one");
    }

    #[test]
    fn what_is_no_label_is_refused() {
        for bad in [
            r#""a""#,
            r#""a":"#,
            r#""a":"b"#,
            r#""a":{"b":"c""#,
            r#""a":"b" "c":"d""#,
            r#""a":1"#,
        ] {
            assert!(each_label(bad.as_bytes(), |_, _| ()).is_err(), "{bad}");
        }
    }
}
