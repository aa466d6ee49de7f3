//! One kind, from its first list on: lists, watches, and what brings them back together after trouble.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};

use crate::{
    board::{Board, Following},
    discover::{Catalogue, Served},
    kept::Slim,
    kinds::{KINDS, Kind},
    table::Table,
    wire::{Event, Lines, Server, WireError, read_event},
};

/// The first pause after trouble; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A server that is back is noticed within this time: fresh data is promised within five seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// Rights seldom change while one waits.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);
/// A watch that lasted as long was a good one: the next trouble is a new one.
const GOOD_WATCH: Duration = Duration::from_secs(5);
/// After trouble, a watch counts when it has been open as long.
const PROBATION: Duration = Duration::from_secs(1);
/// How often a list begins again because its pages expire before it is asked for in one piece.
const PAGED_TRIES: usize = 2;

/// What is known of a kind, shared with whoever publishes.
pub(crate) type Shared<V> = Arc<Mutex<Table<V>>>;

/// Follows one of [`KINDS`].
pub(crate) struct Follower<S: Slim> {
    pub(crate) server: Server,
    /// Which of [`KINDS`].
    pub(crate) index: usize,
    pub(crate) table: Shared<S::Kept>,
    pub(crate) board: Arc<Board>,
    /// Whether watches may begin with everything there is; one refusal tells for all kinds of the server.
    pub(crate) streaming: Arc<AtomicBool>,
    pub(crate) catalogue: watch::Receiver<Catalogue>,
    /// Woken when the catalogue seems wrong.
    pub(crate) doubt: Arc<Notify>,
}

/// Where following stands.
enum Place {
    /// Nothing is known, or it cannot be gone on from.
    Nowhere,
    /// Everything up to a version is known.
    At(String),
    /// Everything is known and a watch is under way.
    Watching(String, Lines),
}

impl<S: Slim> Follower<S> {
    fn kind(&self) -> &'static Kind {
        &KINDS[self.index]
    }

    /// Runs until the catalogue ends.
    pub(crate) async fn run(mut self) {
        loop {
            let served = self.catalogue.borrow_and_update()[self.index];
            let mut catalogue = self.catalogue.clone();
            let index = self.index;
            let other = catalogue.wait_for(move |catalogue| catalogue[index] != served);
            let ended = match served {
                Served::Unknown => other.await.is_err(),
                Served::Nowhere => {
                    self.take(|table| table.replace(Table::default()));
                    self.board.note(self.index, Following::Absent);
                    other.await.is_err()
                }
                Served::As(version) => tokio::select! {
                    other = other => other.is_err(),
                    () = self.follow(version) => false,
                },
            };
            if ended {
                return;
            }
        }
    }

    /// Changes the table, and tells of it.
    fn take(&self, change: impl FnOnce(&mut Table<S::Kept>) -> bool) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut table);
        let objects = table.len();
        drop(table);
        self.board.count(self.index, objects, changed);
    }

    /// Follows the kind in one version for as long as the server knows it.
    async fn follow(&self, version: &'static str) {
        let path = self.kind().path(version);
        let mut place = Place::Nowhere;
        let mut pause = FIRST_PAUSE;
        let mut troubled = false;
        loop {
            let began = Instant::now();
            let watched = matches!(place, Place::Watching(..));
            let result = match place {
                Place::Nowhere => self.begin(&path, version).await,
                Place::At(from) => match self.server.watch(&path, &from).await {
                    Ok(lines) => Ok(Place::Watching(from, lines)),
                    Err(error) => Err((error, Place::At(from))),
                },
                Place::Watching(from, mut lines) => {
                    // What says yes to everything is no API server yet: an event or a quiet second shows one.
                    if !troubled || !matches!(timeout(PROBATION, lines.fill()).await, Ok(Ok(false) | Err(_)))
                    {
                        troubled = false;
                        self.board.note(self.index, Following::Current);
                    }
                    self.watch(from, lines, version).await
                }
            };
            if began.elapsed() >= GOOD_WATCH {
                pause = FIRST_PAUSE;
            }
            let error = match result {
                Ok(next) => {
                    place = next;
                    // A server that ends watches at once shall not be asked in a circle.
                    if watched && began.elapsed() < GOOD_WATCH {
                        sleep(FIRST_PAUSE).await;
                    }
                    continue;
                }
                Err((error, next)) => {
                    place = next;
                    troubled = true;
                    error
                }
            };
            match &error {
                WireError::Absent => {
                    self.doubt.notify_one();
                    self.board.note(self.index, Following::Failing(error.to_string()));
                    place = Place::Nowhere;
                }
                // The list that follows tells whether anything is wrong.
                WireError::Expired => place = Place::Nowhere,
                WireError::Unreadable(_) => {
                    place = Place::Nowhere;
                    self.fail(&error);
                }
                WireError::Refused(_) | WireError::Unreachable(_) => self.fail(&error),
            }
            let refused = error.is_denied();
            // Kinds of one server do not ask in step.
            sleep(pause + Duration::from_millis(self.index as u64 * 5)).await;
            let longest = if refused { REFUSED_PAUSE } else { LONGEST_PAUSE };
            pause = (pause * 2).min(longest);
        }
    }

    fn fail(&self, error: &WireError) {
        tracing::debug!(kind = self.kind().kind, %error, "a kind of the API server cannot be followed");
        self.board.note(self.index, error.following());
    }

    /// Reads everything there is.
    async fn begin(&self, path: &str, version: &str) -> Result<Place, (WireError, Place)> {
        if self.streaming.load(Ordering::Relaxed) {
            match self.stream(path, version).await {
                Ok(Some(place)) => return Ok(place),
                // It ended before everything was told: a list will tell.
                Ok(None) => (),
                Err(error @ (WireError::Absent | WireError::Unreachable(_))) => {
                    return Err((error, Place::Nowhere));
                }
                Err(WireError::Refused(refusal)) if matches!(refusal.code, 401 | 403 | 429 | 503) => {
                    return Err((WireError::Refused(refusal), Place::Nowhere));
                }
                Err(WireError::Refused(refusal)) => {
                    // Old servers refuse the parameters; some accept them and then cannot.
                    tracing::info!(%refusal, "the API server does not stream lists: they are read in pages");
                    self.streaming.store(false, Ordering::Relaxed);
                }
                Err(WireError::Expired | WireError::Unreadable(_)) => (),
            }
        }
        match self.list(path, version).await {
            Ok(from) => {
                self.board.note(self.index, Following::Current);
                Ok(Place::At(from))
            }
            Err(error) => Err((error, Place::Nowhere)),
        }
    }

    /// A watch that begins with everything; `None` when it ended before.
    async fn stream(&self, path: &str, version: &str) -> Result<Option<Place>, WireError> {
        let mut lines = self.server.stream(path).await?;
        let mut list = Table::default();
        while let Some(line) = lines.next().await? {
            match read_event::<S>(line)? {
                Event::Put(object) => {
                    let (key, at) = (object.meta().key(), object.meta().version());
                    list.put(key, at, object.keep(self.kind(), version));
                }
                Event::Remove(object) => {
                    list.remove(&object.meta().key(), object.meta().version());
                }
                Event::Bookmark {
                    version: from,
                    initial_end: true,
                } => {
                    self.take(|table| table.replace(list));
                    self.board.note(self.index, Following::Current);
                    return Ok(Some(Place::Watching(from, lines)));
                }
                Event::Bookmark { .. } => (),
            }
        }
        Ok(None)
    }

    /// A list in pages. Gives the version to watch from.
    async fn list(&self, path: &str, version: &str) -> Result<String, WireError> {
        let mut tries = 0;
        'again: loop {
            let (mut list, mut from) = (Table::default(), String::new());
            loop {
                let page = match self.server.list::<S>(path, &from, tries >= PAGED_TRIES).await {
                    // Pages wait for us for some minutes only.
                    Err(WireError::Expired) if tries < PAGED_TRIES => {
                        tries += 1;
                        continue 'again;
                    }
                    page => page?,
                };
                for object in page.items {
                    let (key, at) = (object.meta().key(), object.meta().version());
                    list.put(key, at, object.keep(self.kind(), version));
                }
                if page.metadata.r#continue.is_empty() {
                    if page.metadata.resource_version.is_empty() {
                        return Err(WireError::Unreadable("a list has no resourceVersion".to_owned()));
                    }
                    self.take(|table| table.replace(list));
                    return Ok(page.metadata.resource_version);
                }
                from = page.metadata.r#continue;
            }
        }
    }

    /// Takes the events of a watch until it ends. The next one goes on from the event told last, not from the newest:
    /// what is told twice changes nothing, and what was overtaken may still be missing.
    async fn watch(
        &self,
        mut from: String,
        mut lines: Lines,
        version: &str,
    ) -> Result<Place, (WireError, Place)> {
        loop {
            let line = match lines.next().await {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(Place::At(from)),
                // What was told is known: a broken connection costs nothing.
                Err(error) => return Err((error, Place::At(from))),
            };
            match read_event::<S>(line).map_err(|error| (error, Place::At(from.clone())))? {
                Event::Put(object) => {
                    let (key, at) = (object.meta().key(), object.meta().version());
                    from.clone_from(&object.meta().resource_version);
                    let kept = object.keep(self.kind(), version);
                    self.take(|table| table.put(key, at, kept));
                }
                Event::Remove(object) => {
                    from.clone_from(&object.meta().resource_version);
                    let meta = object.meta();
                    self.take(|table| table.remove(&meta.key(), meta.version()));
                }
                Event::Bookmark { version: told, .. } => from = told,
            }
        }
    }
}
