//! What gRPC adds to HTTP: a status of its own, messages in the body, and a deadline in a header.

use std::{cell::Cell, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub(crate) const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(crate) const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Compression flag and length in front of each message.
const MESSAGE_HEAD: usize = 5;

/// Whether a request is gRPC. `application/grpc-web` is HTTP to us, as it is to Envoy.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The status in the headers of an answer without messages, or in the trailers of any other.
pub(crate) fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    headers.get(GRPC_STATUS)?.to_str().ok()?.parse().ok()
}

/// The gRPC status of an answer that the proxy gives itself, by its HTTP status.
pub(crate) fn status_of_http(status: u16) -> u16 {
    match status {
        200..=299 => 0,
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

/// The HTTP status that a gRPC status is worth when the health of an endpoint is judged.
pub(crate) fn http_of_status(status: u16) -> u16 {
    match status {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// A text as `grpc-message` carries it: bytes outside printable ASCII, and `%`, by their number.
pub(crate) fn encode_message(text: &str) -> HeaderValue {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | 0..0x20 | 0x7f.. => out.push_str(&format!("%{byte:02X}")),
            plain => out.push(char::from(plain)),
        }
    }
    HeaderValue::try_from(out).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The caller's own deadline, such as `100m`; `None` when there is none or it cannot be read.
pub(crate) fn find_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    // The protocol allows eight digits: no product below overflows.
    let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Counts the messages of a body as its bytes pass; a message counts when its head is there.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    count: Cell<u64>,
    /// Bytes of the message that are still to come.
    body: Cell<usize>,
    /// The start of a head that came in pieces.
    head: Cell<([u8; MESSAGE_HEAD], usize)>,
}

impl Messages {
    pub(crate) fn count(&self) -> u64 {
        self.count.get()
    }

    pub(crate) fn pass(&self, mut bytes: &[u8]) {
        loop {
            let skipped = self.body.get().min(bytes.len());
            self.body.set(self.body.get() - skipped);
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let (mut head, mut have) = self.head.get();
            let more = (MESSAGE_HEAD - have).min(bytes.len());
            head[have..have + more].copy_from_slice(&bytes[..more]);
            have += more;
            bytes = &bytes[more..];
            if have < MESSAGE_HEAD {
                self.head.set((head, have));
                return;
            }
            let [_, length @ ..] = head;
            self.body
                .set(usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX));
            self.head.set(([0; MESSAGE_HEAD], 0));
            self.count.set(self.count.get() + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let mut bytes = Vec::new();
        for length in [0_u32, 1, 300, 0, 7] {
            bytes.push(0);
            bytes.extend(length.to_be_bytes());
            bytes.extend(vec![0xff; length as usize]);
        }
        for piece in [bytes.len(), 100, 5, 4, 1] {
            let messages = Messages::default();
            bytes.chunks(piece).for_each(|piece| messages.pass(piece));
            assert_eq!(messages.count(), 5, "pieces of {piece}");
        }
    }

    #[test]
    fn deadlines_are_read_in_all_units() {
        for (text, want) in [
            ("2H", Some(Duration::from_secs(7200))),
            ("3M", Some(Duration::from_secs(180))),
            ("4S", Some(Duration::from_secs(4))),
            ("100m", Some(Duration::from_millis(100))),
            ("5u", Some(Duration::from_micros(5))),
            ("6n", Some(Duration::from_nanos(6))),
            ("", None),
            ("m", None),
            ("5", None),
            ("-1S", None),
            ("123456789S", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            assert_eq!(find_timeout(&headers), want, "{text}");
        }
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for (text, want) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", text.parse().unwrap());
            assert_eq!(is_grpc(&headers), want, "{text}");
        }
        assert_eq!(encode_message("50 % of 2\u{e9}"), "50 %25 of 2%C3%A9");
    }
}
