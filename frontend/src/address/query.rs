//! The query part of an address: an ordered list of keys and values that keeps what no page knows.

use std::fmt;

/// Keys and values in the order in which the address has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`, with or without a leading `?`. Nothing is refused: a browser sends what people type.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.strip_prefix('?').unwrap_or(text);
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    /// Value of the first pair with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(have, _)| have == key)
            .map(|(_, value)| value.as_str())
    }

    /// Sets the only value of a key in its old place, or removes it.
    pub(crate) fn set(&mut self, key: &str, value: Option<String>) {
        let Some(value) = value else {
            self.0.retain(|(have, _)| have != key);
            return;
        };
        match self.0.iter().position(|(have, _)| have == key) {
            Some(at) => {
                self.0[at].1 = value;
                let mut index = 0;
                self.0.retain(|(have, _)| {
                    index += 1;
                    have != key || index == at + 1
                });
            }
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// Only the pairs with these keys.
    pub(crate) fn only(&self, keys: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(key, _)| keys.contains(&key.as_str()));
        Self(kept.cloned().collect())
    }

    /// `?a=b&c=d`, or nothing when there are no pairs.
    pub(crate) fn suffix(&self) -> String {
        if self.0.is_empty() {
            String::new()
        } else {
            format!("?{self}")
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("&")?;
            }
            f.write_str(&encode(key))?;
            if !value.is_empty() {
                write!(f, "={}", encode(value))?;
            }
        }
        Ok(())
    }
}

/// Percent-encodes what would change the meaning of a query or a path segment; `:` and `,` stay readable.
pub(crate) fn encode(text: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b',' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
    out
}

/// Decodes percent signs and `+`; what is not valid stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn setting_a_key_keeps_the_place_of_the_others() {
        let mut query = Query::parse("?a=1&x=kept&a=2&b=%20");
        query.set("a", Some("3".into()));
        assert_eq!(query.to_string(), "a=3&x=kept&b=%20");
        query.set("a", None);
        query.set("c", Some("edge:1,2".into()));
        assert_eq!(query.to_string(), "x=kept&b=%20&c=edge:1,2");
    }

    #[test]
    fn odd_percent_signs_stay() {
        assert_eq!(decode("100%+a%2"), "100% a%2");
        assert_eq!(decode("%zz%C3%A4"), "%zzä");
    }

    proptest! {
        #[test]
        fn any_text_survives_the_way_through_an_address(text in any::<String>()) {
            prop_assert_eq!(decode(&encode(&text)), text);
        }

        #[test]
        fn what_is_written_is_read_back(pairs in prop::collection::vec(("[a-z]{1,4}", ".{0,8}"), 0..6)) {
            let query = Query(pairs);
            prop_assert_eq!(Query::parse(&query.to_string()), query);
        }
    }
}
