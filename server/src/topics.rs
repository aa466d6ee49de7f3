//! Streams of the graph: each distinct question (scope, namespaces, grain, window, …) is answered once per
//! revision, however many pages ask it.
//!
//! A reader keeps its place in a ring of deltas and is never buffered for: one that falls behind the ring gets a
//! fresh snapshot.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::response::sse::Event;
use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use vigla_graph::View;

use crate::{
    cut::Question,
    error::ApiError,
    live::{Frame, Live},
};

/// Deltas kept for readers that come back; at one in 2 s these are some 8 minutes.
const RING: usize = 256;
/// Open streams of one console: a tab has one.
const MAX_STREAMS: usize = 256;
/// Distinct questions at one time; each costs one cut of the graph a revision.
const MAX_TOPICS: usize = 64;
/// A question that nobody asks any more is kept so long for readers that come back.
const LINGER: Duration = Duration::from_secs(30);

/// All streams of this console. Cheap to clone.
#[derive(Clone)]
pub struct Topics {
    inner: Arc<Inner>,
}

struct Inner {
    live: Live,
    topics: Mutex<HashMap<Question, Arc<Topic>>>,
    streams: Arc<Semaphore>,
    shutdown: CancellationToken,
}

struct Topic {
    question: Question,
    state: Mutex<State>,
    /// Number of the newest entry.
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    view: Option<View>,
    revision: String,
    /// The whole answer at `revision`, encoded when somebody first needs it.
    snapshot: Option<Arc<str>>,
    degraded: Vec<vigla_api::Degraded>,
    ring: VecDeque<Entry>,
    number: u64,
}

struct Entry {
    number: u64,
    previous: String,
    revision: String,
    delta: Arc<str>,
}

impl Topics {
    /// Streams end when `shutdown` is cancelled.
    pub fn new(live: Live, shutdown: CancellationToken) -> Self {
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        Self {
            inner: Arc::new(Inner {
                live,
                topics: Mutex::default(),
                streams,
                shutdown,
            }),
        }
    }

    /// Opens a stream; `last` is the revision that the reader has.
    ///
    /// # Errors
    /// When too many streams or distinct questions are open.
    pub fn open(
        &self,
        question: Question,
        last: Option<String>,
    ) -> Result<impl Stream<Item = Result<Event, Infallible>> + Send + use<>, ApiError> {
        let permit = self.inner.streams.clone().try_acquire_owned();
        let permit = permit.map_err(|_| ApiError::TooMany("streams of the graph"))?;
        let topic = self.topic(question)?;
        let reader = Reader {
            newest: topic.newest.subscribe(),
            topic,
            last: last.map_or(Place::Nowhere, Place::Revision),
            shutdown: self.inner.shutdown.clone(),
            _permit: permit,
        };
        Ok(stream::unfold(reader, |mut reader| async move {
            let event = reader.next().await?;
            Some((Ok(event), reader))
        }))
    }

    fn topic(&self, question: Question) -> Result<Arc<Topic>, ApiError> {
        let mut topics = self.inner.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.get(&question) {
            return Ok(topic.clone());
        }
        if topics.len() >= MAX_TOPICS {
            return Err(ApiError::TooMany("different streams of the graph"));
        }
        let topic = Arc::new(Topic {
            question: question.clone(),
            state: Mutex::default(),
            newest: watch::channel(0).0,
        });
        topics.insert(question, topic.clone());
        tokio::spawn(self.clone().feed(topic.clone()));
        Ok(topic)
    }

    /// Answers the question anew at every revision until nobody has asked for a while.
    async fn feed(self, topic: Arc<Topic>) {
        let live = &self.inner.live;
        let mut frames = live.watch();
        let mut idle_since = None;
        loop {
            let newest = frames.borrow_and_update().clone();
            if let Some(newest) = newest {
                match live.fresh_frame(topic.question.window, None).await {
                    Ok(frame) => topic.publish(&frame, live.revision(newest.number)),
                    Err(error) => tracing::debug!(%error, "a stream's window has no answer yet"),
                }
            }
            idle_since = match (topic.newest.receiver_count(), idle_since) {
                (0, None) => Some(tokio::time::Instant::now()),
                (0, since) => since,
                _ => None,
            };
            if idle_since.is_some_and(|since| since.elapsed() > LINGER) {
                break;
            }
            tokio::select! {
                () = self.inner.shutdown.cancelled() => break,
                changed = frames.changed() => if changed.is_err() { break },
            }
        }
        self.inner
            .topics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&topic.question);
    }
}

impl Topic {
    fn publish(&self, frame: &Frame, revision: String) {
        let question = &self.question;
        let view = question.cut(frame);
        let degraded = frame.degraded.iter().map(Into::into).collect::<Vec<_>>();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.revision == revision {
            return;
        }
        if let Some(before) = &state.view {
            let delta = question.encode_delta(before, &view, (&state.revision, &revision), &degraded);
            state.number += 1;
            let entry = Entry {
                number: state.number,
                previous: state.revision.clone(),
                revision: revision.clone(),
                delta,
            };
            if state.ring.len() == RING {
                state.ring.pop_front();
            }
            state.ring.push_back(entry);
        }
        state.view = Some(view);
        state.revision = revision;
        state.snapshot = None;
        state.degraded = degraded;
        let number = state.number;
        drop(state);
        self.newest.send_replace(number);
    }
}

/// Where a reader is.
enum Place {
    /// It has nothing.
    Nowhere,
    /// It has this revision, and may be resumed.
    Revision(String),
    /// It has all up to this entry.
    Entry(u64),
}

struct Reader {
    topic: Arc<Topic>,
    newest: watch::Receiver<u64>,
    last: Place,
    shutdown: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// The next event; `None` when the console ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.step() {
                return Some(event);
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return None,
                changed = self.newest.changed() => changed.ok()?,
            }
        }
    }

    fn step(&mut self) -> Option<Event> {
        let mut state = self.topic.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.view.as_ref()?;
        let (place, resumed) = match std::mem::replace(&mut self.last, Place::Nowhere) {
            Place::Entry(number) => (Some(number), true),
            Place::Revision(revision) if revision == state.revision => (Some(state.number), true),
            Place::Revision(revision) => {
                let next = state.ring.iter().find(|entry| entry.previous == revision);
                (next.map(|next| next.number - 1), next.is_some())
            }
            Place::Nowhere => (None, true),
        };
        if !resumed {
            // The reader's revision is unknown here: it throws away what it has, a snapshot follows.
            return Some(Event::default().event("gap").data("{}"));
        }
        let oldest = state.ring.front().map_or(state.number + 1, |entry| entry.number);
        if let Some(number) = place.filter(|number| number + 1 >= oldest) {
            self.last = Place::Entry(number);
            let next = state.ring.iter().find(|entry| entry.number == number + 1)?;
            self.last = Place::Entry(next.number);
            return Some(
                Event::default()
                    .event("delta")
                    .id(next.revision.clone())
                    .data(&*next.delta),
            );
        }
        self.last = Place::Entry(state.number);
        let snapshot = match &state.snapshot {
            Some(snapshot) => snapshot.clone(),
            None => {
                let view = state.view.as_ref()?;
                let encoded = self.topic.question.encode(view, &state.revision, &state.degraded);
                state.snapshot = Some(encoded.clone());
                encoded
            }
        };
        Some(
            Event::default()
                .event("snapshot")
                .id(state.revision.clone())
                .data(&*snapshot),
        )
    }
}
