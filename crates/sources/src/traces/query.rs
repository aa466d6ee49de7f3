//! What is asked of traces.

use std::{fmt, str::FromStr, time::Duration};

use vigla_model::{Namespace, Scope, Timestamp, WorkloadName};

use super::{Span, Trace, TraceId};

/// Traces of one answer at most: what a list shows without being scrolled for minutes.
pub const MAX_LIMIT: usize = 200;

/// A search: conditions, time and page.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceQuery {
    /// What the caller may read: other spans neither meet conditions nor are counted.
    pub scope: Scope,
    /// What one span must meet.
    pub filter: TraceFilter,
    /// Spans start at or after this.
    pub from: Timestamp,
    /// Spans start before this.
    pub to: Timestamp,
    /// Traces wanted, at most [`MAX_LIMIT`].
    pub limit: usize,
    /// The last trace of the page before.
    pub after: Option<TraceCursor>,
}

/// Conditions on one span; absent ones are met by every span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceFilter {
    /// Service as it calls itself.
    pub service: Option<String>,
    /// Name of the span.
    pub operation: Option<String>,
    /// Namespaces, of which one is the writer's.
    pub namespaces: Option<Vec<Namespace>>,
    /// Workload that wrote it.
    pub workload: Option<WorkloadName>,
    /// Not shorter than this.
    pub min_duration: Option<Duration>,
    /// Not longer than this.
    pub max_duration: Option<Duration>,
    /// Failed, or not.
    pub error: Option<bool>,
    /// Tags with values, all of them.
    pub tags: Vec<(String, String)>,
}

impl TraceFilter {
    /// Whether the span meets all.
    pub fn matches(&self, span: &Span) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        same(&self.service, &span.service)
            && same(&self.operation, &span.name)
            && self.namespaces.as_ref().is_none_or(|wanted| {
                let is = span.workload.namespace.as_ref();
                is.is_some_and(|is| wanted.contains(is))
            })
            && self
                .workload
                .as_ref()
                .is_none_or(|wanted| Some(wanted) == span.workload.workload.as_ref())
            && self
                .min_duration
                .is_none_or(|least| u128::from(span.duration_ns) >= least.as_nanos())
            && self
                .max_duration
                .is_none_or(|most| u128::from(span.duration_ns) <= most.as_nanos())
            && self.error.is_none_or(|wanted| wanted == span.is_error())
            && self.tags.iter().all(|(key, text)| {
                let mut tags = span.tags.iter();
                tags.any(|tag| &*tag.key == key.as_str() && tag.value.reads(text))
            })
    }
}

impl TraceQuery {
    /// Whether a span starts in the time that is asked for.
    pub fn covers(&self, start_ns: u64) -> bool {
        (self.from_ns()..self.to_ns()).contains(&start_ns)
    }

    /// Start of the time in nanoseconds since 1970.
    pub fn from_ns(&self) -> u64 {
        nanos(self.from)
    }

    /// End of the time in nanoseconds since 1970.
    pub fn to_ns(&self) -> u64 {
        nanos(self.to)
    }

    /// Whether a span that the caller may read meets all conditions.
    pub fn matches(&self, trace: &Trace) -> bool {
        trace.spans.iter().any(|span| {
            self.covers(span.start_ns) && span.is_readable(&self.scope) && self.filter.matches(span)
        })
    }
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.millis()).unwrap_or(0).saturating_mul(1_000_000)
}

/// A place in the order of traces, newest first: start and id of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceCursor {
    /// Start of the trace, as a source orders by it, in nanoseconds since 1970.
    pub start_ns: u64,
    /// Id of the trace.
    pub id: TraceId,
}

impl fmt::Display for TraceCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start_ns, self.id)
    }
}

impl FromStr for TraceCursor {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (start, id) = text.split_once('-').ok_or(())?;
        Ok(Self {
            start_ns: start.parse().map_err(|_| ())?,
            id: id.parse().map_err(|_| ())?,
        })
    }
}
