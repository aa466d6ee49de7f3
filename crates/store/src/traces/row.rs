//! One span as a row of bytes: what a search looks at first, then its tags, then the rest.
//!
//! Numbers are of variable length; texts are numbers of the dictionary, or stand in the row. Times are relative to the
//! first span that came of the trace.

use std::sync::Arc;

use vigla_model::{AppName, ClusterName, Namespace, PeerIdentity, Version, WorkloadName};
use vigla_sources::traces::{
    Span, SpanEvent, SpanId, SpanKind, SpanLink, SpanStatus, Tag, TagValue, TraceId,
};

use super::dictionary::Dictionary;

/// A text in a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text<'a> {
    /// In the dictionary, under this number.
    Known(u32),
    /// Here.
    Here(&'a [u8]),
}

impl Text<'_> {
    /// Whether it is this text, which has this number if any.
    pub(crate) fn is(self, text: &str, number: Option<u32>) -> bool {
        match self {
            Self::Known(known) => number == Some(known),
            Self::Here(bytes) => bytes == text.as_bytes(),
        }
    }

    /// The text itself.
    pub(crate) fn get(self, dictionary: &Dictionary) -> Arc<str> {
        match self {
            Self::Known(number) => dictionary.text(number).clone(),
            Self::Here(bytes) => str::from_utf8(bytes).expect("rows hold texts").into(),
        }
    }
}

/// What a search looks at.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) id: u64,
    pub(crate) kind: u8,
    pub(crate) error: bool,
    pub(crate) start_ns: u64,
    pub(crate) duration_ns: u64,
    pub(crate) service: Text<'a>,
    pub(crate) name: Text<'a>,
    pub(crate) namespace: Option<Text<'a>>,
    pub(crate) workload: Option<Text<'a>>,
    status: u8,
    has: u8,
    rest: Reader<'a>,
}

const STATUS: [SpanStatus; 3] = [SpanStatus::Unset, SpanStatus::Ok, SpanStatus::Error];
const KINDS: [SpanKind; 6] = [
    SpanKind::Unknown,
    SpanKind::Internal,
    SpanKind::Server,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
];
const NAMESPACE: u8 = 1;
const WORKLOAD: u8 = 2;
const PARENT: u8 = 4;
const CLUSTER: u8 = 8;
const APP: u8 = 16;
const VERSION: u8 = 32;
const MESSAGE: u8 = 64;
/// Bytes of the length before each row.
const LENGTH: usize = 4;

/// Number of a kind, as rows hold it.
pub(crate) fn kind_number(kind: SpanKind) -> u8 {
    let place = KINDS.iter().position(|known| *known == kind);
    u8::try_from(place.unwrap_or_default()).expect("there are six")
}

/// Appends a span.
pub(crate) fn write(out: &mut Vec<u8>, span: &Span, base_ns: u64, dictionary: &mut Dictionary) {
    let from = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    out.extend_from_slice(&span.id.get().to_le_bytes());
    let status = STATUS
        .iter()
        .position(|known| *known == span.status)
        .unwrap_or_default();
    let status = u8::try_from(status).expect("there are three");
    out.push(kind_number(span.kind) | status << 3 | u8::from(span.is_error()) << 5);
    let who = &span.workload;
    let has = [
        (NAMESPACE, who.namespace.is_some()),
        (WORKLOAD, who.workload.is_some()),
        (PARENT, span.parent.is_some()),
        (CLUSTER, who.cluster.is_some()),
        (APP, who.app.is_some()),
        (VERSION, who.version.is_some()),
        (MESSAGE, span.message.is_some()),
    ];
    out.push(has.iter().filter(|(_, has)| *has).map(|(bit, _)| bit).sum());
    number(out, zigzag(span.start_ns.wrapping_sub(base_ns).cast_signed()));
    number(out, span.duration_ns);
    name(out, &span.service, dictionary);
    name(out, &span.name, dictionary);
    let mut word = |text: Option<&str>, out: &mut Vec<u8>| {
        if let Some(text) = text {
            name(out, &text.into(), dictionary);
        }
    };
    word(who.namespace.as_ref().map(Namespace::as_str), out);
    word(who.workload.as_ref().map(WorkloadName::as_str), out);
    write_tags(out, &span.tags, dictionary);
    if let Some(parent) = span.parent {
        out.extend_from_slice(&parent.get().to_le_bytes());
    }
    let mut word = |text: Option<&str>, out: &mut Vec<u8>| {
        if let Some(text) = text {
            name(out, &text.into(), dictionary);
        }
    };
    word(who.cluster.as_ref().map(ClusterName::as_str), out);
    word(who.app.as_ref().map(AppName::as_str), out);
    word(who.version.as_ref().map(Version::as_str), out);
    if let Some(message) = &span.message {
        text(out, message, None);
    }
    number(out, span.dropped.into());
    number(out, span.events.len() as u64);
    for event in &span.events {
        number(out, zigzag(event.at_ns.wrapping_sub(base_ns).cast_signed()));
        name(out, &event.name, dictionary);
        write_tags(out, &event.tags, dictionary);
    }
    number(out, span.links.len() as u64);
    for link in &span.links {
        out.extend_from_slice(&link.trace.get().to_le_bytes());
        out.extend_from_slice(&link.span.get().to_le_bytes());
    }
    let length = u32::try_from(out.len() - from - LENGTH).expect("spans are bounded");
    out[from..from + LENGTH].copy_from_slice(&length.to_le_bytes());
}

fn write_tags(out: &mut Vec<u8>, tags: &[Tag], dictionary: &mut Dictionary) {
    number(out, tags.len() as u64);
    for tag in tags {
        let key = dictionary.add(&tag.key);
        text(out, &tag.key, key);
        match &tag.value {
            TagValue::Text(value) => {
                out.push(0);
                let number = dictionary.add_value(key, value);
                text(out, value, number);
            }
            TagValue::Bool(value) => out.extend_from_slice(&[1, u8::from(*value)]),
            TagValue::Int(value) => {
                out.push(2);
                number(out, zigzag(*value));
            }
            TagValue::Float(value) => {
                out.push(3);
                out.extend_from_slice(&value.to_le_bytes());
            }
        }
    }
}

fn name(out: &mut Vec<u8>, name: &Arc<str>, dictionary: &mut Dictionary) {
    let number = dictionary.add(name);
    text(out, name, number);
}

fn text(out: &mut Vec<u8>, text: &str, known: Option<u32>) {
    match known {
        Some(known) => number(out, u64::from(known) << 1 | 1),
        None => {
            number(out, (text.len() as u64) << 1);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small numbers of either sign become small ones without.
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// Rows that [`write`] wrote, one after the other.
pub(crate) fn rows(bytes: &[u8], base_ns: u64) -> impl Iterator<Item = Row<'_>> {
    let mut reader = Reader(bytes);
    std::iter::from_fn(move || {
        if reader.0.is_empty() {
            return None;
        }
        let length = u32::from_le_bytes(reader.array()) as usize;
        Some(Row::read(Reader(reader.take(length)), base_ns))
    })
}

impl<'a> Row<'a> {
    fn read(mut reader: Reader<'a>, base_ns: u64) -> Self {
        let id = u64::from_le_bytes(reader.array());
        let [flags, has] = reader.array();
        Self {
            id,
            kind: flags & 7,
            status: flags >> 3 & 3,
            error: flags & 32 != 0,
            start_ns: base_ns.wrapping_add(reader.signed().cast_unsigned()),
            duration_ns: reader.number(),
            service: reader.text(),
            name: reader.text(),
            namespace: (has & NAMESPACE != 0).then(|| reader.text()),
            workload: (has & WORKLOAD != 0).then(|| reader.text()),
            has,
            rest: reader,
        }
    }

    /// Whether a tag of this key (with this number, if any) reads like `value` (with this number, if any).
    pub(crate) fn has_tag(&self, key: (&str, Option<u32>), value: (&str, Option<u32>)) -> bool {
        let mut reader = self.rest;
        let count = reader.number();
        (0..count).any(|_| {
            let same_key = reader.text().is(key.0, key.1);
            match reader.byte() {
                0 => reader.text().is(value.0, value.1) && same_key,
                kind => reader.plain(kind).reads(value.0) && same_key,
            }
        })
    }

    /// The span whole.
    pub(crate) fn span(&self, base_ns: u64, dictionary: &Dictionary) -> Span {
        let mut reader = self.rest;
        let tags = reader.tags(dictionary);
        let has = |bit: u8| self.has & bit != 0;
        let parent = has(PARENT).then(|| u64::from_le_bytes(reader.array()));
        let word = |reader: &mut Reader<'_>, bit: u8| has(bit).then(|| reader.text().get(dictionary));
        let (cluster, app, version) = (
            word(&mut reader, CLUSTER),
            word(&mut reader, APP),
            word(&mut reader, VERSION),
        );
        let message = word(&mut reader, MESSAGE);
        let dropped = u32::try_from(reader.number()).unwrap_or(u32::MAX);
        let events = (0..reader.number()).map(|_| SpanEvent {
            at_ns: base_ns.wrapping_add(reader.signed().cast_unsigned()),
            name: reader.text().get(dictionary),
            tags: reader.tags(dictionary),
        });
        let events = events.collect();
        let links = (0..reader.number()).filter_map(|_| {
            Some(SpanLink {
                trace: TraceId::new(u128::from_le_bytes(reader.array()))?,
                span: SpanId::new(u64::from_le_bytes(reader.array()))?,
            })
        });
        Span {
            id: SpanId::new(self.id).expect("rows are written from spans"),
            parent: parent.and_then(SpanId::new),
            name: self.name.get(dictionary),
            kind: KINDS[usize::from(self.kind)],
            start_ns: self.start_ns,
            duration_ns: self.duration_ns,
            service: self.service.get(dictionary),
            workload: PeerIdentity {
                cluster: cluster.as_deref().map(Into::into),
                namespace: self.namespace.map(|name| (&*name.get(dictionary)).into()),
                workload: self.workload.map(|name| (&*name.get(dictionary)).into()),
                app: app.as_deref().map(Into::into),
                version: version.as_deref().map(Into::into),
                principal: None,
            },
            tags,
            status: STATUS[usize::from(self.status)],
            message,
            events,
            links: links.collect(),
            dropped,
        }
    }
}

/// Reads what [`write`] wrote; other bytes are a broken invariant.
#[derive(Debug, Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("as many were taken")
    }

    fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    fn number(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    fn signed(&mut self) -> i64 {
        let value = self.number();
        (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
    }

    fn text(&mut self) -> Text<'a> {
        let head = self.number();
        if head & 1 == 1 {
            Text::Known(u32::try_from(head >> 1).expect("numbers of the dictionary are small"))
        } else {
            Text::Here(self.take(usize::try_from(head >> 1).expect("texts are short")))
        }
    }

    /// A value that is no text.
    fn plain(&mut self, kind: u8) -> TagValue {
        match kind {
            1 => TagValue::Bool(self.byte() != 0),
            2 => TagValue::Int(self.signed()),
            _ => TagValue::Float(f64::from_le_bytes(self.array())),
        }
    }

    fn tags(&mut self, dictionary: &Dictionary) -> Vec<Tag> {
        let tags = (0..self.number()).map(|_| Tag {
            key: self.text().get(dictionary),
            value: match self.byte() {
                0 => TagValue::Text(self.text().get(dictionary)),
                kind => self.plain(kind),
            },
        });
        tags.collect()
    }
}
