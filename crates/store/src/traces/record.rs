//! One trace as it is kept: its rows, and what keeps a search from looking at them.

use std::mem::size_of;

use twox_hash::XxHash3_64;
use vigla_model::{Namespace, Scope};
use vigla_sources::traces::{Span, TraceCursor, TraceFilter, TraceQuery};

use super::{
    dictionary::Dictionary,
    row::{self, Row},
};

/// What a trace costs beside its rows and terms: places in the two maps and in the order of arrival, and what the
/// allocator adds.
const OVERHEAD: usize = size_of::<Record>() + 2 * size_of::<TraceCursor>() + 96;

/// One trace.
#[derive(Debug)]
pub(crate) struct Record {
    /// Start of the span that came first; rows count from here.
    pub(crate) base_ns: u64,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    longest_ns: u64,
    shortest_ns: u64,
    pub(crate) spans: usize,
    /// Spans that were over the bound.
    pub(crate) dropped: usize,
    /// What its spans say, as sorted hashes: a trace without a term of the question need not be read.
    terms: Vec<u32>,
    rows: Vec<u8>,
}

impl Record {
    pub(crate) fn new(base_ns: u64) -> Self {
        Self {
            base_ns,
            start_ns: u64::MAX,
            end_ns: 0,
            longest_ns: 0,
            shortest_ns: u64::MAX,
            spans: 0,
            dropped: 0,
            terms: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        OVERHEAD + self.rows.capacity() + self.terms.capacity() * size_of::<u32>()
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        row::rows(&self.rows, self.base_ns)
    }

    fn holds(&self, span: &Span) -> bool {
        let (id, kind) = (span.id.get(), row::kind_number(span.kind));
        self.rows().any(|row| row.id == id && row.kind == kind)
    }

    /// Takes spans in up to the bounds; each (id, kind) once. Returns how many were new and kept.
    pub(crate) fn take(
        &mut self,
        spans: &[&Span],
        dictionary: &mut Dictionary,
        (most_spans, most_bytes): (usize, usize),
    ) -> usize {
        let (mut new, mut terms, mut kept) = (Vec::new(), Vec::new(), 0);
        for span in spans {
            let twice = row::rows(&new, self.base_ns)
                .any(|row| row.id == span.id.get() && row.kind == row::kind_number(span.kind));
            if twice || self.holds(span) {
                continue;
            }
            if self.spans >= most_spans || self.rows.len() + new.len() >= most_bytes {
                self.dropped += 1;
                continue;
            }
            row::write(&mut new, span, self.base_ns, dictionary);
            add_terms(span, &mut terms);
            self.start_ns = self.start_ns.min(span.start_ns);
            self.end_ns = self.end_ns.max(span.end_ns());
            self.longest_ns = self.longest_ns.max(span.duration_ns);
            self.shortest_ns = self.shortest_ns.min(span.duration_ns);
            self.spans += 1;
            kept += 1;
        }
        // A little room for spans that come later, instead of twice the size.
        let room = new.len() + self.rows.len() / 8;
        if self.rows.capacity() - self.rows.len() < new.len() {
            self.rows.reserve_exact(room);
        }
        self.rows.extend_from_slice(&new);
        terms.retain(|term| self.terms.binary_search(term).is_err());
        terms.sort_unstable();
        terms.dedup();
        if !terms.is_empty() {
            self.terms.reserve_exact(terms.len());
            self.terms.append(&mut terms);
            self.terms.sort_unstable();
        }
        kept
    }

    fn has(&self, term: u32) -> bool {
        self.terms.binary_search(&term).is_ok()
    }

    /// Whether a span could meet the conditions; `terms` are those of [`terms_of`], `one_of` of [`namespace_terms`].
    pub(crate) fn may_match(&self, filter: &TraceFilter, terms: &[u32], one_of: &[Vec<u32>]) -> bool {
        let nanos = |limit: Option<std::time::Duration>| limit.map(|limit| limit.as_nanos());
        nanos(filter.min_duration).is_none_or(|least| u128::from(self.longest_ns) >= least)
            && nanos(filter.max_duration).is_none_or(|most| u128::from(self.shortest_ns) <= most)
            && terms.iter().all(|term| self.has(*term))
            && one_of
                .iter()
                .all(|terms| terms.iter().any(|term| self.has(*term)))
    }
}

/// Kinds of terms. Two things with one hash only cost a look at the rows.
const SERVICE: u8 = 0;
const OPERATION: u8 = 1;
const WORKLOAD: u8 = 2;
const ERROR: u8 = 3;
const TAG: u8 = 4;
const NAMESPACE: u8 = 5;

fn term(kind: u8, text: &str) -> u32 {
    XxHash3_64::oneshot_with_seed(kind.into(), text.as_bytes()) as u32
}

fn tag_term(key: &str, value: &str) -> u32 {
    let key = XxHash3_64::oneshot_with_seed(TAG.into(), key.as_bytes());
    XxHash3_64::oneshot_with_seed(key, value.as_bytes()) as u32
}

fn add_terms(span: &Span, terms: &mut Vec<u32>) {
    terms.push(term(SERVICE, &span.service));
    terms.push(term(OPERATION, &span.name));
    if let Some(namespace) = &span.workload.namespace {
        terms.push(term(NAMESPACE, namespace.as_str()));
    }
    if let Some(workload) = &span.workload.workload {
        terms.push(term(WORKLOAD, workload.as_str()));
    }
    if span.is_error() {
        terms.push(term(ERROR, ""));
    }
    for tag in &span.tags {
        terms.push(tag_term(&tag.key, &tag.value.to_string()));
    }
}

/// Terms of which a trace must have one: namespaces that are asked for, and such that the caller may read.
pub(crate) fn namespace_terms(query: &TraceQuery) -> Vec<Vec<u32>> {
    let of = |name: &Namespace| term(NAMESPACE, name.as_str());
    let asked = query
        .filter
        .namespaces
        .as_ref()
        .map(|names| names.iter().map(of).collect());
    let readable = match &query.scope {
        Scope::All => None,
        Scope::Namespaces(names) => Some(names.iter().map(of).collect()),
    };
    asked.into_iter().chain(readable).collect()
}

/// Terms that a trace must have to meet the conditions.
pub(crate) fn terms_of(filter: &TraceFilter) -> Vec<u32> {
    let mut terms = Vec::new();
    terms.extend(filter.service.as_deref().map(|text| term(SERVICE, text)));
    terms.extend(filter.operation.as_deref().map(|text| term(OPERATION, text)));
    terms.extend(filter.workload.as_ref().map(|name| term(WORKLOAD, name.as_str())));
    if filter.error == Some(true) {
        terms.push(term(ERROR, ""));
    }
    terms.extend(filter.tags.iter().map(|(key, value)| tag_term(key, value)));
    terms
}
