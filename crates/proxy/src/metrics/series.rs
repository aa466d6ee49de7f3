//! Counters and histograms of one series.

use std::{cell::Cell, ops::AddAssign, time::Duration};

use vigla_model::ISTIO_BOUNDS_MS;

/// Upper bounds of the size histograms, in bytes. Few, because each costs a line of 900 bytes a series.
pub(crate) const BYTE_BOUNDS: [u64; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];

/// A request count with its three histograms. Buckets are the very ones that are scraped, so what Prometheus
/// computes from them is what Envoy's numbers would give.
#[derive(Debug, Default)]
pub(crate) struct RequestSeries {
    duration: Buckets<{ ISTIO_BOUNDS_MS.len() + 1 }>,
    request_bytes: Buckets<{ BYTE_BOUNDS.len() + 1 }>,
    response_bytes: Buckets<{ BYTE_BOUNDS.len() + 1 }>,
}

#[derive(Debug)]
struct Buckets<const N: usize> {
    counts: [Cell<u64>; N],
    sum: Cell<u64>,
}

impl<const N: usize> Default for Buckets<N> {
    fn default() -> Self {
        Self {
            counts: [const { Cell::new(0) }; N],
            sum: Cell::new(0),
        }
    }
}

impl<const N: usize> Buckets<N> {
    fn add(&self, bucket: usize, value: u64) {
        self.counts[bucket].set(self.counts[bucket].get() + 1);
        self.sum.set(self.sum.get().saturating_add(value));
    }

    fn copy(&self) -> BucketCounts<N> {
        BucketCounts {
            counts: std::array::from_fn(|at| self.counts[at].get()),
            sum: self.sum.get(),
        }
    }
}

impl RequestSeries {
    /// Counts one request.
    pub(crate) fn add(&self, duration: Duration, request_bytes: u64, response_bytes: u64) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        // Most requests are short: a walk from the start beats a binary search.
        let bucket = ISTIO_BOUNDS_MS
            .iter()
            .position(|bound| micros as f64 <= bound * 1000.0);
        self.duration.add(bucket.unwrap_or(ISTIO_BOUNDS_MS.len()), micros);
        self.request_bytes.add(byte_bucket(request_bytes), request_bytes);
        self.response_bytes
            .add(byte_bucket(response_bytes), response_bytes);
    }

    pub(super) fn copy(&self) -> RequestCounts {
        RequestCounts {
            duration_us: self.duration.copy(),
            request_bytes: self.request_bytes.copy(),
            response_bytes: self.response_bytes.copy(),
        }
    }
}

fn byte_bucket(bytes: u64) -> usize {
    BYTE_BOUNDS
        .iter()
        .position(|bound| bytes <= *bound)
        .unwrap_or(BYTE_BOUNDS.len())
}

/// A copy of [`RequestSeries`].
#[derive(Debug, Clone)]
pub(crate) struct RequestCounts {
    pub(crate) duration_us: BucketCounts<{ ISTIO_BOUNDS_MS.len() + 1 }>,
    pub(crate) request_bytes: BucketCounts<{ BYTE_BOUNDS.len() + 1 }>,
    pub(crate) response_bytes: BucketCounts<{ BYTE_BOUNDS.len() + 1 }>,
}

/// Counts by bucket, not cumulative; the last bucket has no bound.
#[derive(Debug, Clone)]
pub(crate) struct BucketCounts<const N: usize> {
    pub(crate) counts: [u64; N],
    pub(crate) sum: u64,
}

impl<const N: usize> AddAssign for BucketCounts<N> {
    fn add_assign(&mut self, other: Self) {
        for (have, more) in self.counts.iter_mut().zip(other.counts) {
            *have += more;
        }
        self.sum += other.sum;
    }
}

impl AddAssign for RequestCounts {
    fn add_assign(&mut self, other: Self) {
        self.duration_us += other.duration_us;
        self.request_bytes += other.request_bytes;
        self.response_bytes += other.response_bytes;
    }
}

/// Counters of gRPC messages.
#[derive(Debug, Default)]
pub(crate) struct MessageSeries {
    pub(crate) requests: Cell<u64>,
    pub(crate) responses: Cell<u64>,
}

impl MessageSeries {
    pub(super) fn copy(&self) -> MessageCounts {
        MessageCounts {
            requests: self.requests.get(),
            responses: self.responses.get(),
        }
    }
}

/// A copy of [`MessageSeries`].
#[derive(Debug, Clone)]
pub(crate) struct MessageCounts {
    pub(crate) requests: u64,
    pub(crate) responses: u64,
}

impl AddAssign for MessageCounts {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.responses += other.responses;
    }
}

/// Counters of TCP connections. `sent` went to the caller, `received` came from it, as Istio counts.
#[derive(Debug, Default)]
pub(crate) struct TcpSeries {
    pub(crate) opened: Cell<u64>,
    pub(crate) closed: Cell<u64>,
    pub(crate) sent: Cell<u64>,
    pub(crate) received: Cell<u64>,
}

impl TcpSeries {
    pub(super) fn copy(&self) -> TcpCounts {
        TcpCounts {
            opened: self.opened.get(),
            closed: self.closed.get(),
            sent: self.sent.get(),
            received: self.received.get(),
        }
    }
}

/// A copy of [`TcpSeries`].
#[derive(Debug, Clone)]
pub(crate) struct TcpCounts {
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl AddAssign for TcpCounts {
    fn add_assign(&mut self, other: Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.sent += other.sent;
        self.received += other.received;
    }
}
