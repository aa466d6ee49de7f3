//! Where a request stands in its trace: read from the caller's headers, written into ours.
//!
//! Read are W3C `traceparent`, B3 in one header, and B3 in several; the first that is there counts. Written are W3C
//! and what came, so that an application may pass on whichever it knows.

use http::{HeaderMap, HeaderName, HeaderValue};
use vigla_dataplane::{Dice, Tracing};

use super::{Request, Try};
use crate::random::Random;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const B3: HeaderName = HeaderName::from_static("b3");
const B3_TRACE: HeaderName = HeaderName::from_static("x-b3-traceid");
const B3_SPAN: HeaderName = HeaderName::from_static("x-b3-spanid");
const B3_PARENT: HeaderName = HeaderName::from_static("x-b3-parentspanid");
const B3_SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
const B3_FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");
/// Asks for the trace to be recorded, as in Envoy.
const FORCE: HeaderName = HeaderName::from_static("x-envoy-force-trace");

/// What the caller's headers say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Incoming {
    /// Trace and span of the caller.
    parent: Option<(u128, u64)>,
    sampled: Option<bool>,
    b3: bool,
    b3_multi: bool,
}

impl Incoming {
    fn read(headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let mut incoming = Self {
            b3: headers.contains_key(B3),
            b3_multi: headers.contains_key(B3_TRACE) || headers.contains_key(B3_SAMPLED),
            ..Self::default()
        };
        if let Some((trace, span, sampled)) = text(&TRACEPARENT).and_then(parse_traceparent) {
            incoming.parent = Some((trace, span));
            incoming.sampled = Some(sampled);
        } else if let Some(single) = text(&B3) {
            let mut parts = single.split('-');
            let first = parts.next().unwrap_or_default();
            let ids = parts.next().and_then(|span| ids(first, span));
            let decision = if ids.is_some() { parts.next() } else { Some(first) };
            incoming.parent = ids;
            incoming.sampled = decision.and_then(parse_decision);
        } else if incoming.b3_multi || headers.contains_key(B3_FLAGS) {
            incoming.parent = text(&B3_TRACE).and_then(|trace| ids(trace, text(&B3_SPAN)?));
            let debug = (text(&B3_FLAGS) == Some("1")).then_some(true);
            incoming.sampled = debug.or_else(|| text(&B3_SAMPLED).and_then(parse_decision));
        }
        incoming
    }
}

/// Trace, span and decision; `None` for what the standard calls invalid.
fn parse_traceparent(text: &str) -> Option<(u128, u64, bool)> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_known = match version {
        "00" => parts.next().is_none(),
        // Later versions may have more behind, but begin alike.
        later => later.len() == 2 && later != "ff" && hex(later, 2).is_some(),
    };
    if !is_known || trace.len() != 32 {
        return None;
    }
    let (trace, span) = ids(trace, span)?;
    Some((trace, span, hex(flags, 2)? & 1 == 1))
}

/// Ids of a trace (of 16 or 32 digits) and a span, which are not zero.
fn ids(trace: &str, span: &str) -> Option<(u128, u64)> {
    let trace = hex(trace, 32).or_else(|| hex(trace, 16))?;
    let span = u64::try_from(hex(span, 16)?).ok()?;
    (trace != 0 && span != 0).then_some((trace, span))
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

fn parse_decision(text: &str) -> Option<bool> {
    match text {
        "1" | "d" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

/// The trace of one request.
pub(crate) struct Trace {
    pub(crate) trace_id: u128,
    /// The caller's span.
    pub(crate) parent: Option<u64>,
    /// Our span for the request as it came in; not where requests only go out.
    pub(crate) server_span: Option<u64>,
    /// `service.name` of our spans, and where they go.
    pub(crate) tracing: Tracing,
    b3: bool,
    b3_multi: bool,
    /// What is written down for spans; `None`: the trace is not recorded.
    pub(crate) request: Option<Box<Request>>,
    /// The try that runs.
    pub(crate) current: Option<Try>,
    pub(crate) tries: u32,
}

impl Trace {
    /// Continues the caller's trace, or starts one. `request` is asked only when it is recorded.
    pub(crate) fn start(
        headers: &HeaderMap,
        tracing: &Tracing,
        has_server_span: bool,
        random: &Random,
        request: impl FnOnce() -> Request,
    ) -> Self {
        let incoming = Incoming::read(headers);
        let by_chance = || (&mut &*random).roll(1_000_000) < tracing.sampling;
        let is_recorded = headers.contains_key(FORCE) || incoming.sampled.unwrap_or_else(by_chance);
        Self {
            trace_id: incoming
                .parent
                .map_or_else(|| random.trace_id(), |parent| parent.0),
            parent: incoming.parent.map(|parent| parent.1),
            server_span: has_server_span.then(|| random.span_id()),
            tracing: tracing.clone(),
            b3: incoming.b3,
            b3_multi: incoming.b3_multi,
            request: is_recorded.then(|| Box::new(request())),
            current: None,
            tries: 0,
        }
    }

    /// Tells the next hop that it is called from this span.
    pub(crate) fn write(&self, span: u64, headers: &mut HeaderMap) {
        let trace = self.trace_id;
        let sampled = u8::from(self.request.is_some());
        let mut put = |name: HeaderName, text: String| {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        };
        put(TRACEPARENT, format!("00-{trace:032x}-{span:016x}-{sampled:02x}"));
        if self.b3 {
            put(B3, format!("{trace:032x}-{span:016x}-{sampled}"));
        }
        if self.b3_multi {
            put(B3_TRACE, format!("{trace:032x}"));
            put(B3_SPAN, format!("{span:016x}"));
            put(B3_SAMPLED, sampled.to_string());
        }
        match self.server_span.or(self.parent) {
            Some(parent) if self.b3_multi && parent != span => put(B3_PARENT, format!("{parent:016x}")),
            _ => drop(headers.remove(B3_PARENT)),
        }
        if self.parent.is_none() {
            // It belongs to a trace that could not be read.
            headers.remove(TRACESTATE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
    const SPAN: u64 = 0x00f0_67aa_0ba9_02b7;
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const SINGLE: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1-05e3ac9a4f6e3b90";

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = all.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::try_from(*value).unwrap(),
            )
        });
        pairs.collect()
    }

    #[test]
    fn contexts_are_read_in_three_forms_and_invalid_ones_are_none() {
        let known = Some((TRACE, SPAN));
        let none = (None, None);
        for (given, want) in [
            (vec![("traceparent", PARENT)], (known, Some(true))),
            (
                vec![("traceparent", &PARENT.replace("-01", "-00")[..])],
                (known, Some(false)),
            ),
            (
                vec![("traceparent", &PARENT.replacen("00-", "cc-", 1)[..])],
                (known, Some(true)),
            ),
            (vec![("traceparent", &PARENT.replacen("00-", "ff-", 1)[..])], none),
            (vec![("traceparent", &format!("{PARENT}-more")[..])], none),
            (vec![("traceparent", &PARENT.replace('4', "g")[..])], none),
            (
                vec![(
                    "traceparent",
                    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                )],
                none,
            ),
            (vec![("b3", SINGLE)], (known, Some(true))),
            (vec![("b3", &SINGLE[..49])], (known, None)),
            (vec![("b3", "0")], (None, Some(false))),
            (vec![("b3", "d")], (None, Some(true))),
            (
                vec![
                    ("x-b3-traceid", &SINGLE[..32]),
                    ("x-b3-spanid", &SINGLE[33..49]),
                    ("x-b3-sampled", "0"),
                ],
                (known, Some(false)),
            ),
            (
                vec![
                    ("x-b3-traceid", "a3ce929d0e0e4736"),
                    ("x-b3-spanid", &SINGLE[33..49]),
                    ("x-b3-flags", "1"),
                ],
                (Some((0xa3ce_929d_0e0e_4736, SPAN)), Some(true)),
            ),
            (vec![("x-b3-sampled", "1")], (None, Some(true))),
            (vec![("traceparent", PARENT), ("b3", "0")], (known, Some(true))),
            (vec![], none),
        ] {
            let read = Incoming::read(&headers(&given));
            assert_eq!((read.parent, read.sampled), want, "{given:?}");
        }
    }

    #[test]
    fn what_is_written_is_w3c_and_what_came() {
        let tracing = Tracing {
            sampling: 0,
            collector: "127.0.0.1:4317".parse().unwrap(),
            service: "reviews.bookinfo".into(),
        };
        let start =
            |given: &HeaderMap| Trace::start(given, &tracing, false, &Random::new(), Request::default);
        let mut given = headers(&[("b3", SINGLE), ("tracestate", "a=1")]);
        let trace = start(&given);
        assert!(trace.request.is_some());
        trace.write(0xab, &mut given);
        assert_eq!(
            given["traceparent"],
            format!("00-{TRACE:032x}-00000000000000ab-01")
        );
        assert_eq!(given["b3"], format!("{TRACE:032x}-00000000000000ab-1"));
        assert_eq!(given["tracestate"], "a=1");
        assert!(!given.contains_key("x-b3-traceid"));
        // A trace that starts here and is not recorded says so to those that follow.
        let mut given = headers(&[("tracestate", "a=1")]);
        let trace = start(&given);
        assert!(trace.request.is_none());
        trace.write(0xab, &mut given);
        assert_eq!(
            given["traceparent"],
            format!("00-{:032x}-00000000000000ab-00", trace.trace_id)
        );
        assert!(!given.contains_key("tracestate"));
        assert!(start(&headers(&[("x-envoy-force-trace", "1")])).request.is_some());
    }
}
