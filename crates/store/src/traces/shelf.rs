//! All traces: in order of start for searches, in order of arrival for what has to go.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Bound,
};

use vigla_model::{Scope, WorkloadName};
use vigla_sources::traces::{Span, Trace, TraceCursor, TraceId, TracePage, TraceQuery, TraceSummary};

use super::{
    TraceSettings,
    dictionary::Dictionary,
    record::{Record, namespace_terms, terms_of},
    row::{Row, Text},
};

#[derive(Debug)]
pub(crate) struct Shelf {
    settings: TraceSettings,
    by_start: BTreeMap<TraceCursor, Record>,
    starts: HashMap<TraceId, u64>,
    /// The trace that came first is the first to go, whatever its spans say about time.
    arrivals: VecDeque<TraceId>,
    dictionary: Dictionary,
    /// Bytes of all records.
    bytes: usize,
    pub(crate) spans: usize,
    /// No trace is longer than this; it is not taken back.
    longest_ns: u64,
    /// Traces that went before they were asked for, since the start.
    pub(crate) evicted: u64,
}

impl Shelf {
    pub(crate) fn new(settings: TraceSettings) -> Self {
        Self {
            settings,
            by_start: BTreeMap::new(),
            starts: HashMap::new(),
            arrivals: VecDeque::new(),
            // Names are shared by all traces, but they may not take the room of these.
            dictionary: Dictionary::new(settings.bytes / 8),
            bytes: 0,
            spans: 0,
            longest_ns: 0,
            evicted: 0,
        }
    }

    /// Takes spans of one trace in; returns how many were new and kept, and how many had no room in their trace.
    pub(crate) fn take(&mut self, id: TraceId, spans: &[&Span]) -> (usize, usize) {
        let Some(first) = spans.first() else { return (0, 0) };
        let known = self.starts.get(&id).copied();
        let mut record = match known.and_then(|start_ns| self.by_start.remove(&TraceCursor { start_ns, id }))
        {
            Some(record) => {
                self.bytes -= record.bytes();
                self.spans -= record.spans;
                record
            }
            None => {
                self.arrivals.push_back(id);
                Record::new(first.start_ns)
            }
        };
        let before = record.dropped;
        // One trace may not push all others out.
        let bounds = (self.settings.spans_of_trace, self.settings.bytes / 16);
        let kept = record.take(spans, &mut self.dictionary, bounds);
        let dropped = record.dropped - before;
        if record.spans == 0 {
            self.arrivals.pop_back();
            return (0, dropped);
        }
        self.longest_ns = self.longest_ns.max(record.end_ns.saturating_sub(record.start_ns));
        self.bytes += record.bytes();
        self.spans += record.spans;
        self.starts.insert(id, record.start_ns);
        self.by_start.insert(
            TraceCursor {
                start_ns: record.start_ns,
                id,
            },
            record,
        );
        self.tidy();
        (kept, dropped)
    }

    fn tidy(&mut self) {
        while self.traces() > self.settings.traces || self.bytes() > self.settings.bytes {
            let Some(id) = self.arrivals.pop_front() else {
                return;
            };
            let start_ns = self.starts.remove(&id).expect("every arrival is on the shelf");
            let record = self.by_start.remove(&TraceCursor { start_ns, id });
            let record = record.expect("every arrival is on the shelf");
            self.bytes -= record.bytes();
            self.spans -= record.spans;
            self.evicted += 1;
        }
    }

    pub(crate) fn traces(&self) -> usize {
        self.by_start.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.dictionary.bytes()
    }

    /// Start of the newest trace.
    pub(crate) fn newest_ns(&self) -> Option<u64> {
        self.by_start.last_key_value().map(|(key, _)| key.start_ns)
    }

    pub(crate) fn trace(&self, id: TraceId) -> Option<Trace> {
        let start_ns = *self.starts.get(&id)?;
        let record = self.by_start.get(&TraceCursor { start_ns, id })?;
        Some(self.read(id, record))
    }

    fn read(&self, id: TraceId, record: &Record) -> Trace {
        let spans = record
            .rows()
            .map(|row| row.span(record.base_ns, &self.dictionary));
        Trace {
            dropped: record.dropped,
            ..Trace::new(id, spans.collect())
        }
    }

    pub(crate) fn search(&self, query: &TraceQuery) -> TracePage {
        let (terms, one_of) = (terms_of(&query.filter), namespace_terms(query));
        let wanted = Wanted::new(query, &self.dictionary);
        let last = TraceCursor {
            start_ns: query.to_ns(),
            id: TraceId::new(1).expect("one is not zero"),
        };
        let last = query.after.map_or(last, |after| after.min(last));
        // Spans start within their trace: what began long before the time that is asked for has none in it.
        let first_ns = query.from_ns().saturating_sub(self.longest_ns);
        let (mut items, mut next): (Vec<TraceSummary>, _) = (Vec::new(), None);
        let mut at = None;
        for (key, record) in self
            .by_start
            .range((Bound::Unbounded, Bound::Excluded(last)))
            .rev()
        {
            if key.start_ns < first_ns {
                break;
            }
            let covered =
                record.end_ns >= query.from_ns() && record.may_match(&query.filter, &terms, &one_of);
            if !covered || !record.rows().any(|row| wanted.is(&row, &self.dictionary)) {
                continue;
            }
            if items.len() == query.limit {
                next = at;
                break;
            }
            let trace = self.read(key.id, record).only(&query.scope);
            items.extend(trace.as_ref().and_then(TraceSummary::of));
            at = Some(*key);
        }
        TracePage { items, next }
    }

    /// Names of services, or of the operations of one, among the spans that the caller may read.
    pub(crate) fn names(&self, scope: &Scope, service: Option<&str>) -> Vec<String> {
        let number = service.and_then(|name| self.dictionary.find(name));
        let (mut known, mut names) = (BTreeSet::new(), BTreeSet::new());
        for record in self.by_start.values() {
            for row in record.rows() {
                if service.is_some_and(|service| !row.service.is(service, number)) {
                    continue;
                }
                let name = if service.is_some() { row.name } else { row.service };
                // Most names were seen in the row before.
                let seen = matches!(name, Text::Known(number) if known.contains(&number));
                if seen || !is_readable(&row, scope, &self.dictionary) {
                    continue;
                }
                if let Text::Known(number) = name {
                    known.insert(number);
                }
                names.insert(name.get(&self.dictionary).to_string());
            }
        }
        names.into_iter().collect()
    }
}

/// As [`Span::is_readable`].
fn is_readable(row: &Row<'_>, scope: &Scope, dictionary: &Dictionary) -> bool {
    match (scope, row.namespace) {
        (Scope::All, _) => true,
        (Scope::Namespaces(_), None) => false,
        (Scope::Namespaces(_), Some(Text::Known(number))) => scope.allows(dictionary.text(number)),
        (Scope::Namespaces(_), Some(Text::Here(bytes))) => {
            str::from_utf8(bytes).is_ok_and(|name| scope.allows(name))
        }
    }
}

/// The conditions with the numbers of their texts.
struct Wanted<'a> {
    query: &'a TraceQuery,
    service: Option<u32>,
    operation: Option<u32>,
    workload: Option<u32>,
    tags: Vec<(Option<u32>, Option<u32>)>,
}

impl<'a> Wanted<'a> {
    fn new(query: &'a TraceQuery, dictionary: &Dictionary) -> Self {
        let filter = &query.filter;
        let find = |text: &Option<String>| text.as_deref().and_then(|text| dictionary.find(text));
        Self {
            query,
            service: find(&filter.service),
            operation: find(&filter.operation),
            workload: filter
                .workload
                .as_ref()
                .and_then(|name| dictionary.find(name.as_str())),
            tags: filter
                .tags
                .iter()
                .map(|(key, value)| (dictionary.find(key), dictionary.find(value)))
                .collect(),
        }
    }

    /// As [`TraceQuery::matches`] for one span.
    fn is(&self, row: &Row<'_>, dictionary: &Dictionary) -> bool {
        let filter = &self.query.filter;
        let same = |wanted: Option<&str>, number, is: Option<Text<'_>>| {
            wanted.is_none_or(|wanted| is.is_some_and(|is| is.is(wanted, number)))
        };
        let nanos = u128::from(row.duration_ns);
        self.query.covers(row.start_ns)
            && filter.min_duration.is_none_or(|least| nanos >= least.as_nanos())
            && filter.max_duration.is_none_or(|most| nanos <= most.as_nanos())
            && filter.error.is_none_or(|wanted| wanted == row.error)
            && same(filter.service.as_deref(), self.service, Some(row.service))
            && same(filter.operation.as_deref(), self.operation, Some(row.name))
            && same(
                filter.workload.as_ref().map(WorkloadName::as_str),
                self.workload,
                row.workload,
            )
            && filter.namespaces.as_ref().is_none_or(|wanted| {
                let is = row.namespace.map(|name| name.get(dictionary));
                is.is_some_and(|is| wanted.iter().any(|wanted| wanted.as_str() == &*is))
            })
            && is_readable(row, &self.query.scope, dictionary)
            && filter
                .tags
                .iter()
                .zip(&self.tags)
                .all(|((key, value), numbers)| row.has_tag((key, numbers.0), (value, numbers.1)))
    }
}
