//! The live graph: one finest-grain view per window, built when new samples or new config arrive and shared by
//! all callers. Who may see what is decided later, on the way out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;
use tokio::sync::watch;
use vigla_config::Snapshot;
use vigla_graph::View;
use vigla_model::{Timestamp, Window};
use vigla_sources::{MetricSource, SourceError};

use crate::build::{Builder, Degradation};

/// Windows that are asked for at the same time: a page has one, a person a few pages.
const MAX_FRAMES: u64 = 64;
/// A frame of a past moment is kept this long for pages that come back to it.
const KEEP_FRAMES: Duration = Duration::from_secs(60);

/// The graph of one window, as of one revision.
#[derive(Debug)]
pub struct Frame {
    /// Rises with every new set of samples or config; 0 before the first.
    pub number: u64,
    /// Finest grain, all namespaces, causes filled in.
    pub view: View,
    /// The config that it was joined with.
    pub snapshot: Arc<Snapshot>,
    /// Sources that could not give their part.
    pub degraded: Vec<Degradation>,
}

/// Hands out frames. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

struct Inner {
    builder: Builder,
    metrics: Arc<dyn MetricSource>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    frames: Cache<(Window, Option<Timestamp>, u64), Arc<Frame>>,
    number: AtomicU64,
    newest: watch::Sender<Option<Arc<Frame>>>,
    epoch: String,
}

impl Live {
    /// Nothing is built until [`Live::refresh`] runs.
    ///
    /// `epoch` tells this start of the server from others in revisions.
    pub fn new(
        builder: Builder,
        metrics: Arc<dyn MetricSource>,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        epoch: String,
    ) -> Self {
        let frames = Cache::builder()
            .max_capacity(MAX_FRAMES)
            .time_to_live(KEEP_FRAMES)
            .build();
        let (newest, _) = watch::channel(None);
        Self {
            inner: Arc::new(Inner {
                builder,
                metrics,
                snapshots,
                frames,
                number: AtomicU64::new(0),
                newest,
                epoch,
            }),
        }
    }

    /// Takes new samples and config in: builds the default window and tells those who watch.
    ///
    /// # Errors
    /// When the metric source cannot answer; the frame before stays, marked as degraded.
    pub async fn refresh(&self) -> Result<(), SourceError> {
        let number = self.inner.number.fetch_add(1, Ordering::Relaxed) + 1;
        match self.build(Window::MINUTE, None, number).await {
            Ok(frame) => {
                self.inner.newest.send_replace(Some(frame));
                Ok(())
            }
            Err(error) => {
                // Watchers hear of the trouble too: the frame before goes out again with the reason.
                self.inner.newest.send_if_modified(|newest| {
                    let Some(before) = newest.clone() else {
                        return false;
                    };
                    *newest = Some(Arc::new(Frame {
                        number,
                        view: before.view.clone(),
                        snapshot: before.snapshot.clone(),
                        degraded: self.inner.builder.degraded_by(&error, &before),
                    }));
                    true
                });
                Err(error)
            }
        }
    }

    /// The newest frame of the default window; `None` before the first.
    pub fn newest(&self) -> Option<Arc<Frame>> {
        self.inner.newest.borrow().clone()
    }

    /// Signals every new frame.
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Frame>>> {
        self.inner.newest.subscribe()
    }

    /// The config as it is now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.snapshots.borrow().clone()
    }

    /// The frame of a window that ends now, or at `at`. Built once however many ask.
    ///
    /// # Errors
    /// When the metric source cannot answer for that window.
    pub async fn frame(&self, window: Window, at: Option<Timestamp>) -> Result<Arc<Frame>, SourceError> {
        let newest = self.newest();
        if let (Window::MINUTE, None, Some(newest)) = (window, at, &newest) {
            return Ok(newest.clone());
        }
        let number = newest.map_or(0, |frame| frame.number);
        self.build(window, at, number).await
    }

    /// Revision text of a frame.
    pub fn revision(&self, number: u64) -> String {
        format!("{}:{number}", self.inner.epoch)
    }

    async fn build(
        &self,
        window: Window,
        at: Option<Timestamp>,
        number: u64,
    ) -> Result<Arc<Frame>, SourceError> {
        let inner = &self.inner;
        let build = async {
            let traffic = inner.metrics.traffic(window, at).await?;
            let snapshot = inner.snapshots.borrow().clone();
            Ok(Arc::new(inner.builder.build(number, &traffic, snapshot)))
        };
        inner
            .frames
            .try_get_with((window, at, number), build)
            .await
            .map_err(|error: Arc<SourceError>| (*error).clone())
    }
}
