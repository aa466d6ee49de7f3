//! Spans and traces, as every source gives them.

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
    sync::Arc,
};

use vigla_model::{PeerIdentity, Scope};

use super::{SpanId, TraceId};

/// What a span stands for in its call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanKind {
    /// Nobody said.
    #[default]
    Unknown,
    /// Work inside a process.
    Internal,
    /// The callee's side of a call.
    Server,
    /// The caller's side of a call.
    Client,
    /// A message is sent.
    Producer,
    /// A message is taken.
    Consumer,
}

/// How a span ended, as its writer says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SpanStatus {
    /// Nobody said.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// Failed.
    Error,
}

/// Value of a tag. Lists, maps and bytes come as JSON text.
#[derive(Debug, Clone, PartialEq)]
pub enum TagValue {
    /// Text.
    Text(Arc<str>),
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
}

impl fmt::Display for TagValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
        }
    }
}

impl TagValue {
    /// Whether the value reads like this text: what a search compares.
    pub fn reads(&self, text: &str) -> bool {
        /// Compares while it is written, so that a search allocates nothing.
        struct Rest<'a>(&'a str);
        impl Write for Rest<'_> {
            fn write_str(&mut self, part: &str) -> fmt::Result {
                self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
                Ok(())
            }
        }
        let mut rest = Rest(text);
        write!(rest, "{self}").is_ok() && rest.0.is_empty()
    }
}

/// One tag (OpenTelemetry: attribute) of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    /// Name, such as `http.status_code`.
    pub key: Arc<str>,
    /// Value.
    pub value: TagValue,
}

/// Something that happened within a span.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanEvent {
    /// When, in nanoseconds since 1970.
    pub at_ns: u64,
    /// What.
    pub name: Arc<str>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// A span of another trace, or another branch of this one, that caused or followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanLink {
    /// Its trace.
    pub trace: TraceId,
    /// Itself.
    pub span: SpanId,
}

/// One span. Tags, events and links are bounded (`Limits`); `dropped` counts what was over.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Id within the trace. A client and a server span of Zipkin may share one.
    pub id: SpanId,
    /// The span that this one is part of; `None` for a root.
    pub parent: Option<SpanId>,
    /// Operation, such as `GET /productpage`.
    pub name: Arc<str>,
    /// What it stands for.
    pub kind: SpanKind,
    /// Start in nanoseconds since 1970.
    pub start_ns: u64,
    /// Length in nanoseconds.
    pub duration_ns: u64,
    /// Service that wrote it, as it calls itself.
    pub service: Arc<str>,
    /// Who wrote it, as far as its tags tell.
    pub workload: PeerIdentity,
    /// Tags of the span, then those of its process.
    pub tags: Vec<Tag>,
    /// How it ended.
    pub status: SpanStatus,
    /// Words to the status.
    pub message: Option<Arc<str>>,
    /// What happened within.
    pub events: Vec<SpanEvent>,
    /// Related spans.
    pub links: Vec<SpanLink>,
    /// Tags, events and links that were left out, here or by the writer.
    pub dropped: u32,
}

impl Span {
    /// Whether it failed: by its status, or by the older tag `error`.
    pub fn is_error(&self) -> bool {
        self.status == SpanStatus::Error || self.tag("error").is_some_and(|value| value.reads("true"))
    }

    /// Value of a tag.
    pub fn tag(&self, key: &str) -> Option<&TagValue> {
        self.tags
            .iter()
            .find(|tag| &*tag.key == key)
            .map(|tag| &tag.value)
    }

    /// End in nanoseconds since 1970.
    pub fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.duration_ns)
    }

    /// Whether the caller may read it. A span that does not tell its namespace is for those only who may read all.
    pub fn is_readable(&self, scope: &Scope) -> bool {
        match scope {
            Scope::All => true,
            Scope::Namespaces(_) => {
                let namespace = self.workload.namespace.as_ref();
                namespace.is_some_and(|namespace| scope.allows(namespace.as_str()))
            }
        }
    }
}

/// A trace, or what the caller may read of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Id.
    pub id: TraceId,
    /// Spans by start, parents before children where clocks agree.
    pub spans: Vec<Span>,
    /// Spans that the caller may not read.
    pub withheld: usize,
    /// Spans that were over the bound of a trace.
    pub dropped: usize,
}

impl Trace {
    /// A trace of these spans in order, each (id, kind) once: exporters send again what they think got lost.
    pub fn new(id: TraceId, mut spans: Vec<Span>) -> Self {
        let mut seen = BTreeSet::new();
        spans.retain(|span| seen.insert((span.id, span.kind)));
        spans.sort_by_key(|span| (span.start_ns, std::cmp::Reverse(span.duration_ns), span.id));
        Self {
            id,
            spans,
            withheld: 0,
            dropped: 0,
        }
    }

    /// What the caller may read; `None` when that is nothing.
    pub fn only(mut self, scope: &Scope) -> Option<Self> {
        let all = self.spans.len();
        self.spans.retain(|span| span.is_readable(scope));
        self.withheld += all - self.spans.len();
        (!self.spans.is_empty()).then_some(self)
    }

    /// Start of the first span.
    pub fn start_ns(&self) -> u64 {
        self.spans
            .iter()
            .map(|span| span.start_ns)
            .min()
            .unwrap_or_default()
    }

    /// From the first start to the last end.
    pub fn duration_ns(&self) -> u64 {
        let end = self.spans.iter().map(Span::end_ns).max().unwrap_or_default();
        end.saturating_sub(self.start_ns())
    }

    /// The span without parent, else the first one: its parent was not recorded, or is withheld.
    pub fn root(&self) -> Option<&Span> {
        self.spans
            .iter()
            .find(|span| span.parent.is_none())
            .or_else(|| self.spans.first())
    }
}
