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
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    board::{Board, Following, Part},
    discover::{Catalogue, Served},
    kept::Slim,
    kinds::{KINDS, Kind},
    table::Table,
    wire::{Event, Lines, MAX_OBJECTS, Refusal, Server, WireError, read_event},
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
    pub(crate) part: Part,
    /// Where to look when the server does not show the kind in all namespaces at once.
    pub(crate) namespaces: Arc<[Arc<str>]>,
    pub(crate) table: Shared<S::Kept>,
    pub(crate) board: Arc<Board>,
    /// Whether watches may begin with everything there is; one refusal tells for all kinds of the server.
    pub(crate) streaming: Arc<AtomicBool>,
    pub(crate) catalogue: watch::Receiver<Catalogue>,
    /// Woken when the catalogue seems wrong.
    pub(crate) doubt: Arc<Notify>,
    /// Changes when the server answers again after a silence: what waits since before may wait for ever.
    pub(crate) back: watch::Receiver<u64>,
}

impl<S: Slim> Clone for Follower<S> {
    fn clone(&self) -> Self {
        Self {
            server: self.server.clone(),
            part: self.part.clone(),
            namespaces: Arc::clone(&self.namespaces),
            table: Arc::clone(&self.table),
            board: Arc::clone(&self.board),
            streaming: Arc::clone(&self.streaming),
            catalogue: self.catalogue.clone(),
            doubt: Arc::clone(&self.doubt),
            back: self.back.clone(),
        }
    }
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
        &KINDS[self.part.index]
    }

    /// Runs until the catalogue ends.
    pub(crate) async fn run(mut self) {
        loop {
            let index = self.part.index;
            let served = self.catalogue.borrow_and_update()[index];
            let mut catalogue = self.catalogue.clone();
            self.board.divide(index, None);
            let other = catalogue.wait_for(move |catalogue| catalogue[index] != served);
            let ended = match served {
                Served::Unknown => other.await.is_err(),
                Served::Nowhere => {
                    self.take(|table| table.replace(None, Table::default()));
                    self.board.note(&self.part, Following::Absent);
                    other.await.is_err()
                }
                Served::As(version) => {
                    let follow = async {
                        self.follow(version).await;
                        self.follow_each(version).await;
                    };
                    tokio::select! {
                        other = other => other.is_err(),
                        () = follow => false,
                    }
                }
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
        let objects = match &self.part.namespace {
            Some(namespace) => table.len_in(namespace),
            None => table.len(),
        };
        drop(table);
        self.board.count(&self.part, objects, changed);
    }

    /// Takes a whole list.
    fn replace(&self, list: Table<S::Kept>) {
        self.take(|table| table.replace(self.part.namespace.as_deref(), list));
    }

    /// Follows the kind in each namespace by itself.
    async fn follow_each(&self, version: &'static str) {
        self.board.divide(self.part.index, Some(&self.namespaces));
        let mut each = JoinSet::new();
        for namespace in &*self.namespaces {
            let mut one = self.clone();
            one.part.namespace = Some(Arc::clone(namespace));
            each.spawn(async move { one.follow(version).await });
        }
        each.join_all().await;
    }

    /// Follows the kind in one version for as long as the server knows it, in all namespaces or in one; ends when that
    /// is all namespaces and they are not shown at once.
    async fn follow(&self, version: &'static str) {
        let path = self.kind().path(version, self.part.namespace.as_deref());
        let mut back = self.back.clone();
        back.mark_unchanged();
        let mut place = Place::Nowhere;
        let mut pause = FIRST_PAUSE;
        let mut troubled = false;
        loop {
            let began = Instant::now();
            let watched = matches!(place, Place::Watching(..));
            let result = match place {
                Place::Nowhere => tokio::select! {
                    begun = self.begin(&path, version) => begun,
                    Ok(()) = back.changed() => Ok(Place::Nowhere),
                },
                Place::At(from) => tokio::select! {
                    opened = self.server.watch(&path, &from) => match opened {
                        Ok(lines) => Ok(Place::Watching(from, lines)),
                        Err(error) => Err((error, Place::At(from))),
                    },
                    Ok(()) = back.changed() => Ok(Place::At(from)),
                },
                Place::Watching(from, mut lines) => {
                    // What says yes to everything is no API server yet: an event or a quiet second shows one.
                    if !troubled || !matches!(timeout(PROBATION, lines.fill()).await, Ok(Ok(false) | Err(_)))
                    {
                        troubled = false;
                        self.board.note(&self.part, Following::Current);
                    }
                    self.watch(from, lines, version, &mut back).await
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
                    self.board.note(&self.part, Following::Failing(error.to_string()));
                    place = Place::Nowhere;
                }
                WireError::Refused(refusal)
                    if refusal.code == 403
                        && self.part.namespace.is_none()
                        && !self.namespaces.is_empty()
                        && self.kind().is_namespaced() =>
                {
                    return;
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
            let rest = pause + Duration::from_millis(self.part.index as u64 * 5);
            tokio::select! {
                () = sleep(rest) => (),
                Ok(()) = back.changed() => (),
            }
            let longest = if refused { REFUSED_PAUSE } else { LONGEST_PAUSE };
            pause = (pause * 2).min(longest);
        }
    }

    fn fail(&self, error: &WireError) {
        tracing::debug!(kind = self.kind().kind, %error, "a kind of the API server cannot be followed");
        self.board.note(&self.part, error.following());
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
                Err(WireError::Refused(refusal)) if matches!(refusal.code, 401 | 403 | 429 | 500..) => {
                    return Err((WireError::Refused(refusal), Place::Nowhere));
                }
                Err(WireError::Refused(refusal)) => {
                    // Old servers refuse the parameters.
                    self.stream_no_more(&refusal);
                }
                Err(WireError::Expired | WireError::Unreadable(_)) => (),
            }
        }
        match self.list(path, version).await {
            Ok(from) => {
                self.board.note(&self.part, Following::Current);
                Ok(Place::At(from))
            }
            Err(error) => Err((error, Place::Nowhere)),
        }
    }

    fn stream_no_more(&self, refusal: &Refusal) {
        tracing::info!(%refusal, "the API server does not stream lists: they are read in pages");
        self.streaming.store(false, Ordering::Relaxed);
    }

    /// A watch that begins with everything; `None` when it ended before.
    async fn stream(&self, path: &str, version: &str) -> Result<Option<Place>, WireError> {
        let mut lines = self.server.stream(path).await?;
        let mut list = Table::default();
        while let Some(line) = lines.next().await? {
            let event = match read_event::<S>(line) {
                Err(WireError::Refused(refusal)) => {
                    // Some accept the parameters and then cannot.
                    self.stream_no_more(&refusal);
                    return Ok(None);
                }
                event => event?,
            };
            match event {
                Event::Put(object) => {
                    let (key, at) = (object.meta().key(), object.meta().version());
                    list.put(key, at, object.keep(self.kind(), version));
                    check_size(list.len())?;
                }
                Event::Remove(object) => {
                    list.remove(&object.meta().key(), object.meta().version());
                }
                Event::Bookmark {
                    version: from,
                    initial_end: true,
                } => {
                    lines.release();
                    self.replace(list);
                    self.board.note(&self.part, Following::Current);
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
                check_size(list.len())?;
                if page.metadata.r#continue.is_empty() {
                    if page.metadata.resource_version.is_empty() {
                        return Err(WireError::Unreadable("a list has no resourceVersion".to_owned()));
                    }
                    self.replace(list);
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
        back: &mut watch::Receiver<u64>,
    ) -> Result<Place, (WireError, Place)> {
        loop {
            let next = tokio::select! {
                next = lines.next() => next,
                Ok(()) = back.changed() => return Ok(Place::At(from)),
            };
            let line = match next {
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
                    let known = self.table.lock().unwrap_or_else(PoisonError::into_inner).len();
                    check_size(known).map_err(|error| (error, Place::Nowhere))?;
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

/// A kind is kept whole or not at all: what was known before stays.
fn check_size(objects: usize) -> Result<(), WireError> {
    if objects > MAX_OBJECTS {
        return Err(WireError::Unreadable(format!(
            "there are more than {MAX_OBJECTS} objects: narrow what is read by namespaces"
        )));
    }
    Ok(())
}
