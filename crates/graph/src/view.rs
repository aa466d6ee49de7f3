//! One view of the graph: nodes, edges and boxes at one grain, with everything that a reader is shown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    time::Duration,
};

use vigla_model::{
    AppName, ClusterName, Fqdn, Location, Namespace, ObjectRef, Protocol, Timestamp, Version, WorkloadName,
};

use crate::{Few, Side, boxes};

/// Identity of a node, edge or box: a hash of what it is (cluster, kind, namespace, name, version), so equal in
/// every replica and after a restart. Written as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Id {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// What nodes stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// Source workload → service → destination workload; edges are kept apart by service.
    Finest,
    /// Workloads.
    Workload,
    /// Apps.
    App,
    /// Apps with their versions.
    VersionedApp,
    /// Services; callers stay workloads where no service stands for them.
    Service,
}

/// A graph at one grain. Maps are by id: order is stable from refresh to refresh.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What nodes stand for.
    pub grain: Grain,
    /// End of the window.
    pub at: Timestamp,
    /// Window over which traffic was counted.
    pub window: Duration,
    /// Nodes.
    pub nodes: BTreeMap<Id, Node>,
    /// Edges: one per source, target and protocol (finest: and service).
    pub edges: BTreeMap<Id, Edge>,
    /// Boxes that hold nodes.
    pub boxes: BTreeMap<Id, GroupBox>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// A workload.
    Workload,
    /// A service: in the service view, and where requests reached no workload.
    Service,
    /// An app.
    App,
    /// One version of an app.
    VersionedApp,
    /// A gateway workload.
    Gateway,
    /// A host outside of the mesh that a ServiceEntry names.
    External,
    /// Traffic that left the mesh unregistered (`PassthroughCluster`).
    Passthrough,
    /// A caller or callee that nobody could name.
    Unknown,
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Identity.
    pub id: Id,
    /// What it is.
    pub kind: NodeKind,
    /// Cluster, where known.
    pub cluster: Option<ClusterName>,
    /// Namespace, where known.
    pub namespace: Option<Namespace>,
    /// Workload, for workloads and gateways.
    pub workload: Option<WorkloadName>,
    /// App, where known.
    pub app: Option<AppName>,
    /// Version, where known.
    pub version: Option<Version>,
    /// Service host: for services and external hosts.
    pub service: Option<Fqdn>,
    /// Innermost box that holds it.
    pub parent: Option<Id>,
    /// Whether a sidecar counts its traffic; `None` where nobody knows.
    pub sidecar: Option<bool>,
    /// Its state and why.
    pub health: Health,
    /// Instances that are ready, and instances wanted, where the mesh tells.
    pub replicas: Option<(u32, u32)>,
    /// Rules that are in effect on it.
    pub badges: BTreeSet<Badge>,
    /// Traffic that came to it.
    pub inbound: Side,
    /// Traffic that it sent.
    pub outbound: Side,
    /// For an unknown node: what we think it is.
    pub guess: Option<Guess>,
}

/// What an unknown node probably is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// Workload that we think of.
    pub workload: WorkloadName,
    /// Its namespace.
    pub namespace: Namespace,
    /// What makes us think so, such as `address 127.64.9.1`.
    pub from: String,
}

/// Rules in effect on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Badge {
    /// Match rules.
    Route,
    /// Weights.
    Split,
    /// Requests are mirrored.
    Mirror,
    /// Faults are injected.
    Fault,
    /// A timeout is set.
    Timeout,
    /// Retries are set.
    Retry,
    /// A circuit breaker is set.
    Breaker,
    /// Authorization applies.
    Authorization,
}

/// One edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Identity.
    pub id: Id,
    /// Node that calls.
    pub source: Id,
    /// Node that is called.
    pub target: Id,
    /// Protocol of all its traffic.
    pub protocol: Protocol,
    /// Services under whose name the requests were sent.
    pub services: Few<Fqdn>,
    /// What the caller's proxies counted.
    pub by_source: Option<Side>,
    /// What the callee's proxies counted.
    pub by_destination: Option<Side>,
    /// What is shown: the callee's count where there is one, and of the caller's what the callee cannot have counted
    /// (it has no sidecar, or the request never arrived).
    pub shown: Side,
    /// Connections that the callee refused, per second (STRICT against plain text).
    pub refused: f64,
    /// Its state and why.
    pub health: Health,
    /// What decides what is seen here: causes of trouble first, then rules that choose. Filled by `insight`.
    pub why: Vec<Why>,
}

impl Edge {
    /// An edge that counted nothing.
    pub fn new(id: Id, source: Id, target: Id, protocol: Protocol) -> Self {
        Self {
            id,
            source,
            target,
            protocol,
            services: Few::default(),
            by_source: None,
            by_destination: None,
            shown: Side::default(),
            refused: 0.0,
            health: Health::UNKNOWN,
            why: Vec::new(),
        }
    }

    /// Adds what another edge between the same nodes counted, and its causes. Health is for the caller to judge anew.
    pub fn add(&mut self, other: &Self) {
        for (sum, part) in [
            (&mut self.by_source, &other.by_source),
            (&mut self.by_destination, &other.by_destination),
        ] {
            if let Some(part) = part {
                sum.get_or_insert_default().add(part);
            }
        }
        self.shown.add(&other.shown);
        self.refused += other.refused;
        for why in &other.why {
            if !self.why.contains(why) {
                self.why.push(why.clone());
            }
        }
    }

    /// True when the window counted no request, connection or byte here, nor a refused connection.
    pub fn is_idle(&self) -> bool {
        let sides = [
            Some(&self.shown),
            self.by_source.as_ref(),
            self.by_destination.as_ref(),
        ];
        self.refused <= 0.0 && sides.into_iter().flatten().all(|side| side.traffic.is_zero())
    }
}

impl Node {
    /// A node of which nothing is known.
    pub fn new(id: Id, kind: NodeKind) -> Self {
        Self {
            id,
            kind,
            cluster: None,
            namespace: None,
            workload: None,
            app: None,
            version: None,
            service: None,
            parent: None,
            sidecar: None,
            health: Health::UNKNOWN,
            replicas: None,
            badges: BTreeSet::new(),
            inbound: Side::default(),
            outbound: Side::default(),
            guess: None,
        }
    }
}

impl View {
    /// The view without edges that counted nothing, without nodes that have no other, and without empty boxes.
    #[must_use]
    pub fn without_idle(&self) -> Self {
        let edges: BTreeMap<Id, Edge> = self
            .edges
            .iter()
            .filter(|(_, edge)| !edge.is_idle())
            .map(|(id, edge)| (*id, edge.clone()))
            .collect();
        let ends: BTreeSet<Id> = edges
            .values()
            .flat_map(|edge| [edge.source, edge.target])
            .collect();
        let nodes = self.nodes.iter().filter(|(id, _)| ends.contains(id));
        let mut view = Self {
            nodes: nodes.map(|(id, node)| (*id, node.clone())).collect(),
            edges,
            ..self.frame()
        };
        boxes::draw(&mut view);
        view
    }

    /// A view of the same grain, moment and window with nothing in it.
    pub(crate) fn frame(&self) -> Self {
        Self {
            grain: self.grain,
            at: self.at,
            window: self.window,
            nodes: BTreeMap::new(),
            edges: BTreeMap::new(),
            boxes: BTreeMap::new(),
        }
    }
}

/// How well a node or edge is.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// The state.
    pub state: HealthState,
    /// Sentences that say which threshold decided, worst first.
    pub why: Vec<String>,
}

impl Health {
    /// Nobody has judged yet, or nobody can.
    pub const UNKNOWN: Self = Self {
        state: HealthState::Unknown,
        why: Vec::new(),
    };
}

/// States of health, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    /// No threshold is reached.
    Ok,
    /// There was no traffic.
    NoTraffic,
    /// Nobody could count.
    Unknown,
    /// A first threshold is reached.
    Degraded,
    /// A second threshold is reached.
    Failing,
}

/// A cause of what is seen on an edge, proved or likely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// One or two sentences in traffic terms.
    pub message: String,
    /// The object that decides.
    pub object: Option<ObjectRef>,
    /// The field and line in it.
    pub place: Option<(String, Option<Location>)>,
    /// How sure we are.
    pub confidence: Confidence,
}

/// How sure we are of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// The proxy's own word and the config agree.
    Proved,
    /// It fits what is seen.
    Likely,
}

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BoxKind {
    /// A Kubernetes cluster.
    Cluster,
    /// A namespace.
    Namespace,
    /// An app with its versions.
    App,
}

/// A box around nodes and other boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupBox {
    /// Identity.
    pub id: Id,
    /// What it stands for.
    pub kind: BoxKind,
    /// Its name.
    pub name: String,
    /// The box around it.
    pub parent: Option<Id>,
}
