//! Lists and watches as the API server speaks them. Bodies, lines and silences have a bound.
//!
//! `kube` brings the connection, the credentials and their renewal. Its own lists are read through a tree that holds
//! every field of a page first; here each object is read straight into the few fields that count.

use std::{fmt, sync::Arc, time::Duration};

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::{Client, client::Body};
use serde::{Deserialize, de::DeserializeOwned};
use thiserror::Error;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

use crate::board::Following;

/// Objects in a page of a list: some 6 MB of pods.
const PAGE: usize = 500;
/// A page: ten times as much as its pods usually have.
const MAX_PAGE_BYTES: usize = 64 << 20;
/// A list that must come whole because its pages expire: 40 000 pods.
const MAX_LIST_BYTES: usize = 512 << 20;
/// Which kinds there are: some kilobytes.
const MAX_CATALOGUE_BYTES: usize = 4 << 20;
/// Objects of one kind: as many pods as Kubernetes is made for.
pub(crate) const MAX_OBJECTS: usize = 150_000;
/// Questions that wait for an answer, lists that are on their way with them; one more asks whether it answers at all.
/// Watches that are open wait for nothing.
const MAX_IN_FLIGHT: usize = 19;
/// One event of a watch: the API server takes objects of 1.5 MiB, which grow by what it manages itself. Each kind may
/// have one under way.
const MAX_LINE_BYTES: usize = 4 << 20;
/// What the server says about a refusal.
const MAX_REFUSAL_BYTES: usize = 64 << 10;
/// An answer begins within this time.
const ANSWER: Duration = Duration::from_secs(15);
/// A page is there within this time.
const WHOLE: Duration = Duration::from_secs(60);
/// The server ends a watch after this time, and it is opened again where it ended.
const WATCH_SECONDS: u64 = 60;
/// A watch that stays silent for longer is dead, whatever the connection says.
const SILENCE: Duration = Duration::from_secs(WATCH_SECONDS + 10);

/// An event that has begun is whole within this time, or comes at least at this rate.
const EVENT: Duration = Duration::from_secs(3);
const EVENT_BYTES_PER_SECOND: f64 = 10e3;

/// Why the API server gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum WireError {
    /// There is no such kind.
    #[error("the API server does not know this kind")]
    Absent,
    /// What a watch or a list should go on from is too old.
    #[error("the version to go on from has expired")]
    Expired,
    /// It says no.
    #[error("{0}")]
    Refused(Refusal),
    /// It cannot be reached.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// It says something that nobody understands.
    #[error("the API server's answer cannot be read: {0}")]
    Unreadable(String),
}

impl WireError {
    /// Whether only other rights would help.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Refused(refusal) if matches!(refusal.code, 401 | 403))
    }

    /// How a kind is doing that ran into it.
    pub(crate) fn following(&self) -> Following {
        if self.is_denied() {
            Following::Refused(self.to_string())
        } else {
            Following::Failing(self.to_string())
        }
    }
}

/// A `Status` of the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    pub(crate) code: u16,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            401 => f.write_str(
                "401: the API server does not accept the credentials; renew those of the kubeconfig",
            ),
            403 => write!(f, "403: {}; allow `list` and `watch`", self.message),
            code => write!(f, "{code}: {}", self.message),
        }
    }
}

impl From<Refusal> for WireError {
    fn from(refusal: Refusal) -> Self {
        match (refusal.code, refusal.reason.as_str()) {
            (404, _) => Self::Absent,
            (410, _) | (_, "Expired" | "Gone") => Self::Expired,
            _ => Self::Refused(refusal),
        }
    }
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    #[serde(default)]
    pub(crate) metadata: PageMeta,
    #[serde(default = "Vec::new")]
    pub(crate) items: Vec<T>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageMeta {
    #[serde(default)]
    pub(crate) resource_version: String,
    #[serde(default)]
    pub(crate) r#continue: String,
}

/// One event of a watch.
#[derive(Debug)]
pub(crate) enum Event<T> {
    Put(T),
    Remove(T),
    /// Everything up to this version has been told.
    Bookmark {
        version: String,
        initial_end: bool,
    },
}

#[derive(Deserialize)]
struct Head {
    r#type: String,
}

#[derive(Deserialize)]
struct Told<T> {
    object: T,
}

#[derive(Deserialize)]
struct Marked {
    metadata: MarkedMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarkedMeta {
    resource_version: String,
    #[serde(default)]
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

/// Reads one line of a watch.
pub(crate) fn read_event<T: DeserializeOwned>(line: &[u8]) -> Result<Event<T>, WireError> {
    fn object<T: DeserializeOwned>(line: &[u8]) -> Result<T, WireError> {
        serde_json::from_slice::<Told<T>>(line)
            .map(|body| body.object)
            .map_err(unreadable)
    }
    let head: Head = match serde_json::from_slice(line) {
        Ok(head) => head,
        // Some servers end a stream with a bare `Status`.
        Err(error) => {
            return Err(match serde_json::from_slice::<Refusal>(line) {
                Ok(refusal) if refusal.code > 0 => refusal.into(),
                _ => unreadable(error),
            });
        }
    };
    match head.r#type.as_str() {
        "ADDED" | "MODIFIED" => object(line).map(Event::Put),
        "DELETED" => object(line).map(Event::Remove),
        "BOOKMARK" => {
            let mark: Marked = object(line)?;
            let initial_end = mark
                .metadata
                .annotations
                .is_some_and(|annotations| annotations.contains_key("k8s.io/initial-events-end"));
            Ok(Event::Bookmark {
                version: mark.metadata.resource_version,
                initial_end,
            })
        }
        "ERROR" => Err(object::<Refusal>(line)?.into()),
        other => Err(WireError::Unreadable(format!("a watch has no events `{other}`"))),
    }
}

fn unreadable(error: impl fmt::Display) -> WireError {
    WireError::Unreadable(error.to_string())
}

/// The API server.
#[derive(Clone)]
pub(crate) struct Server {
    client: Client,
    places: Arc<Semaphore>,
}

impl Server {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            places: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
        }
    }

    /// Asks for something small, whole.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, WireError> {
        self.read(path, MAX_CATALOGUE_BYTES).await
    }

    async fn read<T: DeserializeOwned>(&self, path: &str, most: usize) -> Result<T, WireError> {
        let _place = self.place().await;
        let body = self.open(path).await?;
        let bytes = whole(body, most).await?;
        serde_json::from_slice(&bytes).map_err(unreadable)
    }

    async fn place(&self) -> SemaphorePermit<'_> {
        self.places.acquire().await.expect("it is never closed")
    }

    /// Asks for nothing but a sign of life.
    pub(crate) async fn beat(&self) -> Result<(), WireError> {
        let body = self.open("/version").await?;
        whole(body, MAX_CATALOGUE_BYTES).await.map(drop)
    }

    /// One page of a list; `whole` asks for all of it at once.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        from: &str,
        whole: bool,
    ) -> Result<Page<T>, WireError> {
        let (query, most) = match (whole, from) {
            (true, _) => (path.to_owned(), MAX_LIST_BYTES),
            (false, "") => (format!("{path}?limit={PAGE}"), MAX_PAGE_BYTES),
            // The server gives them as plain letters and digits.
            (false, from) => (format!("{path}?limit={PAGE}&continue={from}"), MAX_PAGE_BYTES),
        };
        self.read(&query, most).await
    }

    /// A watch from a version on.
    pub(crate) async fn watch(&self, path: &str, version: &str) -> Result<Lines, WireError> {
        let query = format!(
            "{path}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={version}"
        );
        let _place = self.place().await;
        Ok(Lines::new(self.open(&query).await?))
    }

    /// A watch that begins with everything there is.
    pub(crate) async fn stream(&self, path: &str) -> Result<Lines, WireError> {
        let query = format!(
            "{path}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&sendInitialEvents=true\
             &resourceVersionMatch=NotOlderThan"
        );
        let place = Arc::clone(&self.places).acquire_owned().await;
        let mut lines = Lines::new(self.open(&query).await?);
        lines.place = Some(place.expect("it is never closed"));
        Ok(lines)
    }

    async fn open(&self, path: &str) -> Result<Body, WireError> {
        let request = Request::get(path)
            .header(http::header::ACCEPT, "application/json")
            .body(Body::empty())
            .map_err(unreadable)?;
        let response = timeout(ANSWER, self.client.send(request))
            .await
            .map_err(|_| WireError::Unreachable(format!("no answer within {ANSWER:?}")))?
            .map_err(|error| WireError::Unreachable(chain(&error)))?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response.into_body());
        }
        let body = whole(response.into_body(), MAX_REFUSAL_BYTES)
            .await
            .unwrap_or_default();
        let mut refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        if refusal.message.is_empty() {
            refusal.message = status.canonical_reason().unwrap_or("no reason given").to_owned();
        }
        refusal.code = status.as_u16();
        Err(refusal.into())
    }
}

/// An error with its causes; some layers repeat what is below them.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

async fn whole(body: Body, most: usize) -> Result<Vec<u8>, WireError> {
    let collected = timeout(WHOLE, Limited::new(body, most).collect()).await;
    let collected =
        collected.map_err(|_| WireError::Unreachable(format!("the answer did not end within {WHOLE:?}")))?;
    let collected = collected.map_err(|error| WireError::Unreachable(chain(&*error)))?;
    Ok(collected.to_bytes().into())
}

/// The lines of a watch.
pub(crate) struct Lines {
    body: Body,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were given out.
    used: usize,
    /// Bytes of the buffer without an end of line.
    searched: usize,
    /// Since when an event is under way.
    begun: Option<Instant>,
    /// Held while a list is under way.
    place: Option<OwnedSemaphorePermit>,
}

impl Lines {
    fn new(body: Body) -> Self {
        Self {
            body,
            buffer: Vec::new(),
            used: 0,
            searched: 0,
            begun: None,
            place: None,
        }
    }

    /// The list is whole: from here on it is a watch, which waits for nothing.
    pub(crate) fn release(&mut self) {
        self.place = None;
    }

    /// The next line; `None` when the server has ended the watch.
    pub(crate) async fn next(&mut self) -> Result<Option<&[u8]>, WireError> {
        while self.fill().await? {
            let (start, end) = (self.used, self.searched);
            (self.used, self.searched) = (end + 1, end + 1);
            if !self.buffer[start..end].trim_ascii().is_empty() {
                return Ok(Some(&self.buffer[start..end]));
            }
        }
        Ok(None)
    }

    /// Waits for the next line without taking it: `searched` is where it ends. Whether there is one.
    pub(crate) async fn fill(&mut self) -> Result<bool, WireError> {
        loop {
            let newline = self.buffer[self.searched..]
                .iter()
                .position(|&byte| byte == b'\n');
            if let Some(length) = newline {
                self.searched += length;
                self.begun = None;
                return Ok(true);
            }
            self.buffer.drain(..self.used);
            self.used = 0;
            self.searched = self.buffer.len();
            if self.buffer.is_empty() {
                // One large object leaves no large buffer behind.
                self.buffer.shrink_to(64 << 10);
            }
            if self.buffer.len() > MAX_LINE_BYTES {
                return Err(WireError::Unreadable(format!(
                    "an event has more than {MAX_LINE_BYTES} bytes"
                )));
            }
            let patience = if self.buffer.is_empty() { SILENCE } else { EVENT };
            let frame = timeout(patience, self.body.frame())
                .await
                .map_err(|_| WireError::Unreachable(format!("the watch was silent for {patience:?}")))?;
            if !self.buffer.is_empty() {
                let taken = self.begun.get_or_insert_with(Instant::now).elapsed();
                if taken > EVENT && self.buffer.len() as f64 / taken.as_secs_f64() < EVENT_BYTES_PER_SECOND {
                    return Err(WireError::Unreachable(format!(
                        "an event did not end within {EVENT:?}"
                    )));
                }
            }
            match frame {
                None if self.buffer.trim_ascii().is_empty() => return Ok(false),
                None => {
                    return Err(WireError::Unreachable(
                        "the watch ended within an event".to_owned(),
                    ));
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(WireError::Unreachable(chain(&error))),
            }
        }
    }
}
