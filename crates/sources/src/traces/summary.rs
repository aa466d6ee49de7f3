//! What a list says of a trace.

use std::{collections::BTreeMap, sync::Arc};

use vigla_model::PeerIdentity;

use super::{Trace, TraceCursor, TraceId};

/// One page of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct TracePage {
    /// Traces, newest first.
    pub items: Vec<TraceSummary>,
    /// Where the next page goes on; `None` when this is the last.
    pub next: Option<TraceCursor>,
}

/// A trace in a line, made of what the caller may read.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSummary {
    /// Id.
    pub id: TraceId,
    /// Service of the root, or of the first span.
    pub service: Arc<str>,
    /// Name of that span.
    pub name: Arc<str>,
    /// Who wrote it.
    pub workload: PeerIdentity,
    /// Whether that span is a root: otherwise what called it was not recorded, or is withheld.
    pub rooted: bool,
    /// HTTP status of that span; `None` when its tags do not tell.
    pub status_code: Option<u16>,
    /// Start of the first span in nanoseconds since 1970.
    pub start_ns: u64,
    /// From the first start to the last end.
    pub duration_ns: u64,
    /// Spans.
    pub spans: usize,
    /// Spans that failed.
    pub errors: usize,
    /// Response flags of proxies, such as `UT`, each once.
    pub flags: Vec<String>,
    /// Services that took part, by first span.
    pub services: Vec<ServiceShare>,
    /// Spans that the caller may not read.
    pub withheld: usize,
}

/// The part of a service in a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceShare {
    /// Service.
    pub name: Arc<str>,
    /// Its spans.
    pub spans: usize,
    /// Those that failed.
    pub errors: usize,
}

/// Names under which writers put the HTTP status: OpenTelemetry's new and old one.
const STATUS_CODE: [&str; 2] = ["http.response.status_code", "http.status_code"];
/// Names under which proxies put their response flags: `vigla-proxy` and Envoy, Istio's telemetry.
const FLAGS: [&str; 2] = ["response_flags", "istio.response_flags"];

impl TraceSummary {
    /// The line of a trace; `None` for one without spans.
    pub fn of(trace: &Trace) -> Option<Self> {
        let root = trace.root()?;
        let mut services: Vec<ServiceShare> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut flags: Vec<String> = Vec::new();
        for span in &trace.spans {
            let place = *places.entry(&span.service).or_insert_with(|| {
                services.push(ServiceShare {
                    name: span.service.clone(),
                    spans: 0,
                    errors: 0,
                });
                services.len() - 1
            });
            services[place].spans += 1;
            services[place].errors += usize::from(span.is_error());
            for text in FLAGS.iter().filter_map(|key| span.tag(key)) {
                let text = text.to_string();
                let words = text.split(',').map(str::trim);
                for word in words.filter(|word| !matches!(*word, "" | "-")) {
                    if !flags.iter().any(|flag| flag == word) {
                        flags.push(word.to_owned());
                    }
                }
            }
        }
        let code = STATUS_CODE.iter().find_map(|key| root.tag(key));
        Some(Self {
            id: trace.id,
            service: root.service.clone(),
            name: root.name.clone(),
            workload: root.workload.clone(),
            rooted: root.parent.is_none(),
            status_code: code.and_then(|code| code.to_string().parse().ok()),
            start_ns: trace.start_ns(),
            duration_ns: trace.duration_ns(),
            spans: trace.spans.len(),
            errors: services.iter().map(|service| service.errors).sum(),
            flags,
            services,
            withheld: trace.withheld,
        })
    }
}
