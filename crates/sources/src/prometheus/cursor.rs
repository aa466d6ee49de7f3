//! Reads one series of an answer from bytes that may end in the middle of it.

use std::borrow::Cow;

/// Why reading stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes ended: more may come.
    Short,
    /// It is not what Prometheus writes.
    Wrong(&'static str),
}

/// A place in bytes.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A string as it stands between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    pub(super) bytes: &'a [u8],
    escaped: bool,
}

impl<'a> Raw<'a> {
    /// The text; `None` when it is none.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        if !self.escaped {
            return std::str::from_utf8(self.bytes).ok().map(Cow::Borrowed);
        }
        let mut quoted = Vec::with_capacity(self.bytes.len() + 2);
        quoted.push(b'"');
        quoted.extend_from_slice(self.bytes);
        quoted.push(b'"');
        serde_json::from_slice(&quoted).ok().map(Cow::Owned)
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes that were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is no space, which stays.
    pub(super) fn peek(&mut self) -> Result<u8, Stop> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(*byte);
            }
            self.at += 1;
        }
        Err(Stop::Short)
    }

    /// Passes this byte.
    pub(super) fn expect(&mut self, byte: u8, wrong: &'static str) -> Result<(), Stop> {
        if self.peek()? != byte {
            return Err(Stop::Wrong(wrong));
        }
        self.at += 1;
        Ok(())
    }

    /// Passes a comma, or the end of what commas part: then `false`.
    pub(super) fn goes_on(&mut self, end: u8) -> Result<bool, Stop> {
        match self.peek()? {
            b',' => {
                self.at += 1;
                Ok(true)
            }
            byte if byte == end => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(Stop::Wrong("a comma is missing")),
        }
    }

    pub(super) fn string(&mut self) -> Result<Raw<'a>, Stop> {
        self.expect(b'"', "a string is missing")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = &self.bytes[self.at..];
            let end = memchr::memchr2(b'"', b'\\', rest).ok_or(Stop::Short)?;
            self.at += end + 1;
            if rest[end] == b'"' {
                let bytes = &self.bytes[start..self.at - 1];
                return Ok(Raw { bytes, escaped });
            }
            escaped = true;
            self.at += 1;
            if self.at > self.bytes.len() {
                return Err(Stop::Short);
            }
        }
    }

    /// Passes any value.
    pub(super) fn skip(&mut self) -> Result<(), Stop> {
        let mut depth = 0u32;
        loop {
            match self.peek()? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => self.word()?,
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Passes a number or a word such as `null`.
    fn word(&mut self) -> Result<(), Stop> {
        let rest = &self.bytes[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = rest.iter().position(|byte| !is_part(byte)).ok_or(Stop::Short)?;
        if length == 0 {
            return Err(Stop::Wrong("a value is missing"));
        }
        self.at += length;
        Ok(())
    }
}
