//! Spans on their way to the collector, by OTLP over gRPC.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};

use super::{Finished, Message, SpanCounts};

/// Spans of one call to the collector.
const MAX_SPANS: usize = 512;
/// How long the first span waits for others.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// How long one call may take. Spans that come meanwhile wait in the queue, and are dropped beyond it.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends what comes until all workers have ended.
pub(crate) async fn run_exporter(mut queue: mpsc::Receiver<Message>, counts: Arc<SpanCounts>) {
    let mut exporter = Exporter {
        counts,
        channel: None,
        failed: false,
    };
    let mut spans = Vec::new();
    // When what has gathered goes out, however much comes after its first span.
    let mut due = Instant::now();
    loop {
        let next = if spans.is_empty() {
            let first = queue.recv().await;
            due = Instant::now() + MAX_WAIT;
            first.map(Some)
        } else {
            match tokio::time::timeout_at(due.into(), queue.recv()).await {
                Ok(message) => message.map(Some),
                Err(_) => Some(None),
            }
        };
        let flushed = match next {
            Some(Some(Message::Spans(more))) => {
                spans.extend(more);
                if spans.len() < MAX_SPANS {
                    continue;
                }
                None
            }
            Some(Some(Message::Flush(done))) => Some(done),
            Some(None) => None,
            None => return,
        };
        exporter.export(std::mem::take(&mut spans)).await;
        if let Some(done) = flushed {
            let _ = done.send(());
        }
    }
}

struct Exporter {
    counts: Arc<SpanCounts>,
    /// There is one collector in nearly all plans.
    channel: Option<(SocketAddr, TraceServiceClient<Channel>)>,
    /// Whether the last call failed: that is said once.
    failed: bool,
}

impl Exporter {
    async fn export(&mut self, spans: Vec<Finished>) {
        let mut by_collector: BTreeMap<SocketAddr, Vec<Finished>> = BTreeMap::new();
        for span in spans {
            by_collector.entry(span.tracing.collector).or_default().push(span);
        }
        for (collector, spans) in by_collector {
            let count = spans.len();
            let sent = tokio::time::timeout(LIMIT, self.client(collector).export(request(&spans))).await;
            let failure = match sent {
                Ok(Ok(answer)) => {
                    let refused = answer.into_inner().partial_success;
                    let refused = refused.map_or(0, |refused| refused.rejected_spans.unsigned_abs());
                    let taken = (count as u64).saturating_sub(refused);
                    self.counts.exported.fetch_add(taken, Ordering::Relaxed);
                    self.counts.dropped.fetch_add(refused, Ordering::Relaxed);
                    None
                }
                Ok(Err(status)) => Some(format!("{}: {}", status.code(), status.message())),
                Err(_) => Some("no answer in time".to_owned()),
            };
            let was_failing = std::mem::replace(&mut self.failed, failure.is_some());
            if let Some(failure) = failure {
                self.counts.drop_spans(count);
                if !was_failing {
                    tracing::warn!(%collector, "spans are dropped, the collector does not take them: {failure}");
                }
            }
        }
    }

    fn client(&mut self, collector: SocketAddr) -> &mut TraceServiceClient<Channel> {
        if self
            .channel
            .as_ref()
            .is_none_or(|(address, _)| *address != collector)
        {
            self.channel = None;
        }
        let (_, client) = self.channel.get_or_insert_with(|| {
            let endpoint = Endpoint::from_shared(format!("http://{collector}"));
            let endpoint = endpoint.expect("an address and a port make an address of the web");
            let channel = endpoint.connect_timeout(LIMIT).connect_lazy();
            (collector, TraceServiceClient::new(channel))
        });
        client
    }
}

/// Spans of one process may have several service names: each is a resource.
fn request(spans: &[Finished]) -> ExportTraceServiceRequest {
    let now = (Instant::now(), SystemTime::now());
    let mut by_service: BTreeMap<Arc<str>, Vec<_>> = BTreeMap::new();
    for span in spans {
        let service = span.tracing.service.clone();
        by_service.entry(service).or_default().push(span.to_otlp(now));
    }
    let resources = by_service.into_iter().map(|(service, spans)| ResourceSpans {
        resource: Some(resource(&service)),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope {
                name: "vigla-proxy".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                ..InstrumentationScope::default()
            }),
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    });
    ExportTraceServiceRequest {
        resource_spans: resources.collect(),
    }
}

fn resource(service: &str) -> Resource {
    let attribute = |key: &str, value: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    };
    let mut attributes = vec![attribute("service.name", service)];
    if let Some((_, namespace)) = service.rsplit_once('.') {
        attributes.push(attribute("service.namespace", namespace));
    }
    Resource {
        attributes,
        ..Resource::default()
    }
}
