//! From rows of counted traffic to the finest view.

use std::{collections::BTreeMap, time::Duration};

use vigla_model::{
    ClusterName, Fqdn, Principal, Protocol, Reporter, ResponseFlag, ResponseFlags, SecurityPolicy, Timestamp,
};

use crate::{
    Edge, Few, Grain, Id, Identities, Node, NodeKind, ResponseKey, Side, TrafficRow, TrafficWindow, View,
    boxes,
    drawn::Drawn,
    ends::{self, End},
    health,
    id::{self, ById},
};

/// Flags of the caller's proxy that say the request never came to the callee's proxy, which so cannot have counted it.
const NEVER_ARRIVED: [ResponseFlag; 9] = [
    ResponseFlag::NoRoute,
    ResponseFlag::NoCluster,
    ResponseFlag::NoHealthyUpstream,
    ResponseFlag::UpstreamFailure,
    ResponseFlag::UpstreamOverflow,
    ResponseFlag::FaultAbort,
    ResponseFlag::RateLimited,
    ResponseFlag::RateLimitError,
    ResponseFlag::AuthorizationService,
];

/// The finest view, and which row is counted on which edge of it.
pub(crate) struct Drawing {
    pub(crate) view: View,
    /// Numbers of the rows (of all windows, one after the other) with their edges, in the order in which they count.
    pub(crate) counted: Vec<(u32, Id)>,
}

/// Builds the finest view of what was counted, completed by what is known of the mesh.
///
/// Every workload of the mesh is a node and every series that exists an edge, idle or not: see [`View::without_idle`].
/// Which nodes and edges there are, and which row counts where, comes from keys and mesh alone, never from numbers.
pub(crate) fn finest(windows: &[TrafficWindow], mesh: &dyn Identities) -> Drawing {
    let at = windows
        .iter()
        .map(|window| window.at)
        .max()
        .unwrap_or(Timestamp(0));
    let window = windows
        .iter()
        .map(|window| window.window)
        .max()
        .unwrap_or(Duration::ZERO);
    let home = mesh.cluster();
    let home = home.as_ref();
    let rows = windows.iter().map(|window| window.rows.len()).sum();
    let mut draft = Draft {
        mesh,
        home,
        nodes: Drawn::with_room(0),
        // Both proxies count an edge, by answer and without.
        edges: Drawn::with_room(rows / 4),
        calls: Calls::default(),
        counted: Vec::with_capacity(rows),
    };
    for (namespace, workload) in mesh.workloads() {
        draft.node(&End::workload(home, namespace, workload));
    }
    // What the callee's proxy cannot tell (the service, or who called in plain text), the caller's often can:
    // such rows wait until all others have drawn their edges.
    let mut vague = Vec::new();
    for (number, row) in windows.iter().flat_map(|window| &window.rows).enumerate() {
        let row = (number as u32, row);
        let key = &row.1.key;
        let (source, target) = (ends::source(key, home, mesh), ends::target(key, home, mesh));
        if draft.is_clear(row.1, &source) {
            draft.count(row, &source, &target, key.protocol, key.service.as_ref());
        } else {
            vague.push((row, source, target));
        }
    }
    // Those that know least come last, whatever order a source's answers came in: they go by what the others drew.
    vague.sort_by_key(|((_, row), ..)| (row.key.refused, row.key.service.is_none()));
    for (row, source, target) in vague {
        draft.count_vague(row, source, &target);
    }
    show(&mut draft.edges, &draft.calls);
    let mut view = View {
        grain: Grain::Finest,
        at,
        window,
        nodes: draft.nodes.into_map(),
        edges: draft.edges.into_map(),
        boxes: BTreeMap::new(),
    };
    health::settle(&mut view);
    boxes::draw(&mut view);
    Drawing {
        view,
        counted: draft.counted,
    }
}

/// A row with its number.
type Numbered<'a> = (u32, &'a TrafficRow);

/// Places of all edges between two nodes, whatever the service.
type Calls = ById<(Id, Id), Vec<usize>>;

struct Draft<'a> {
    mesh: &'a dyn Identities,
    /// The mesh's cluster.
    home: Option<&'a ClusterName>,
    nodes: Drawn<Node>,
    edges: Drawn<Edge>,
    calls: Calls,
    counted: Vec<(u32, Id)>,
}

impl<'a> Draft<'a> {
    /// Whether the row says by itself which edge it belongs to.
    fn is_clear(&self, row: &TrafficRow, source: &End<'_>) -> bool {
        let key = &row.key;
        key.reporter == Reporter::Source
            || !(key.refused || key.service.is_none() || matches!(source, End::UnknownCaller(Some(_))))
    }

    /// Counts a row of the callee's proxy on the edge that the caller's proxy drew for the same traffic, if there is one.
    fn count_vague(&mut self, row: Numbered<'_>, source: End<'a>, target: &End<'_>) {
        let key = &row.1.key;
        let source = self.reported_caller(source, target);
        let between = self.calls.get(&(source.id(), target.id()));
        let mut known = between.into_iter().flatten().map(|place| &self.edges[*place]);
        let mut protocol = key.protocol;
        let mut service = key.service.clone();
        if key.refused {
            // A refused connection said nothing yet: it counts with what it would have carried.
            let spoken = service.as_ref().and_then(|host| self.mesh.host(host)?.protocol);
            protocol = spoken
                .or_else(|| only(known.clone().map(|edge| edge.protocol)))
                .unwrap_or(protocol);
        }
        if service.is_none() {
            let drawn = known.by_ref().filter(|edge| edge.protocol == protocol);
            service = only(drawn.filter_map(|edge| edge.services.first().cloned()));
        }
        self.count(row, &source, target, protocol, service.as_ref());
    }

    /// A caller that showed no certificate is the workload with its address when that one's own proxy says that it
    /// called; otherwise it stays a guess.
    fn reported_caller(&self, source: End<'a>, target: &End<'_>) -> End<'a> {
        let End::UnknownCaller(Some(guess)) = &source else {
            return source;
        };
        let candidate = End::workload(self.home, guess.namespace.clone(), guess.workload.clone());
        let between = self.calls.get(&(candidate.id(), target.id()));
        let called = between
            .into_iter()
            .flatten()
            .any(|place| self.edges[*place].by_source.is_some());
        if called { candidate } else { source }
    }

    fn count(
        &mut self,
        (number, row): Numbered<'_>,
        source: &End<'_>,
        target: &End<'_>,
        protocol: Protocol,
        service: Option<&Fqdn>,
    ) {
        let (source, target) = (self.node(source), self.node(target));
        let id = id::edge(source, target, protocol, service);
        let before = self.edges.len();
        let place = self.edges.place(id, || Edge {
            services: service.into_iter().cloned().collect(),
            ..Edge::new(id, source, target, protocol)
        });
        if place == before {
            self.calls.entry((source, target)).or_default().push(place);
        }
        self.counted.push((number, id));
        count_row(&mut self.edges[place], row);
    }

    /// The node of an end, drawn at first sight; later sights fill what was not known.
    fn node(&mut self, end: &End<'_>) -> Id {
        let id = end.id();
        let mesh = self.mesh;
        let place = self.nodes.place(id, || draw(id, end, mesh));
        let node = &mut self.nodes[place];
        match end {
            End::Workload { app, version, .. } => {
                node.app = node.app.take().or_else(|| app.cloned());
                node.version = node.version.take().or_else(|| version.cloned());
            }
            End::UnknownCaller(guess) => {
                // Instances differ in their addresses; the first in order is the same at every refresh.
                if let (Some(have), Some(new)) = (&mut node.guess, guess)
                    && new.from < have.from
                {
                    have.from.clone_from(&new.from);
                }
            }
            _ => (),
        }
        id
    }
}

/// The value that all have; `None` when there is none or they differ.
fn only<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// A new node with all that its end and the mesh tell of it.
fn draw(id: Id, end: &End<'_>, mesh: &dyn Identities) -> Node {
    let mut node = Node::new(id, end.kind());
    match end {
        End::Workload {
            cluster,
            namespace,
            workload,
            app,
            version,
        } => {
            node.cluster = cluster.cloned();
            node.namespace = Some((**namespace).clone());
            node.workload = Some((**workload).clone());
            let facts = mesh
                .workload(namespace.as_str(), workload.as_str())
                .unwrap_or_default();
            // What proxies say of themselves at the moment of the call comes before what is written now.
            node.app = app.cloned().or(facts.app);
            node.version = version.cloned().or(facts.version);
            node.sidecar = facts.sidecar;
            node.replicas = facts.replicas;
            node.badges = facts.badges;
            if facts.gateway {
                node.kind = NodeKind::Gateway;
            }
        }
        End::Service(host) | End::External(host) => {
            let facts = mesh.host(host).unwrap_or_default();
            let written = || host.service_parts().map(|(_, namespace)| namespace.into());
            node.namespace = facts.namespace.or_else(written);
            node.badges = facts.badges;
            node.service = Some((*host).clone());
        }
        End::Passthrough(host) => node.service = Some((*host).clone()),
        End::UnknownCaller(guess) => {
            let known = guess
                .as_ref()
                .and_then(|guess| mesh.workload(guess.namespace.as_str(), guess.workload.as_str()));
            node.sidecar = known.and_then(|facts| facts.sidecar);
            node.guess.clone_from(guess);
        }
        End::UnknownCallee => (),
    }
    node
}

/// Counts a row on its edge.
pub(crate) fn count_row(edge: &mut Edge, row: &TrafficRow) {
    if row.key.refused {
        edge.refused += row.traffic.connections;
        return;
    }
    let side = match row.key.reporter {
        Reporter::Source => &mut edge.by_source,
        Reporter::Destination => &mut edge.by_destination,
    };
    add_row(side.get_or_insert_default(), row);
}

/// Adds a row to a side. Rows that counted nothing in the window add their counters only.
fn add_row(side: &mut Side, row: &TrafficRow) {
    let (key, traffic) = (&*row.key, &row.traffic);
    side.totals.requests += row.totals.requests;
    side.totals.connections += row.totals.connections;
    if traffic.is_zero() {
        return;
    }
    side.traffic.add(traffic);
    let tcp = key.protocol == Protocol::Tcp;
    let weight = if tcp {
        traffic.connections
    } else {
        traffic.requests
    };
    if weight > 0.0 && !(tcp && key.flags.is_empty()) {
        let answer = ResponseKey {
            code: key.response_code,
            grpc_status: key.grpc_status,
            flags: key.flags,
        };
        *side.responses.entry(answer).or_default() += weight;
    }
    if key.reporter == Reporter::Destination && key.security != SecurityPolicy::Unknown {
        side.security_known += weight;
        if key.security == SecurityPolicy::MutualTls {
            side.mutual_tls += weight;
        }
    }
    add_principal(&mut side.source_principals, key.source.principal.as_ref());
    add_principal(
        &mut side.destination_principals,
        key.destination.principal.as_ref(),
    );
}

/// Adds who it was; most rows of an edge say the same.
fn add_principal(all: &mut Few<Principal>, principal: Option<&Principal>) {
    if let Some(principal) = principal
        && !all.contains(principal)
    {
        all.insert(principal.clone());
    }
}

/// Decides what each edge shows: the callee's count, and of the caller's what the callee cannot have counted.
fn show(edges: &mut Drawn<Edge>, calls: &Calls) {
    for places in calls.values() {
        let callee = Callee::of(places.iter().map(|place| &edges[*place]));
        for place in places {
            callee.show(&mut edges[*place]);
        }
    }
}

/// What the callee's proxy does with all calls from one node.
pub(crate) struct Callee {
    /// Services of one callee share its proxy: it counted all of them, or none. The names may differ (a caller counts
    /// under the host it called), so this is not asked edge by edge.
    counts: Few<Protocol>,
    refuses: bool,
}

impl Callee {
    /// From all edges between two nodes.
    pub(crate) fn of<'a>(edges: impl Iterator<Item = &'a Edge>) -> Self {
        let mut callee = Self {
            counts: Few::default(),
            refuses: false,
        };
        for edge in edges {
            if edge.by_destination.is_some() {
                callee.counts.insert(edge.protocol);
            }
            callee.refuses |= edge.refused > 0.0;
        }
        callee
    }

    /// Decides what one of these edges shows.
    pub(crate) fn show(&self, edge: &mut Edge) {
        let mut shown = edge.by_destination.clone().unwrap_or_default();
        match &edge.by_source {
            Some(side) if self.counts.contains(&edge.protocol) => add_lost(&mut shown, side, self.refuses),
            Some(side) => shown.add(side),
            None => (),
        }
        edge.shown = shown;
    }
}

/// Adds the requests that only the caller's proxy can have counted. Their latency and bytes are not known apart.
fn add_lost(shown: &mut Side, by_source: &Side, refuses: bool) {
    let lost = |flags: ResponseFlags| {
        NEVER_ARRIVED.iter().any(|flag| flags.contains(*flag))
            || refuses && flags.contains(ResponseFlag::UpstreamClosed)
    };
    for (answer, rate) in &by_source.responses {
        if lost(answer.flags) {
            *shown.responses.entry(answer.clone()).or_default() += rate;
            if answer.code.is_some() {
                shown.traffic.requests += rate;
            }
        }
    }
}

#[cfg(test)]
mod tests;
