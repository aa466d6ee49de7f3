//! Spans of requests: contexts are continued from call to call, spans are gathered and sent by OTLP.
//!
//! A sidecar makes one server span for each request that comes in, and one client span for each try that goes
//! out. Nothing here waits: what cannot be sent in time is dropped and counted.

mod context;
mod export;
mod span;

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{mpsc, oneshot};

pub(crate) use context::Trace;
pub(crate) use export::run_exporter;
pub(crate) use span::{Finished, Kind, Request, Side, Try};

/// Spans that a worker hands on together.
const BATCH: usize = 64;
/// Batches that may wait for the exporter: two thousand spans, about two megabytes.
const QUEUE: usize = 32;

/// What goes to the exporter.
pub(crate) enum Message {
    Spans(Vec<Finished>),
    /// Answered when all before it is sent, or given up.
    Flush(oneshot::Sender<()>),
}

/// What became of spans, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct SpanCounts {
    pub(crate) exported: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl SpanCounts {
    fn drop_spans(&self, spans: usize) {
        self.dropped.fetch_add(spans as u64, Ordering::Relaxed);
    }

    /// As Prometheus text; nothing where there are no spans.
    pub(crate) fn render(&self) -> String {
        let counts = [
            ("vigla_spans_exported_total", &self.exported),
            ("vigla_spans_dropped_total", &self.dropped),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)));
        if counts.iter().all(|(_, count)| *count == 0) {
            return String::new();
        }
        let line = |(name, count)| format!("# TYPE {name} counter\n{name} {count}\n");
        counts.map(line).concat()
    }
}

/// The way to the exporter, for all workers.
#[derive(Clone)]
pub(crate) struct SpanQueue {
    pub(crate) sender: mpsc::Sender<Message>,
    pub(crate) counts: Arc<SpanCounts>,
}

impl SpanQueue {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Message>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let counts = Arc::default();
        (Self { sender, counts }, queue)
    }
}

/// One worker's spans.
pub(crate) struct Spans {
    queue: SpanQueue,
    batch: RefCell<Vec<Finished>>,
}

impl Spans {
    pub(crate) fn new(queue: SpanQueue) -> Self {
        Self {
            queue,
            batch: RefCell::default(),
        }
    }

    pub(crate) fn add(&self, span: Finished) {
        let is_full = {
            let mut batch = self.batch.borrow_mut();
            batch.push(span);
            batch.len() >= BATCH
        };
        if is_full {
            self.flush();
        }
    }

    /// Hands on what has gathered.
    pub(crate) fn flush(&self) {
        let batch = std::mem::take(&mut *self.batch.borrow_mut());
        if batch.is_empty() {
            return;
        }
        let spans = batch.len();
        if self.queue.sender.try_send(Message::Spans(batch)).is_err() {
            self.queue.counts.drop_spans(spans);
        }
    }
}
