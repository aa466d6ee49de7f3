//! The graph that the map shows, kept new by the stream; by plain questions where no stream gets through.

use std::sync::Arc;

use leptos::{prelude::*, task::spawn_local};
use vigla_api::{Graph, GraphDelta};

use super::{Connection, Pulse, delta};
use crate::client::{self, Backoff, ByteStream, Cancel, ClientError, Event, EventParser};

/// Failed streams in a row after which the graph is asked for instead: some proxies hold streams back.
const STREAM_TRIES: u32 = 3;
/// Period of plain questions, the period of the embedded scraper.
const ASK_MS: f64 = 2000.0;
/// Longest silence of a stream that is believed to live; the server pings more often.
const SILENCE_MS: f64 = 45_000.0;

/// The graph of the map.
#[derive(Clone, Copy)]
pub(crate) struct GraphFeed {
    graph: RwSignal<Option<Arc<Graph>>>,
    error: RwSignal<Option<ClientError>>,
}

impl GraphFeed {
    /// Follows the graph of `query` (`?…`, as both the graph and its stream take it) below `api`.
    pub(crate) fn follow(api: String, query: Signal<String>, pulse: Pulse) -> Self {
        let feed = Self {
            graph: RwSignal::new(None),
            error: RwSignal::new(None),
        };
        Effect::new(move |_| {
            let query = query.get();
            let cancel = Cancel::with_owner();
            feed.error.set(None);
            let follower = Follower {
                feed,
                pulse,
                stream_url: format!("{api}/graph/stream{query}"),
                graph_url: format!("{api}/graph{query}"),
                cancel,
                current: None,
            };
            spawn_local(follower.run());
        });
        on_cleanup(move || pulse.forget_stream());
        feed
    }

    /// The newest graph.
    pub(crate) fn graph(self) -> Option<Arc<Graph>> {
        self.graph.get()
    }

    /// The newest graph, as a signal.
    pub(crate) fn signal(self) -> Signal<Option<Arc<Graph>>> {
        self.graph.into()
    }

    /// Why there is no newer one.
    pub(crate) fn error(self) -> Option<ClientError> {
        self.error.get()
    }
}

struct Follower {
    feed: GraphFeed,
    pulse: Pulse,
    stream_url: String,
    graph_url: String,
    cancel: Cancel,
    current: Option<Graph>,
}

impl Follower {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut failures = 0;
        self.pulse.set_stream(Connection::Connecting);
        loop {
            let ended = self.stream(&mut backoff, &mut failures).await;
            if self.cancel.fired() {
                return;
            }
            match ended {
                Ok(()) => {}
                Err(error) if !error.passes() => {
                    self.pulse.set_stream(Connection::Refused);
                    self.feed.error.set(Some(error));
                    return;
                }
                Err(error) => self.feed.error.set(Some(error)),
            }
            failures += 1;
            if failures >= STREAM_TRIES && self.ask().await && !self.cancel.fired() {
                self.pulse.set_stream(Connection::Asking);
                client::sleep(ASK_MS).await;
            } else if !self.cancel.fired() {
                self.pulse.set_stream(Connection::Retrying { tries: failures });
                client::sleep(backoff.next_ms(js_sys::Math::random())).await;
            }
            if self.cancel.fired() {
                return;
            }
        }
    }

    /// Follows one stream to its end.
    async fn stream(&mut self, backoff: &mut Backoff, failures: &mut u32) -> Result<(), ClientError> {
        let resume = self.current.as_ref().map(|graph| graph.revision.clone());
        let stream = ByteStream::open(&self.stream_url, resume.as_deref(), &self.cancel).await?;
        let mut parser = EventParser::default();
        loop {
            let Some(bytes) = within(SILENCE_MS, stream.next()).await? else {
                return Ok(());
            };
            if self.cancel.fired() {
                return Ok(());
            }
            let events = parser
                .feed(&bytes)
                .map_err(|_| ClientError::unreadable("the stream", "an event is too long"))?;
            for event in events {
                if !self.take(&event)? {
                    return Ok(());
                }
                backoff.reset();
                *failures = 0;
            }
            if self.current.is_some() {
                self.pulse.set_stream(Connection::Live);
            }
        }
    }

    /// Takes one event; `false` when the stream has to be opened anew.
    fn take(&mut self, event: &Event) -> Result<bool, ClientError> {
        match event.name.as_str() {
            "snapshot" => self.show(read::<Graph>(&event.data)?),
            "delta" => {
                let delta: GraphDelta = read(&event.data)?;
                let Some(mut graph) = self.current.take() else {
                    return Ok(false);
                };
                if delta::apply(&mut graph, delta).is_err() {
                    return Ok(false);
                }
                self.show(graph);
            }
            // The server no longer has what lies between: the next stream starts with a snapshot.
            "gap" => {
                self.current = None;
                return Ok(false);
            }
            _ => {}
        }
        Ok(true)
    }

    /// Asks for the graph once.
    async fn ask(&mut self) -> bool {
        match client::get::<Graph>(&self.graph_url, &self.cancel).await {
            _ if self.cancel.fired() => false,
            Ok(graph) => {
                self.show(graph);
                true
            }
            Err(error) => {
                self.feed.error.set(Some(error));
                false
            }
        }
    }

    fn show(&mut self, graph: Graph) {
        self.current = Some(graph.clone());
        self.pulse.set_newest(&graph.at);
        self.feed.error.set(None);
        self.feed.graph.set(Some(Arc::new(graph)));
    }
}

fn read<T: serde::de::DeserializeOwned>(data: &str) -> Result<T, ClientError> {
    serde_json::from_str(data).map_err(|why| ClientError::unreadable("the graph's stream", why))
}

/// Waits for a piece of the stream, but not for ever: a connection can die without a word.
async fn within<T>(ms: f64, next: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    let next = std::pin::pin!(next);
    let silence = std::pin::pin!(client::sleep(ms));
    let mut both = (next, silence);
    std::future::poll_fn(move |context| {
        if let std::task::Poll::Ready(value) = both.0.as_mut().poll(context) {
            return std::task::Poll::Ready(value);
        }
        both.1.as_mut().poll(context).map(|()| Err(ClientError::Timeout))
    })
    .await
}
