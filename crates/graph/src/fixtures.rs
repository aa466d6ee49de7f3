//! A small mesh and rows of traffic for this crate's tests.

use std::{net::IpAddr, sync::Arc, time::Duration};

use vigla_model::{
    ClusterName, Fqdn, Histogram, Namespace, PeerIdentity, Principal, Protocol, Reporter, ResponseFlags,
    SecurityPolicy, Timestamp, WorkloadName,
};

use crate::{
    Edge, Graph, HostFacts, Identities, Node, Totals, Traffic, TrafficKey, TrafficRow, TrafficWindow, View,
    WorkloadFacts,
};

/// Workloads `APP-VERSION` in namespace `bookinfo` with sidecars, `legacy` without at 10.0.0.9, a gateway.
pub(crate) struct Bookinfo;

impl Identities for Bookinfo {
    fn cluster(&self) -> Option<ClusterName> {
        Some("demo".into())
    }
    fn workloads(&self) -> Vec<(Namespace, WorkloadName)> {
        vec![("bookinfo".into(), "idle-v1".into())]
    }
    fn workload(&self, _: &str, workload: &str) -> Option<WorkloadFacts> {
        let (app, version) = workload.rsplit_once('-').unzip();
        Some(WorkloadFacts {
            app: app.map(Into::into),
            version: version.map(Into::into),
            sidecar: Some(workload != "legacy"),
            gateway: workload == "ingress-gateway",
            ..WorkloadFacts::default()
        })
    }
    fn instance_at(&self, address: IpAddr) -> Option<(Namespace, WorkloadName)> {
        let workload = match address.to_string().as_str() {
            "10.0.0.9" => "legacy",
            "10.0.0.1" => "productpage-v1",
            _ => return None,
        };
        Some(("bookinfo".into(), workload.into()))
    }
    fn workload_of(&self, principal: &Principal) -> Option<WorkloadName> {
        (principal.service_account() == "details").then(|| "details-v1".into())
    }
    fn host(&self, host: &Fqdn) -> Option<HostFacts> {
        match host.as_str() {
            "books.example" => Some(HostFacts {
                external: true,
                ..HostFacts::default()
            }),
            "reviews.bookinfo.svc.cluster.local" => Some(HostFacts {
                namespace: Some("bookinfo".into()),
                protocol: Some(Protocol::Http),
                ..HostFacts::default()
            }),
            _ => None,
        }
    }
}

pub(crate) fn peer(workload: &str) -> PeerIdentity {
    PeerIdentity {
        namespace: Some("bookinfo".into()),
        workload: Some(workload.into()),
        ..PeerIdentity::default()
    }
}

pub(crate) fn host(service: &str) -> Fqdn {
    Fqdn::of_service(service, "bookinfo", "cluster.local")
}

/// A row of HTTP requests, answered with 200 by mTLS; changed by the methods below.
#[derive(Debug)]
pub(crate) struct Row(pub(crate) TrafficKey, pub(crate) Traffic);

pub(crate) fn row(reporter: Reporter, source: &str, target: &str, requests: f64) -> Row {
    let service = target.split('-').next().map(host);
    let mtls = reporter == Reporter::Destination;
    Row(
        TrafficKey {
            reporter,
            source: peer(source),
            destination: peer(target),
            service,
            protocol: Protocol::Http,
            response_code: Some(200),
            grpc_status: None,
            flags: ResponseFlags::NONE,
            security: if mtls {
                SecurityPolicy::MutualTls
            } else {
                SecurityPolicy::Unknown
            },
            source_address: None,
            refused: false,
        },
        Traffic {
            requests,
            latency: Histogram {
                buckets: vec![(5.0, requests)],
                sum_ms: requests * 4.0,
            },
            bytes_sent: requests * 10.0,
            bytes_received: requests * 100.0,
            connections: 0.0,
            messages_sent: 0.0,
            messages_received: 0.0,
        },
    )
}

/// The same call as both proxies count it.
pub(crate) fn both(source: &str, target: &str, requests: f64) -> [Row; 2] {
    [
        row(Reporter::Source, source, target, requests),
        row(Reporter::Destination, source, target, requests),
    ]
}

impl Row {
    /// Requests that the caller's proxy answered itself: no workload was reached.
    pub(crate) fn failed(mut self, code: u16, flags: &str) -> Self {
        (self.0.response_code, self.0.flags) = (Some(code), flags.parse().unwrap());
        self.0.destination = PeerIdentity::default();
        self
    }
    /// The caller has no certificate, but an address.
    pub(crate) fn called_by_address(mut self, address: &str) -> Self {
        self.0.source = PeerIdentity::default();
        self.0.source_address = Some(address.into());
        self.0.security = SecurityPolicy::None;
        self
    }
    /// Connections that no filter chain took.
    pub(crate) fn refused(mut self) -> Self {
        self.0.refused = true;
        self.0.protocol = Protocol::Tcp;
        (self.0.response_code, self.0.flags) = (None, "NR".parse().unwrap());
        self.1 = Traffic {
            connections: self.1.requests,
            ..Traffic::default()
        };
        self
    }
    pub(crate) fn with(mut self, change: impl FnOnce(&mut TrafficKey)) -> Self {
        change(&mut self.0);
        self
    }
}

pub(crate) fn window(rows: impl IntoIterator<Item = Row>) -> TrafficWindow {
    let rows = rows.into_iter().map(|Row(key, traffic)| {
        let totals = Totals {
            requests: traffic.requests * 100.0,
            connections: traffic.connections * 100.0,
        };
        TrafficRow {
            key: Arc::new(key),
            traffic,
            totals,
        }
    });
    TrafficWindow {
        at: Timestamp(1_800_000_000_000),
        window: Duration::from_secs(60),
        rows: rows.collect(),
    }
}

/// The finest view of rows in the small mesh.
pub(crate) fn view(rows: impl IntoIterator<Item = Row>) -> View {
    Graph::build(&[window(rows)], &Bookinfo).view()
}

/// What people call a node, for texts to compare.
pub(crate) fn name(node: &Node) -> String {
    let kind = format!("{:?}", node.kind).to_lowercase();
    let guess = node.guess.as_ref().map(|guess| format!("{}?", guess.workload));
    let names = [
        node.workload.as_ref().map(ToString::to_string),
        node.service.as_ref().map(ToString::to_string),
        node.app.as_ref().map(|app| match &node.version {
            Some(version) if node.kind == crate::NodeKind::VersionedApp => format!("{app} {version}"),
            _ => app.to_string(),
        }),
        guess,
    ];
    let name = names.into_iter().flatten().next().unwrap_or_default();
    format!("{kind} {name}")
        .replace(".bookinfo.svc.cluster.local", "")
        .trim()
        .to_owned()
}

/// One line an edge: ends, protocol, rates shown and reported, refused.
pub(crate) fn outline(view: &View) -> Vec<String> {
    let side = |side: &Option<crate::Side>| {
        side.as_ref()
            .map_or("-".into(), |side| side.traffic.requests.to_string())
    };
    let line = |edge: &Edge| {
        let refused = if edge.refused > 0.0 {
            format!(" refused {}", edge.refused)
        } else {
            String::new()
        };
        format!(
            "{} -> {} {}: {} (source {}, destination {}){refused}",
            name(&view.nodes[&edge.source]),
            name(&view.nodes[&edge.target]),
            edge.protocol,
            edge.shown.traffic.requests,
            side(&edge.by_source),
            side(&edge.by_destination),
        )
    };
    let mut lines: Vec<String> = view.edges.values().map(line).collect();
    lines.sort();
    lines
}

/// The one edge of a view.
pub(crate) fn only_edge(view: &View) -> &Edge {
    assert_eq!(view.edges.len(), 1, "{:#?}", outline(view));
    view.edges.values().next().unwrap()
}
