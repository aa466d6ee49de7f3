//! A cluster as a [`ConfigSource`].

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use vigla_config::Instance;
use vigla_model::Location;
use vigla_sources::{ConfigError, ConfigSource, ConfigState};

use crate::{
    board::{Board, Following, KindStatus, Part},
    connect::{ConnectError, KubeSettings, connect},
    discover::{self, Catalogue},
    follow::{Follower, Shared},
    kept::{Backing, Named, Pod, Slice, Slim, Text, Workload, Written},
    kinds::{KINDS, Shape},
    pulse,
    wire::Server,
};

/// Until every kind has been read the picture has holes. After this time it is shown with them, and says so.
const PATIENCE: Duration = Duration::from_secs(10);
/// Changes within this time of each other are one revision.
const QUIET: Duration = Duration::from_millis(10);
/// A large cluster changes all the time: each revision costs its readers a new snapshot.
const GAP: Duration = Duration::from_millis(100);

/// A cluster's config and running instances, read and followed. Ends when it is dropped.
pub struct KubeSource {
    name: String,
    board: Arc<Board>,
    state: watch::Receiver<Arc<ConfigState>>,
    _tasks: JoinSet<()>,
}

/// Everything that is known, kind by kind.
#[derive(Default)]
struct Known {
    texts: Vec<Shared<Text>>,
    pods: Shared<<Pod as Slim>::Kept>,
    slices: Shared<Vec<Backing>>,
}

impl KubeSource {
    /// Begins to read a cluster. Whether it can be reached shows in the state: a console starts before its cluster.
    ///
    /// # Errors
    /// When the kubeconfig or the credentials in it cannot be used.
    pub async fn open(settings: &KubeSettings) -> Result<Self, ConnectError> {
        let (client, server) = connect(settings).await?;
        Ok(Self::over(client, &server, &settings.namespaces))
    }

    /// Reads a cluster over a client that is there already.
    pub(crate) fn over(client: kube::Client, name: &str, namespaces: &[String]) -> Self {
        let server = Server::new(client);
        let board = Arc::new(Board::default());
        let doubt = Arc::new(Notify::new());
        let streaming = Arc::new(AtomicBool::new(true));
        let (catalogue, served) = watch::channel(discover::built_in());
        let mut known = Known::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(discover::run(
            server.clone(),
            catalogue,
            Arc::clone(&doubt),
            Arc::clone(&board),
        ));
        let (back, noticed) = watch::channel(0);
        tasks.spawn(pulse::run(server.clone(), Arc::clone(&board), back));
        let start = Start {
            server,
            namespaces: namespaces.iter().map(|name| Arc::from(name.as_str())).collect(),
            back: noticed,
            board: &board,
            doubt,
            streaming,
            served,
        };
        for (index, kind) in KINDS.iter().enumerate() {
            match kind.shape {
                Shape::Pod => start.follow::<Pod>(&mut tasks, index, &known.pods),
                Shape::Slice => start.follow::<Slice>(&mut tasks, index, &known.slices),
                Shape::Written => start.follow::<Written>(&mut tasks, index, known.add()),
                Shape::Workload => start.follow::<Workload>(&mut tasks, index, known.add()),
                Shape::Named => start.follow::<Named>(&mut tasks, index, known.add()),
            }
        }
        let (sender, state) = watch::channel(Arc::default());
        tasks.spawn(publish(known, Arc::clone(&board), !namespaces.is_empty(), sender));
        Self {
            name: format!("kubernetes {name}"),
            board,
            state,
            _tasks: tasks,
        }
    }

    /// How every kind is doing.
    pub fn status(&self) -> Vec<KindStatus> {
        self.board.status()
    }

    /// The newest state.
    pub fn state(&self) -> Arc<ConfigState> {
        Arc::clone(&self.state.borrow())
    }
}

impl ConfigSource for KubeSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn watch(&self) -> watch::Receiver<Arc<ConfigState>> {
        self.state.clone()
    }
}

/// What all followers have in common.
struct Start<'a> {
    server: Server,
    namespaces: Arc<[Arc<str>]>,
    back: watch::Receiver<u64>,
    board: &'a Arc<Board>,
    doubt: Arc<Notify>,
    streaming: Arc<AtomicBool>,
    served: watch::Receiver<Catalogue>,
}

impl Start<'_> {
    fn follow<S: Slim>(&self, tasks: &mut JoinSet<()>, index: usize, table: &Shared<S::Kept>) {
        let follower = Follower::<S> {
            server: self.server.clone(),
            part: Part {
                index,
                namespace: None,
            },
            namespaces: Arc::clone(&self.namespaces),
            back: self.back.clone(),
            table: Arc::clone(table),
            board: Arc::clone(self.board),
            streaming: Arc::clone(&self.streaming),
            catalogue: self.served.clone(),
            doubt: Arc::clone(&self.doubt),
        };
        tasks.spawn(follower.run());
    }
}

/// Publishes what is known whenever it differs.
async fn publish(known: Known, board: Arc<Board>, in_part: bool, state: watch::Sender<Arc<ConfigState>>) {
    let started = Instant::now();
    while !board.all_settled() && started.elapsed() < PATIENCE {
        let left = PATIENCE.saturating_sub(started.elapsed());
        let _ = timeout(left, board.changed.notified()).await;
    }
    loop {
        let mut next = known.state(&board.status(), board.silence().as_deref(), in_part);
        let before = state.borrow().clone();
        if before.revision == 0 || differs(&before, &next) {
            next.revision = before.revision + 1;
            state.send_replace(Arc::new(next));
        }
        drop(before);
        sleep(GAP).await;
        board.changed.notified().await;
        sleep(QUIET).await;
    }
}

/// Whether two states say different things. What did not change is the same value in both.
fn differs(before: &ConfigState, next: &ConfigState) -> bool {
    let same_files = before.files.len() == next.files.len()
        && before
            .files
            .iter()
            .zip(&next.files)
            .all(|(a, b)| Arc::ptr_eq(a, b));
    // Instances that Services call unready are made anew each time.
    let same = |(a, b): (&Arc<Instance>, &Arc<Instance>)| Arc::ptr_eq(a, b) || a == b;
    let same_instances = before.instances.len() == next.instances.len()
        && before.instances.iter().zip(&next.instances).all(same);
    !same_files || !same_instances || before.errors != next.errors || before.notes != next.notes
}

impl Known {
    /// One more kind of texts.
    fn add(&mut self) -> &Shared<Text> {
        self.texts.push(Shared::default());
        self.texts.last().expect("one was just added")
    }

    /// `in_part`: what only other rights would show is no trouble as long as something is shown.
    fn state(&self, status: &[KindStatus], silence: Option<&str>, in_part: bool) -> ConfigState {
        let mut state = ConfigState::default();
        for table in &self.texts {
            let table = lock(table);
            for text in table.values() {
                state.files.push(Arc::clone(&text.file));
                state.errors.extend(text.errors.iter().cloned());
            }
        }
        state.files.sort_by(|a, b| a.name.cmp(&b.name));
        state.instances = self.instances();
        let refused = |kind: &&KindStatus| matches!(kind.following, Following::Refused(_));
        let in_part = in_part && status.iter().any(|kind| kind.following == Following::Current);
        let (refused, others): (Vec<&KindStatus>, Vec<&KindStatus>) =
            status.iter().partition(|kind| in_part && refused(kind));
        state.notes = troubles(&refused).iter().map(ToString::to_string).collect();
        state.errors.extend(troubles(&others));
        // Who follows may not know yet.
        if let (Some(reason), []) = (silence, state.errors.as_slice()) {
            state.errors.push(trouble(
                "API server",
                format!("it does not answer: {reason}; what was read last stays"),
            ));
        }
        state
    }

    /// Pods with what Services say of them.
    fn instances(&self) -> Vec<Arc<Instance>> {
        let slices = lock(&self.slices);
        // Whether any Service sends traffic to it, of those that have it.
        let mut backed: BTreeMap<&str, bool> = BTreeMap::new();
        for backing in slices.values().flatten() {
            *backed.entry(&backing.pod).or_default() |= backing.ready;
        }
        let pods = lock(&self.pods);
        pods.entries()
            .filter_map(|(key, pod)| {
                let pod = pod.as_ref()?;
                let ready = pod.ready && backed.get(key).copied().unwrap_or(true);
                Some(if ready == pod.ready {
                    Arc::clone(pod)
                } else {
                    Arc::new(Instance {
                        ready,
                        ..Instance::clone(pod)
                    })
                })
            })
            .collect()
    }
}

fn lock<V>(table: &Shared<V>) -> std::sync::MutexGuard<'_, crate::table::Table<V>> {
    // Rows are replaced one by one, so what a panic leaves is still true.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is not known, or is from before: one error for all kinds with the same trouble.
fn troubles(status: &[&KindStatus]) -> Vec<ConfigError> {
    let mut kinds: BTreeMap<&str, Vec<&KindStatus>> = BTreeMap::new();
    for &kind in status {
        match &kind.following {
            Following::Failing(error) | Following::Refused(error) => {
                kinds.entry(error).or_default().push(kind);
            }
            Following::Starting => kinds.entry("not read yet").or_default().push(kind),
            Following::Absent | Following::Current => (),
        }
    }
    kinds
        .into_iter()
        .map(|(error, kinds)| {
            let names: Vec<String> = kinds.iter().map(|kind| kind.shown()).collect();
            let stays = if kinds.iter().any(|kind| kind.known) {
                "; what was read last stays"
            } else {
                ""
            };
            trouble(&names.join(", "), format!("{error}{stays}"))
        })
        .collect()
}

fn trouble(what: &str, message: String) -> ConfigError {
    ConfigError {
        trouble: vigla_config::Trouble::Broken,
        place: Location {
            file: what.into(),
            line: 1,
            column: 1,
        },
        message,
    }
}

#[cfg(test)]
mod tests;
