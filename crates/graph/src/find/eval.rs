//! Expressions asked of a view.

use std::collections::{BTreeMap, BTreeSet};

use vigla_model::{ISTIO_BOUNDS_MS, Namespace, Protocol};

use super::{
    About, Find, Found,
    lex::Operator,
    parse::{End, Expression, Term, Test},
};
use crate::{Badge, Edge, HealthState, Id, Node, NodeKind, Side, View, filter};

pub(super) fn find(find: &Find, view: &View, asked: Option<&BTreeSet<Namespace>>) -> Found {
    let context = Context::new(view, asked);
    let mut found = Found::default();
    if find.about != About::Edges {
        let nodes = view
            .nodes
            .values()
            .filter(|node| context.node(&find.expression, node));
        found.nodes = nodes.map(|node| node.id).collect();
    }
    if find.about != About::Nodes {
        let edges = view
            .edges
            .values()
            .filter(|edge| context.edge(&find.expression, edge));
        found.edges = edges.map(|edge| edge.id).collect();
    }
    found
}

/// What terms need to know beside the element itself.
struct Context<'a> {
    view: &'a View,
    asked: Option<&'a BTreeSet<Namespace>>,
    sums: BTreeMap<Id, Sums>,
    /// Ranks by number of edges.
    ranks: BTreeMap<usize, usize>,
}

/// What came together at a node, by protocol: HTTP and gRPC in requests, TCP in bytes.
#[derive(Default)]
struct Sums {
    edges: usize,
    callers: usize,
    inbound: [f64; 3],
    outbound: [f64; 3],
}

fn index(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Grpc => 1,
        Protocol::Tcp => 2,
        _ => 0,
    }
}

fn amount(edge: &Edge) -> f64 {
    let traffic = &edge.shown.traffic;
    match edge.protocol {
        Protocol::Tcp => traffic.bytes_sent + traffic.bytes_received,
        _ => traffic.requests,
    }
}

impl<'a> Context<'a> {
    fn new(view: &'a View, asked: Option<&'a BTreeSet<Namespace>>) -> Self {
        let mut sums: BTreeMap<Id, Sums> = BTreeMap::new();
        for edge in view.edges.values() {
            let amount = amount(edge);
            let source = sums.entry(edge.source).or_default();
            source.outbound[index(edge.protocol)] += amount;
            source.edges += 1;
            let target = sums.entry(edge.target).or_default();
            target.inbound[index(edge.protocol)] += amount;
            target.edges += 1;
            target.callers += usize::from(edge.source != edge.target);
        }
        let counts = |id: &Id| sums.get(id).map_or(0, |sums| sums.edges);
        let distinct: BTreeSet<usize> = view.nodes.keys().map(counts).collect();
        let ranks = distinct
            .into_iter()
            .rev()
            .zip((1..=100).chain(std::iter::repeat(100)));
        Self {
            ranks: ranks.collect(),
            view,
            asked,
            sums,
        }
    }

    fn node(&self, expression: &Expression, node: &Node) -> bool {
        match expression {
            Expression::Any(parts) => parts.iter().any(|part| self.node(part, node)),
            Expression::All(parts) => parts.iter().all(|part| self.node(part, node)),
            Expression::Not(inner) => !self.node(inner, node),
            Expression::Term(term) => self.node_term(term, node),
        }
    }

    fn edge(&self, expression: &Expression, edge: &Edge) -> bool {
        match expression {
            Expression::Any(parts) => parts.iter().any(|part| self.edge(part, edge)),
            Expression::All(parts) => parts.iter().all(|part| self.edge(part, edge)),
            Expression::Not(inner) => !self.edge(inner, edge),
            Expression::Term(term) => match (term.word.about, term.end) {
                (About::Edges, _) | (About::Both, End::Either) => self.edge_term(term, edge),
                (_, end) => {
                    let ends = match end {
                        End::Either => [Some(edge.source), Some(edge.target)],
                        End::Source => [Some(edge.source), None],
                        End::Target => [None, Some(edge.target)],
                    };
                    let mut nodes = ends.iter().flatten().filter_map(|id| self.view.nodes.get(id));
                    nodes.any(|node| self.node_term(term, node))
                }
            },
        }
    }

    fn node_term(&self, term: &Term, node: &Node) -> bool {
        let name = term.word.name;
        match &term.test {
            Test::Holds => self.node_flag(name, node),
            Test::Text(operator, wanted) => texts_of_node(name, node).is(*operator, wanted),
            Test::Number(operator, wanted) => compare(self.node_number(name, node), *operator, *wanted),
            Test::Known(known) => self.node_number(name, node).is_some() == *known,
        }
    }

    fn node_flag(&self, name: &str, node: &Node) -> bool {
        let badge = |badge| node.badges.contains(&badge);
        let sums = self.sums.get(&node.id);
        match name {
            "healthy" => node.health.state == HealthState::Ok,
            "failing" => node.health.state == HealthState::Failing,
            "degraded" => node.health.state == HealthState::Degraded,
            "idle" => node.inbound.traffic.is_zero() && node.outbound.traffic.is_zero(),
            "dead" => node
                .replicas
                .is_some_and(|(ready, wanted)| ready == 0 && wanted > 0),
            "sidecar" => node.sidecar == Some(true),
            "outside" => self.asked.is_some_and(|asked| {
                let namespace = node.namespace.as_ref();
                namespace.is_none_or(|namespace| !asked.contains(namespace))
            }),
            "inaccessible" => node.id == filter::hidden(),
            "trafficsource" => sums.is_some_and(|sums| sums.callers == 0 && sums.edges > 0),
            "serviceentry" => node.kind == NodeKind::External,
            "virtualservice" => [
                Badge::Route,
                Badge::Split,
                Badge::Mirror,
                Badge::Fault,
                Badge::Timeout,
                Badge::Retry,
            ]
            .into_iter()
            .any(badge),
            "requestrouting" => badge(Badge::Route),
            "trafficshifting" => badge(Badge::Split),
            "tcptrafficshifting" => badge(Badge::Split) && sums.is_some_and(|sums| sums.inbound[2] > 0.0),
            "mirroring" => badge(Badge::Mirror),
            "faultinjection" => badge(Badge::Fault),
            "requesttimeout" => badge(Badge::Timeout),
            "retry" => badge(Badge::Retry),
            "circuitbreaker" => badge(Badge::Breaker),
            "authorization" => badge(Badge::Authorization),
            _ => unreachable!("`{name}` stands in the list of words and not here"),
        }
    }

    fn node_number(&self, name: &str, node: &Node) -> Option<f64> {
        let none = Sums::default();
        let sums = self.sums.get(&node.id).unwrap_or(&none);
        // As on the map: nothing counted is no number, so that `httpin = NaN` finds it.
        let counted = |amount: f64| (amount > 0.0).then_some(amount);
        match name {
            "in" => counted(sums.inbound[0] + sums.inbound[1]),
            "out" => counted(sums.outbound[0] + sums.outbound[1]),
            "httpin" => counted(sums.inbound[0]),
            "httpout" => counted(sums.outbound[0]),
            "grpcin" => counted(sums.inbound[1]),
            "grpcout" => counted(sums.outbound[1]),
            "tcpin" => counted(sums.inbound[2]),
            "tcpout" => counted(sums.outbound[2]),
            "rank" => self.ranks.get(&sums.edges).map(|rank| *rank as f64),
            _ => unreachable!("`{name}` stands in the list of words and not here"),
        }
    }

    fn edge_term(&self, term: &Term, edge: &Edge) -> bool {
        let name = term.word.name;
        match &term.test {
            Test::Holds => edge_flag(name, edge),
            Test::Text(operator, wanted) => texts_of_edge(name, edge).is(*operator, wanted),
            Test::Number(operator, wanted) if name == "code" => {
                let codes = || edge.shown.responses.keys().filter_map(|key| key.code);
                match operator {
                    Operator::NotEqual => !codes().any(|code| f64::from(code) == *wanted),
                    _ => codes().any(|code| compare(Some(f64::from(code)), *operator, *wanted)),
                }
            }
            Test::Number(operator, wanted) => compare(self.edge_number(name, edge), *operator, *wanted),
            Test::Known(known) if name == "code" => {
                edge.shown.responses.keys().any(|key| key.code.is_some()) == *known
            }
            Test::Known(known) => self.edge_number(name, edge).is_some() == *known,
        }
    }

    fn edge_number(&self, name: &str, edge: &Edge) -> Option<f64> {
        let side = &edge.shown;
        let traffic = &side.traffic;
        let of = |protocol: Protocol| index(edge.protocol) == index(protocol);
        let counted = |is: bool, amount: f64| (is && amount > 0.0).then_some(amount);
        let requests = !of(Protocol::Tcp);
        let share = |is: bool| {
            is.then(|| side.error_share())
                .flatten()
                .map(|share| share.get() * 100.0)
        };
        let of_caller = |protocol: Protocol| {
            let all = self.sums.get(&edge.source)?.outbound[index(protocol)];
            counted(of(protocol), amount(edge)).map(|part| part / all * 100.0)
        };
        let quantile = |q: f64| traffic.latency.quantile(q, &ISTIO_BOUNDS_MS);
        match name {
            "rate" => counted(requests, traffic.requests),
            "http" => counted(of(Protocol::Http), traffic.requests),
            "grpc" => counted(of(Protocol::Grpc), traffic.requests),
            "tcp" => counted(!requests, amount(edge)),
            "error" => share(requests),
            "%httperr" => share(of(Protocol::Http)),
            "%grpcerr" => share(of(Protocol::Grpc)),
            "%httptraffic" => of_caller(Protocol::Http),
            "%grpctraffic" => of_caller(Protocol::Grpc),
            "responsetime" => quantile(0.95),
            "p50" => quantile(0.5),
            "p90" => quantile(0.9),
            "p99" => quantile(0.99),
            "throughput" => counted(true, traffic.bytes_sent + traffic.bytes_received),
            "refused" => counted(true, edge.refused),
            _ => unreachable!("`{name}` stands in the list of words and not here"),
        }
    }
}

fn edge_flag(name: &str, edge: &Edge) -> bool {
    let plain = |side: &Side| side.security_known > 0.0 && side.mutual_tls < side.security_known;
    match name {
        "failing" => edge.health.state == HealthState::Failing,
        "degraded" => edge.health.state == HealthState::Degraded,
        "traffic" => !edge.is_idle(),
        "mtls" => edge.shown.security_known > 0.0 && !plain(&edge.shown),
        "plain" => plain(&edge.shown),
        _ => unreachable!("`{name}` stands in the list of words and not here"),
    }
}

/// Values of which one must fit; for a negated operator all.
struct Texts(Vec<String>);

impl Texts {
    fn is(&self, operator: Operator, wanted: &str) -> bool {
        let any = |fits: fn(&str, &str) -> bool| self.0.iter().any(|text| fits(&text.to_lowercase(), wanted));
        match operator {
            Operator::NotEqual | Operator::NotContains | Operator::NotStartsWith | Operator::NotEndsWith => {
                !self.is(operator.negated(), wanted)
            }
            Operator::Contains => any(|text, part| text.contains(part)),
            Operator::StartsWith => any(|text, part| text.starts_with(part)),
            Operator::EndsWith => any(|text, part| text.ends_with(part)),
            _ => any(|text, whole| text == whole),
        }
    }
}

fn texts_of_node(name: &str, node: &Node) -> Texts {
    let text = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
    let host = node.service.as_ref().map(vigla_model::Fqdn::as_str);
    let service = || {
        let short = host.map(|host| host.split('.').next().unwrap_or(host));
        host.into_iter()
            .chain(short)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let workload = node.workload.as_ref().map(vigla_model::WorkloadName::as_str);
    let app = node.app.as_ref().map(vigla_model::AppName::as_str);
    Texts(match name {
        "name" => match node.kind {
            NodeKind::Workload | NodeKind::Gateway => text(workload),
            NodeKind::App | NodeKind::VersionedApp => text(app),
            NodeKind::Service | NodeKind::External => service(),
            NodeKind::Passthrough | NodeKind::Unknown => {
                let guess = node.guess.as_ref().map(|guess| guess.workload.to_string());
                guess.into_iter().chain([node.kind.as_str().to_owned()]).collect()
            }
        },
        "namespace" => text(node.namespace.as_ref().map(Namespace::as_str)),
        "app" | "label:app" => text(app),
        "version" | "label:version" => text(node.version.as_ref().map(vigla_model::Version::as_str)),
        "workload" => text(workload),
        "service" => service(),
        "cluster" => text(node.cluster.as_ref().map(vigla_model::ClusterName::as_str)),
        "node" => match node.kind {
            // Kiali calls both an app.
            NodeKind::VersionedApp => vec!["app".to_owned(), node.kind.as_str().to_owned()],
            NodeKind::Gateway => vec!["workload".to_owned(), node.kind.as_str().to_owned()],
            kind => vec![kind.as_str().to_owned()],
        },
        _ => unreachable!("`{name}` stands in the list of words and not here"),
    })
}

fn texts_of_edge(name: &str, edge: &Edge) -> Texts {
    let sides = || {
        [
            Some(&edge.shown),
            edge.by_source.as_ref(),
            edge.by_destination.as_ref(),
        ]
        .into_iter()
        .flatten()
    };
    Texts(match name {
        "protocol" => vec![edge.protocol.as_str().to_owned()],
        "flag" => {
            let keys = edge.shown.responses.keys();
            keys.flat_map(|key| {
                key.flags
                    .to_string()
                    .split(',')
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect()
        }
        "sourceprincipal" => sides()
            .flat_map(|side| &side.source_principals)
            .map(ToString::to_string)
            .collect(),
        "destprincipal" => sides()
            .flat_map(|side| &side.destination_principals)
            .map(ToString::to_string)
            .collect(),
        _ => unreachable!("`{name}` stands in the list of words and not here"),
    })
}

/// A number that is not known satisfies no comparison.
fn compare(number: Option<f64>, operator: Operator, wanted: f64) -> bool {
    number.is_some_and(|number| match operator {
        Operator::NotEqual => number != wanted,
        Operator::Greater => number > wanted,
        Operator::GreaterOrEqual => number >= wanted,
        Operator::Less => number < wanted,
        Operator::LessOrEqual => number <= wanted,
        _ => number == wanted,
    })
}
