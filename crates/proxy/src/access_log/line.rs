//! One line of the access log.

use std::{
    io::Write,
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue, header};
use vigla_model::ResponseFlags;

/// What the line takes from the request, written down before routing changes the request: a part of the line.
#[derive(Debug, Default)]
pub(crate) struct LineHead {
    text: Vec<u8>,
    has_request_id: bool,
}

impl LineHead {
    /// Takes method, path and headers of an HTTP request. `request_id` is not among them: it may be made later.
    pub(crate) fn new(
        method: &str,
        path: &str,
        protocol: &str,
        authority: &str,
        headers: &HeaderMap,
    ) -> Self {
        let mut out = Vec::with_capacity(256);
        text(&mut out, "method", method.as_bytes());
        text(&mut out, "path", path.as_bytes());
        text(&mut out, "protocol", protocol.as_bytes());
        text(&mut out, "authority", authority.as_bytes());
        let header = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
        optional(
            &mut out,
            "user_agent",
            headers.get(header::USER_AGENT).map(HeaderValue::as_bytes),
        );
        optional(&mut out, "x_forwarded_for", header("x-forwarded-for"));
        Self {
            text: out,
            has_request_id: false,
        }
    }

    /// What a connection has instead of a request.
    pub(crate) fn none() -> Self {
        let mut out = Vec::with_capacity(128);
        for key in [
            "method",
            "path",
            "protocol",
            "authority",
            "user_agent",
            "x_forwarded_for",
        ] {
            optional(&mut out, key, None);
        }
        Self {
            text: out,
            has_request_id: false,
        }
    }

    /// Adds the request's id, once it is known.
    pub(crate) fn add_request_id(&mut self, id: &HeaderValue) {
        text(&mut self.text, "request_id", id.as_bytes());
        self.has_request_id = true;
    }
}

/// All that a line says. Absent values are written `null`.
pub(crate) struct Line<'a> {
    pub(crate) head: &'a LineHead,
    /// How long the request took; it ended now.
    pub(crate) duration: Duration,
    pub(crate) route_name: Option<&'a str>,
    pub(crate) response_code: u16,
    pub(crate) response_flags: ResponseFlags,
    /// Why this answer, in Envoy's words.
    pub(crate) response_code_details: Option<&'a str>,
    /// Name of the authorization rule that decided.
    pub(crate) policy: Option<&'a str>,
    pub(crate) trace_id: Option<u128>,
    pub(crate) connection_termination_details: Option<&'a str>,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    /// Time until the upstream's response head.
    pub(crate) upstream_service_time: Option<Duration>,
    pub(crate) upstream_host: Option<SocketAddr>,
    pub(crate) upstream_cluster: Option<&'a str>,
    pub(crate) upstream_local_address: Option<SocketAddr>,
    pub(crate) upstream_transport_failure_reason: Option<&'a str>,
    pub(crate) downstream_local_address: SocketAddr,
    pub(crate) downstream_remote_address: SocketAddr,
    pub(crate) requested_server_name: Option<&'a str>,
}

impl Line<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>, times: &mut Times) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        out.extend_from_slice(b"{\"start_time\":\"");
        times.write(out, now.saturating_sub(self.duration));
        out.extend_from_slice(b"\",");
        out.extend_from_slice(&self.head.text);
        if !self.head.has_request_id {
            optional(out, "request_id", None);
        }
        number(out, "response_code", self.response_code.into());
        if self.response_flags.is_empty() {
            out.extend_from_slice(b"\"response_flags\":\"-\",");
        } else {
            let _ = write!(out, "\"response_flags\":\"{}\",", self.response_flags);
        }
        optional(
            out,
            "response_code_details",
            self.response_code_details.map(str::as_bytes),
        );
        optional(out, "policy", self.policy.map(str::as_bytes));
        match self.trace_id {
            Some(id) => drop(write!(out, "\"trace_id\":\"{id:032x}\",")),
            None => optional(out, "trace_id", None),
        }
        let termination = self.connection_termination_details.map(str::as_bytes);
        optional(out, "connection_termination_details", termination);
        number(out, "bytes_received", self.bytes_received);
        number(out, "bytes_sent", self.bytes_sent);
        number(out, "duration", millis(self.duration));
        match self.upstream_service_time {
            Some(time) => number(out, "upstream_service_time", millis(time)),
            None => optional(out, "upstream_service_time", None),
        }
        optional(out, "route_name", self.route_name.map(str::as_bytes));
        optional(out, "upstream_cluster", self.upstream_cluster.map(str::as_bytes));
        address(out, "upstream_host", self.upstream_host);
        address(out, "upstream_local_address", self.upstream_local_address);
        let failure = self.upstream_transport_failure_reason.map(str::as_bytes);
        optional(out, "upstream_transport_failure_reason", failure);
        address(
            out,
            "downstream_local_address",
            Some(self.downstream_local_address),
        );
        address(
            out,
            "downstream_remote_address",
            Some(self.downstream_remote_address),
        );
        optional(
            out,
            "requested_server_name",
            self.requested_server_name.map(str::as_bytes),
        );
        out.pop(); // The comma behind the last value.
        out.extend_from_slice(b"}\n");
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn key(out: &mut Vec<u8>, key: &str) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    key(out, name);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    out.push(b',');
}

fn optional(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    match value {
        Some(value) => text(out, name, value),
        None => {
            key(out, name);
            out.extend_from_slice(b"null,");
        }
    }
}

fn address(out: &mut Vec<u8>, name: &str, value: Option<SocketAddr>) {
    match value {
        Some(SocketAddr::V4(address)) => {
            key(out, name);
            out.push(b'"');
            let mut digits = itoa::Buffer::new();
            for octet in address.ip().octets() {
                out.extend_from_slice(digits.format(octet).as_bytes());
                out.push(b'.');
            }
            out.pop();
            out.push(b':');
            out.extend_from_slice(digits.format(address.port()).as_bytes());
            out.extend_from_slice(b"\",");
        }
        Some(other) => text(out, name, other.to_string().as_bytes()),
        None => optional(out, name, None),
    }
}

/// A JSON string. Bytes outside ASCII that are not UTF-8 become `?`: a log reader must not stumble.
fn text(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    key(out, name);
    out.push(b'"');
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) && *byte != b'"' && *byte != b'\\';
    if value.iter().all(plain) {
        out.extend_from_slice(value);
    } else {
        escape(out, value);
    }
    out.extend_from_slice(b"\",");
}

fn escape(out: &mut Vec<u8>, value: &[u8]) {
    for character in String::from_utf8_lossy(value).chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{fffd}' => out.push(b'?'),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04x}", control as u32);
            }
            other => {
                let _ = write!(out, "{other}");
            }
        }
    }
}

/// Writes moments; the part down to the second is kept, because neighbours in a log share it.
#[derive(Debug, Default)]
pub(crate) struct Times {
    second: u64,
    text: Vec<u8>,
}

impl Times {
    /// Writes a moment since 1970 as RFC 3339 with milliseconds.
    fn write(&mut self, out: &mut Vec<u8>, since_1970: Duration) {
        let second = since_1970.as_secs();
        if self.text.is_empty() || second != self.second {
            self.second = second;
            self.text.clear();
            let (year, month, day) = date(second / 86_400);
            let (hours, minutes, seconds) = (second / 3600 % 24, second / 60 % 60, second % 60);
            let _ = write!(
                self.text,
                "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}."
            );
        }
        out.extend_from_slice(&self.text);
        let millis = since_1970.subsec_millis();
        out.extend([100, 10, 1].map(|unit| b'0' + (millis / unit % 10) as u8));
        out.push(b'Z');
    }
}

/// Year, month and day of a day since 1970-01-01. Counts in eras of 400 years, years starting in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // Days from 0000-03-01 to 1970-01-01.
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339() {
        let mut times = Times::default();
        for (millis, want) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_007, "2000-02-29T00:00:00.007Z"),
            (951_782_400_870, "2000-02-29T00:00:00.870Z"),
            (1_795_444_181_123, "2026-11-23T14:29:41.123Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
        ] {
            let mut out = Vec::new();
            times.write(&mut out, Duration::from_millis(millis));
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn a_line_is_json_whatever_the_caller_sends() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "user-agent",
            HeaderValue::from_bytes(b"a\"b\\c\t\xff\xc3\xa9").unwrap(),
        );
        let head = LineHead::new("GET", "/a\"b", "HTTP/1.1", "reviews:9080", &headers);
        let line = Line {
            head: &head,
            duration: Duration::from_millis(12),
            route_name: Some("default"),
            response_code: 503,
            response_flags: ResponseFlags::NONE.with(vigla_model::ResponseFlag::UpstreamFailure),
            response_code_details: Some("x{y}"),
            policy: None,
            trace_id: None,
            connection_termination_details: None,
            bytes_received: 0,
            bytes_sent: 7,
            upstream_service_time: None,
            upstream_host: Some("127.64.1.1:9080".parse().unwrap()),
            upstream_cluster: Some("outbound|9080||reviews"),
            upstream_local_address: None,
            upstream_transport_failure_reason: None,
            downstream_local_address: "[::1]:80".parse().unwrap(),
            downstream_remote_address: "127.0.0.1:5".parse().unwrap(),
            requested_server_name: None,
        };
        let mut out = Vec::new();
        line.write(&mut out, &mut Times::default());
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json["path"], "/a\"b");
        assert_eq!(json["user_agent"], "a\"b\\c\t?é");
        assert_eq!(json["upstream_host"], "127.64.1.1:9080");
        assert_eq!(json["downstream_local_address"], "[::1]:80");
        assert_eq!(json["response_flags"], "UF");
        assert_eq!(json["upstream_service_time"], serde_json::Value::Null);
        assert_eq!(json.as_object().unwrap().len(), 26);
    }
}
