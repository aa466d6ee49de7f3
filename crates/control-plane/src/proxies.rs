//! The connected proxies and what each of them has.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;
use vigla_compiler::{Problem, ProxyIdentity};
use vigla_dataplane::Plan;
use vigla_model::{Origin, Timestamp};
use vigla_xds::ResourceKind;

use crate::workshop::Target;

/// Refusals that are kept of one proxy: the newest of each kind.
const KINDS: usize = ResourceKind::ALL.len();

/// Which program a proxy is, by what it says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProxyProgram {
    /// `vigla-proxy`.
    Vigla,
    /// Stock Envoy.
    Envoy,
}

impl ProxyProgram {
    /// Name for people: `vigla-proxy` or `envoy`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vigla => "vigla-proxy",
            Self::Envoy => "envoy",
        }
    }
}

/// Whether a proxy's stream is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Since then.
    Connected(Timestamp),
    /// Since then; it goes on with what it has.
    Disconnected(Timestamp),
}

/// What a proxy has of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindReport {
    /// Version that it acknowledged last: a hash of names and contents.
    pub version: Arc<str>,
    /// When.
    pub at: Timestamp,
}

/// A resource that a proxy refused. It goes on with the last good one.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Its kind.
    pub kind: ResourceKind,
    /// The proxy's own words.
    pub text: Arc<str>,
    /// The object that made the resource; `None` when the text does not tell.
    pub origin: Option<Origin>,
    /// When.
    pub at: Timestamp,
}

/// How long a proxy took for a change of config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushReport {
    /// Revision of the mesh's config.
    pub revision: u64,
    /// From the moment at which the control plane saw the change until the proxy had taken all of it.
    pub took: Duration,
}

/// One proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyStatus {
    /// Which one.
    pub proxy: ProxyIdentity,
    /// Its workload.
    pub workload: Arc<str>,
    /// Its program.
    pub program: ProxyProgram,
    /// Its version, as it says; empty when it says none.
    pub agent_version: Arc<str>,
    /// Whether it is connected.
    pub connection: Connection,
    /// Whether it has acknowledged the newest config of every kind that it asked for.
    pub in_sync: bool,
    /// What it acknowledged, by kind.
    pub kinds: BTreeMap<ResourceKind, KindReport>,
    /// The last change that it took; `None` when there was none since it connected.
    pub last_push: Option<PushReport>,
    /// What it refuses now.
    pub refusals: Vec<Refusal>,
    /// End of its certificate's life.
    pub certificate_not_after: Option<Timestamp>,
    /// What of the mesh's config could not be put into its plan.
    pub problems: Arc<[Problem]>,
}

/// All proxies that connected since the start and still are in the mesh.
#[derive(Debug)]
pub(crate) struct Proxies {
    entries: Mutex<BTreeMap<ProxyIdentity, Entry>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Entry {
    /// Number of the stream that speaks for the proxy: after a restart the old one may end later.
    stream: u64,
    status: ProxyStatus,
    target: watch::Sender<Arc<Target>>,
    /// Revision that it has taken as a whole.
    revision: Option<u64>,
}

impl Default for Proxies {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl Proxies {
    /// A stream opened; gives the targets that it is to follow.
    pub(crate) fn connect(
        &self,
        stream: u64,
        proxy: &ProxyIdentity,
        program: ProxyProgram,
        agent_version: &str,
        target: Target,
        now: Timestamp,
    ) -> watch::Receiver<Arc<Target>> {
        let status = ProxyStatus {
            proxy: proxy.clone(),
            workload: Arc::clone(&target.workload),
            program,
            agent_version: agent_version.into(),
            connection: Connection::Connected(now),
            in_sync: false,
            kinds: BTreeMap::new(),
            last_push: None,
            refusals: Vec::with_capacity(KINDS),
            certificate_not_after: target.certificate_not_after,
            problems: Arc::clone(&target.problems),
        };
        let (sender, receiver) = watch::channel(Arc::new(target));
        let entry = Entry {
            stream,
            status,
            target: sender,
            revision: None,
        };
        self.lock().insert(proxy.clone(), entry);
        self.changed();
        receiver
    }

    /// A stream ended.
    pub(crate) fn disconnect(&self, stream: u64, proxy: &ProxyIdentity, now: Timestamp) {
        self.update(stream, proxy, |status| {
            status.connection = Connection::Disconnected(now);
            status.in_sync = false;
        });
    }

    /// Changes what is known of a proxy, when this stream still speaks for it.
    pub(crate) fn update(&self, stream: u64, proxy: &ProxyIdentity, change: impl FnOnce(&mut ProxyStatus)) {
        if let Some(entry) = self.lock().get_mut(proxy).filter(|entry| entry.stream == stream) {
            change(&mut entry.status);
        }
        self.changed();
    }

    /// The proxy has taken all of a revision.
    pub(crate) fn settle(&self, stream: u64, proxy: &ProxyIdentity, revision: u64) {
        if let Some(entry) = self.lock().get_mut(proxy).filter(|entry| entry.stream == stream) {
            entry.revision = Some(revision);
        }
        self.changed();
    }

    /// Connected proxies and their programs.
    pub(crate) fn connected(&self) -> Vec<(ProxyIdentity, ProxyProgram)> {
        let entries = self.lock();
        let open = entries.values().filter(|entry| entry.is_connected());
        open.map(|entry| (entry.status.proxy.clone(), entry.status.program))
            .collect()
    }

    /// Gives a proxy a new target, unless it has a newer one already.
    pub(crate) fn retarget(&self, proxy: &ProxyIdentity, target: Target) {
        let mut entries = self.lock();
        let is_newer = |entry: &&mut Entry| entry.target.borrow().revision <= target.revision;
        if let Some(entry) = entries.get_mut(proxy).filter(is_newer) {
            entry.status.certificate_not_after = target.certificate_not_after;
            entry.status.problems = Arc::clone(&target.problems);
            entry.target.send_replace(Arc::new(target));
        }
    }

    /// Forgets proxies that are gone for good.
    pub(crate) fn retain(&self, is_known: impl Fn(&ProxyIdentity) -> bool) {
        self.lock()
            .retain(|proxy, entry| entry.is_connected() || is_known(proxy));
    }

    /// How many connected proxies have taken a revision (or a newer one), of how many.
    pub(crate) fn taken(&self, revision: u64) -> (usize, usize) {
        let entries = self.lock();
        let open = entries.values().filter(|entry| entry.is_connected());
        open.fold((0, 0), |(taken, all), entry| {
            let has_it = entry.revision.is_some_and(|has| has >= revision);
            (taken + usize::from(has_it), all + 1)
        })
    }

    /// Whether the proxy was in sync when last told.
    pub(crate) fn is_in_sync(&self, proxy: &ProxyIdentity) -> Option<bool> {
        self.lock().get(proxy).map(|entry| entry.status.in_sync)
    }

    pub(crate) fn statuses(&self) -> Vec<ProxyStatus> {
        self.lock().values().map(|entry| entry.status.clone()).collect()
    }

    pub(crate) fn plan(&self, proxy: &ProxyIdentity) -> Option<Arc<Plan>> {
        let entries = self.lock();
        let target = entries.get(proxy)?.target.borrow();
        Some(Arc::clone(&target.plan))
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ProxyIdentity, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is_connected(&self) -> bool {
        matches!(self.status.connection, Connection::Connected(_))
    }
}
