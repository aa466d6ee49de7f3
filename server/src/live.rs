//! The live graph: one finest-grain view per window, built when new samples or new config arrive and shared by
//! all callers. Who may see what is decided later, on the way out.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;
use tokio::sync::watch;
use vigla_config::Snapshot;
use vigla_graph::{Grain, View};
use vigla_model::{Timestamp, Window};
use vigla_sources::{MetricSource, SourceAbout, SourceError};
use vigla_validation::{Evidence, Report};

use crate::{
    build::{Builder, Degradation},
    cut::now,
    error::ApiError,
};

/// Windows that are asked for at the same time: a page has one, a person a few pages.
const MAX_FRAMES: u64 = 64;
/// A frame of a past moment is kept this long for pages that come back to it.
const KEEP_FRAMES: Duration = Duration::from_secs(60);

/// A caller waits so long for a window that the source does not give; then it gets what was before.
const PATIENCE: Duration = Duration::from_millis(900);
/// Windows of which the last good frame is kept for the time of trouble, and how long one that nobody asks for.
const MAX_LAST_GOOD: u64 = 16;
const KEEP_LAST_GOOD: Duration = Duration::from_secs(600);

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
    /// Whether its traffic is from before, because the metric source gives none: what is not in it is not known.
    pub stale: bool,
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
    /// The last good frame of windows that are no default.
    last_good: Cache<(Window, Option<Timestamp>), Arc<Frame>>,
    /// Why the last refresh failed, and since when they do.
    trouble: Mutex<Option<(Timestamp, SourceError)>>,
    number: AtomicU64,
    newest: watch::Sender<Option<Arc<Frame>>>,
    /// What the rules say of the newest config that somebody asked about.
    findings: Mutex<Option<(Arc<Snapshot>, Arc<Report>)>>,
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
        let last_good = Cache::builder()
            .max_capacity(MAX_LAST_GOOD)
            .time_to_idle(KEEP_LAST_GOOD)
            .build();
        let (newest, _) = watch::channel(None);
        Self {
            inner: Arc::new(Inner {
                builder,
                metrics,
                snapshots,
                frames,
                last_good,
                trouble: Mutex::default(),
                number: AtomicU64::new(0),
                newest,
                findings: Mutex::new(None),
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
                *self.lock_trouble() = None;
                self.inner.newest.send_replace(Some(frame));
                Ok(())
            }
            Err(error) => {
                // A start is no trouble.
                if !matches!(error, SourceError::Window { .. } | SourceError::Starting { .. }) {
                    let mut trouble = self.lock_trouble();
                    let since = trouble.as_ref().map_or_else(now, |(since, _)| *since);
                    *trouble = Some((since, error.clone()));
                }
                // Watchers hear of the trouble too: the frame before goes out again with the reason.
                self.inner.newest.send_if_modified(|newest| {
                    let Some(before) = newest.clone() else {
                        return false;
                    };
                    *newest = Some(Arc::new(Frame {
                        number,
                        ..self.degraded(&before, &error)
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

    /// What the rules say of the config as it is now. Judged once for each revision that somebody asks about.
    pub fn findings(&self) -> (Arc<Snapshot>, Arc<Report>) {
        let snapshot = self.snapshot();
        let mut kept = self.inner.findings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, report)) = kept.as_ref().filter(|(of, _)| Arc::ptr_eq(of, &snapshot)) {
            return (Arc::clone(of), Arc::clone(report));
        }
        let report = Arc::new(vigla_validation::check(&snapshot, &Evidence::default(), now()));
        *kept = Some((Arc::clone(&snapshot), Arc::clone(&report)));
        (snapshot, report)
    }

    /// The frame of a window that ends now, or at `at`, within a second: what the source gives, or while it is in
    /// trouble what it gave last, marked as degraded.
    ///
    /// # Errors
    /// When the metric source cannot answer for that window and did not before.
    pub async fn frame(&self, window: Window, at: Option<Timestamp>) -> Result<Arc<Frame>, SourceError> {
        // Goes on when nobody waits any more, so that whoever asks again has it.
        let fresh = tokio::spawn({
            let live = self.clone();
            async move { live.fresh_frame(window, at).await }
        });
        let error = match tokio::time::timeout(PATIENCE, fresh).await {
            Ok(Ok(Err(error @ SourceError::Unavailable { .. }))) => error,
            Ok(Ok(answer)) => return answer,
            Ok(Err(_)) | Err(_) => SourceError::Unavailable {
                source_name: self.inner.metrics.name().to_owned(),
                reason: format!(
                    "its answer takes longer than {} s: ask again in a moment",
                    PATIENCE.as_secs_f64()
                ),
            },
        };
        let before = self.inner.last_good.get(&(window, at)).await;
        before
            .map(|before| Arc::new(self.degraded(&before, &error)))
            .ok_or(error)
    }

    /// The frame of a window that ends now, or at `at`. Built once however many ask, and waited for as long as the
    /// source takes.
    ///
    /// # Errors
    /// When the metric source cannot answer for that window.
    pub async fn fresh_frame(
        &self,
        window: Window,
        at: Option<Timestamp>,
    ) -> Result<Arc<Frame>, SourceError> {
        let newest = self.newest();
        if let (Window::MINUTE, None, Some(newest)) = (window, at, &newest) {
            return Ok(newest.clone());
        }
        let number = newest.map_or(0, |frame| frame.number);
        let frame = self.build(window, at, number).await?;
        self.inner.last_good.insert((window, at), frame.clone()).await;
        Ok(frame)
    }

    /// Why there is no frame yet: the source's own word once it has been asked, `None` before.
    pub fn trouble(&self) -> Option<SourceError> {
        self.lock_trouble().as_ref().map(|(_, error)| error.clone())
    }

    /// [`Live::frame`] for those who show the mesh's config as well: when the metric source has given nothing so far,
    /// a frame without traffic that says why.
    ///
    /// # Errors
    /// When the metric source has not been asked yet, or the window is one that it cannot answer.
    pub async fn frame_or_config(&self, window: Window) -> Result<Arc<Frame>, ApiError> {
        let mut of_window = None;
        if self.newest().is_some() {
            match self.frame(window, None).await {
                Err(error @ SourceError::Unavailable { .. }) => of_window = Some((now(), error)),
                frame => return Ok(frame?),
            }
        }
        let trouble = self.lock_trouble().clone().or(of_window);
        let (since, error) = trouble.ok_or(ApiError::NotReady("the service graph"))?;
        Ok(Arc::new(Frame {
            number: 0,
            view: View {
                grain: Grain::Finest,
                at: since,
                window: window.duration(),
                nodes: BTreeMap::new(),
                edges: BTreeMap::new(),
                boxes: BTreeMap::new(),
            },
            snapshot: self.snapshot(),
            degraded: vec![Degradation {
                source: error.source_name().to_owned(),
                since,
                reason: error.to_string(),
            }],
            stale: true,
        }))
    }

    fn lock_trouble(&self) -> MutexGuard<'_, Option<(Timestamp, SourceError)>> {
        self.inner.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A frame once more, while the source is in trouble.
    fn degraded(&self, before: &Frame, error: &SourceError) -> Frame {
        Frame {
            number: before.number,
            view: before.view.clone(),
            snapshot: before.snapshot.clone(),
            degraded: self.inner.builder.degraded_by(error, before),
            stale: true,
        }
    }

    /// Name of the metric source, and what it said of itself last.
    pub fn about_metrics(&self) -> (&str, SourceAbout) {
        (self.inner.metrics.name(), self.inner.metrics.about())
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
            let newest = (window, at) == (Window::MINUTE, None);
            Ok(Arc::new(inner.builder.build(number, traffic, newest, snapshot)))
        };
        inner
            .frames
            .try_get_with((window, at, number), build)
            .await
            .map_err(|error: Arc<SourceError>| (*error).clone())
    }
}
