//! Ids of traces and spans.

use std::{fmt, num::NonZeroU64, num::NonZeroU128, str::FromStr};

use thiserror::Error;

/// Id of a trace: 128 bits, never zero. Ids of 64 bits (B3, old Zipkin) have zeros before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

/// Id of a span within its trace, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

/// A text or bytes that are no id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no trace or span id: hexadecimal digits, not all of them zero")]
pub struct BadId(pub String);

impl TraceId {
    /// An id by its number; `None` for zero.
    pub fn new(id: u128) -> Option<Self> {
        NonZeroU128::new(id).map(Self)
    }

    /// The id as a number.
    pub fn get(self) -> u128 {
        self.0.get()
    }

    /// From the bytes of OTLP: 16, or 8 of an old id; `None` for another length or all zeros.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            16 => Self::new(u128::from_be_bytes(bytes.try_into().ok()?)),
            8 => Self::new(u64::from_be_bytes(bytes.try_into().ok()?).into()),
            _ => None,
        }
    }
}

impl SpanId {
    /// An id by its number; `None` for zero.
    pub fn new(id: u64) -> Option<Self> {
        NonZeroU64::new(id).map(Self)
    }

    /// The id as a number.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// From the 8 bytes of OTLP; `None` for another length or all zeros.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::new(u64::from_be_bytes(bytes.try_into().ok()?))
    }
}

/// Digits only: the standard library also takes a sign.
fn digits(text: &str, most: usize) -> Result<&str, BadId> {
    let fits = !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then_some(text).ok_or_else(|| bad(text))
}

fn bad(text: &str) -> BadId {
    BadId(text.chars().take(40).collect())
}

impl FromStr for TraceId {
    type Err = BadId;
    /// Reads 1 to 32 hexadecimal digits; Jaeger leaves zeros before an id out.
    fn from_str(text: &str) -> Result<Self, BadId> {
        let number = u128::from_str_radix(digits(text, 32)?, 16).map_err(|_| bad(text))?;
        Self::new(number).ok_or_else(|| bad(text))
    }
}

impl FromStr for SpanId {
    type Err = BadId;
    /// Reads 1 to 16 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, BadId> {
        let number = u64::from_str_radix(digits(text, 16)?, 16).map_err(|_| bad(text))?;
        Self::new(number).ok_or_else(|| bad(text))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_every_length_that_tools_write() {
        let long: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
        assert_eq!(long.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let short: TraceId = "a3ce929d0e0e4736".parse().unwrap();
        assert_eq!(short.to_string(), "0000000000000000a3ce929d0e0e4736");
        assert_eq!(
            TraceId::from_bytes(&0xa3ce_929d_0e0e_4736_u64.to_be_bytes()),
            Some(short)
        );
        for bad in [
            "",
            "0",
            "00000000000000000000000000000000",
            "+1",
            "xyz",
            "4bf92f3577b34da6a3ce929d0e0e47360",
        ] {
            assert!(bad.parse::<TraceId>().is_err(), "{bad}");
        }
        assert!("12345678901234567".parse::<SpanId>().is_err());
        assert_eq!(SpanId::from_bytes(&[0; 8]), None);
    }
}
