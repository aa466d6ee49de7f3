//! Circuit breaking: what may be open or wait at a time towards one cluster, counted over all workers.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Connections,
    Pending,
    Requests,
    Retries,
}

impl Bound {
    pub(crate) const ALL: [Self; 4] = [Self::Connections, Self::Pending, Self::Requests, Self::Retries];

    /// Name of Envoy's counter of what was refused. It has one for waiting and for open requests.
    pub(crate) fn metric(self) -> &'static str {
        match self {
            Self::Connections => "envoy_cluster_upstream_cx_overflow",
            Self::Pending | Self::Requests => "envoy_cluster_upstream_rq_pending_overflow",
            Self::Retries => "envoy_cluster_upstream_rq_retry_overflow",
        }
    }
}

/// The counters of one cluster.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    open: [AtomicU32; 4],
    refused: [AtomicU64; 4],
}

/// Something that is open and counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Option<(Arc<Breaker>, Bound)>);

impl Permit {
    /// Not counted: there is no bound, or it must not hold here.
    pub(crate) const FREE: Self = Self(None);
}

impl Breaker {
    /// Counts one more; `None`: the bound is reached. Without a bound nothing is counted.
    pub(crate) fn acquire(self: &Arc<Self>, bound: Bound, limit: Option<u32>) -> Option<Permit> {
        let Some(limit) = limit else {
            return Some(Permit::FREE);
        };
        let open = &self.open[bound as usize];
        let raised = open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
            (open < limit).then_some(open + 1)
        });
        if raised.is_err() {
            self.refused[bound as usize].fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit(Some((Arc::clone(self), bound))))
    }

    /// How often the bound was reached.
    pub(crate) fn refused(&self, bound: Bound) -> u64 {
        self.refused[bound as usize].load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((breaker, bound)) = &self.0 {
            breaker.open[*bound as usize].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_a_bound_is_refused_until_something_ends() {
        let breaker = Arc::new(Breaker::default());
        let acquire = |limit| breaker.acquire(Bound::Requests, limit);
        let first = acquire(Some(1));
        assert!(first.is_some());
        assert!(acquire(Some(1)).is_none());
        assert!(breaker.acquire(Bound::Pending, Some(1)).is_some());
        drop(first);
        assert!(acquire(Some(1)).is_some());
        assert!(acquire(None).is_some() && acquire(Some(0)).is_none());
        assert_eq!(breaker.refused(Bound::Requests), 2);
    }
}
