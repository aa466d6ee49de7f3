//! The proxy's end of ADS: subscribes, checks, acknowledges, and tells which plan is in force.
//!
//! Clusters and listeners are asked for as a whole; route tables, endpoints and secrets by the names that
//! those need. A part replaces its predecessor only when all that it needs is there (warm): a cluster with its
//! endpoints, a listener with its route tables and secrets. What is refused changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use envoy_types::pb::{
    envoy::{
        config::core::v3::Node,
        service::discovery::v3::{DiscoveryRequest, DiscoveryResponse},
    },
    google::rpc::Status,
};
use vigla_dataplane::{Cluster, Discovery, Listener, Network, Plan, RouteSource};

use crate::{DecodeError, Decoded, ResourceKind, Secret, decode_any};

/// gRPC status code of a refusal.
const INVALID_ARGUMENT: i32 = 3;

/// What a received answer leads to.
#[derive(Debug, Default)]
pub struct Step {
    /// Messages to send, in order.
    pub requests: Vec<DiscoveryRequest>,
    /// Whether [`Client::plan`] or [`Client::secrets`] has changed.
    pub changed: bool,
}

/// The client's state. It outlives streams: after a reconnect it says what it has.
#[derive(Debug)]
pub struct Client {
    node: Node,
    kinds: [KindState; 5],
    /// Last accepted resources.
    clusters: BTreeMap<Arc<str>, Arc<Cluster>>,
    listeners: BTreeMap<Arc<str>, Arc<Listener>>,
    /// What is in force.
    plan: Arc<Plan>,
    secrets: Arc<BTreeMap<Arc<str>, Secret>>,
}

#[derive(Debug, Default)]
struct KindState {
    /// Version of the last accepted answer; empty when there was none.
    version: String,
    /// Nonce of the last answer on this stream; empty when there was none.
    nonce: String,
    /// Names that are asked for; empty for kinds that come as a whole.
    names: BTreeSet<Arc<str>>,
    /// Whether something was asked on this stream.
    subscribed: bool,
    /// Why the last answer was refused; `None` when it was accepted.
    refusal: Option<Arc<str>>,
}

impl Client {
    /// A client that has nothing yet. `node_id` and `agent` (such as `vigla-proxy/0.1.0`) are for logs and
    /// status: the join token tells who the proxy is.
    pub fn new(node_id: &str, agent: &str) -> Self {
        use envoy_types::pb::envoy::config::core::v3::node::UserAgentVersionType;
        let (name, version) = agent.split_once('/').unwrap_or((agent, ""));
        Self {
            node: Node {
                id: node_id.to_owned(),
                user_agent_name: name.to_owned(),
                user_agent_version_type: Some(UserAgentVersionType::UserAgentVersion(version.to_owned())),
                ..Node::default()
            },
            kinds: <[KindState; 5]>::default(),
            clusters: BTreeMap::new(),
            listeners: BTreeMap::new(),
            plan: Arc::default(),
            secrets: Arc::default(),
        }
    }

    /// Starts a stream: the messages to send first. Nonces of former streams are forgotten.
    pub fn connect(&mut self) -> Vec<DiscoveryRequest> {
        for state in &mut self.kinds {
            state.nonce.clear();
            state.subscribed = false;
        }
        let mut requests = Vec::new();
        for kind in ResourceKind::ALL {
            if kind.is_wildcard() || !self.kinds[kind.index()].names.is_empty() {
                requests.push(self.request(kind, None));
            }
        }
        if let Some(first) = requests.first_mut() {
            first.node = Some(self.node.clone());
        }
        requests
    }

    /// Takes an answer: accepts or refuses it as a whole, and asks for what it newly needs.
    pub fn receive(&mut self, response: DiscoveryResponse) -> Step {
        let Some(kind) = ResourceKind::find_type_url(&response.type_url) else {
            return Step::default(); // Nobody asked for it, and there is no subscription to refuse it in.
        };
        let decoded: Result<Vec<_>, _> = response
            .resources
            .iter()
            .map(|any| decode_any(any).and_then(|resource| check_kind(kind, resource)))
            .collect();
        let state = &mut self.kinds[kind.index()];
        state.nonce = response.nonce;
        match decoded {
            Ok(resources) => {
                state.version = response.version_info;
                state.refusal = None;
                self.accept(kind, resources);
                let mut requests = vec![self.request(kind, None)];
                requests.extend(self.resubscribe());
                let changed = self.settle();
                Step { requests, changed }
            }
            Err(error) => {
                let text: Arc<str> = error.to_string().into();
                state.refusal = Some(Arc::clone(&text));
                Step {
                    requests: vec![self.request(kind, Some(&text))],
                    changed: false,
                }
            }
        }
    }

    /// The plan in force: only parts that have all they need.
    pub fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan)
    }

    /// The secrets in force, by SDS name.
    pub fn secrets(&self) -> Arc<BTreeMap<Arc<str>, Secret>> {
        Arc::clone(&self.secrets)
    }

    /// Whether clusters and listeners have come and each has all it needs.
    pub fn is_ready(&self) -> bool {
        ResourceKind::ALL
            .iter()
            .filter(|kind| kind.is_wildcard())
            .all(|kind| !self.kinds[kind.index()].version.is_empty())
            && self
                .clusters
                .values()
                .all(|cluster| self.is_warm_cluster(cluster))
            && self
                .listeners
                .values()
                .all(|listener| self.is_warm_listener(listener))
    }

    /// Version of the last accepted answer of a kind; `None` when there was none.
    pub fn version(&self, kind: ResourceKind) -> Option<&str> {
        let version = &self.kinds[kind.index()].version;
        (!version.is_empty()).then_some(version)
    }

    /// Why the last answer of a kind was refused; `None` when it was accepted.
    pub fn refusal(&self, kind: ResourceKind) -> Option<&str> {
        self.kinds[kind.index()].refusal.as_deref()
    }

    fn request(&mut self, kind: ResourceKind, refusal: Option<&str>) -> DiscoveryRequest {
        let state = &mut self.kinds[kind.index()];
        state.subscribed = true;
        DiscoveryRequest {
            version_info: state.version.clone(),
            resource_names: state.names.iter().map(ToString::to_string).collect(),
            type_url: kind.type_url().to_owned(),
            response_nonce: state.nonce.clone(),
            error_detail: refusal.map(|message| Status {
                code: INVALID_ARGUMENT,
                message: message.to_owned(),
                details: Vec::new(),
            }),
            ..DiscoveryRequest::default()
        }
    }

    fn accept(&mut self, kind: ResourceKind, resources: Vec<Decoded>) {
        match kind {
            ResourceKind::Cluster => self.clusters.clear(),
            ResourceKind::Listener => self.listeners.clear(),
            _ => (),
        }
        let plan = Arc::make_mut(&mut self.plan);
        for resource in resources {
            match resource {
                Decoded::Cluster(cluster) => {
                    self.clusters.insert(Arc::clone(&cluster.name), cluster);
                }
                Decoded::Listener(listener) => {
                    self.listeners.insert(Arc::clone(&listener.name), listener);
                }
                Decoded::RouteTable(table) => {
                    plan.route_tables.insert(Arc::clone(&table.name), table);
                }
                Decoded::Endpoints(cluster, endpoints) => {
                    plan.endpoints.insert(cluster, endpoints);
                }
                Decoded::Secret(name, secret) => {
                    Arc::make_mut(&mut self.secrets).insert(name, secret);
                }
            }
        }
    }

    /// Asks for names that are newly needed, and for those no longer needed stops asking.
    fn resubscribe(&mut self) -> Vec<DiscoveryRequest> {
        let needed = [
            (ResourceKind::Endpoints, self.needed_endpoints()),
            (ResourceKind::RouteTable, self.needed_route_tables()),
            (ResourceKind::Secret, self.needed_secrets()),
        ];
        let mut requests = Vec::new();
        for (kind, names) in needed {
            let state = &mut self.kinds[kind.index()];
            if state.names != names {
                state.names = names;
                // An empty list would mean "all": who needs nothing more just stops listening.
                if !state.names.is_empty() {
                    requests.push(self.request(kind, None));
                }
            }
        }
        requests
    }

    fn needed_endpoints(&self) -> BTreeSet<Arc<str>> {
        let by_eds = |cluster: &&Arc<Cluster>| cluster.discovery == Discovery::Eds;
        let clusters = self.clusters.values().filter(by_eds);
        clusters.map(|cluster| Arc::clone(&cluster.name)).collect()
    }

    fn needed_route_tables(&self) -> BTreeSet<Arc<str>> {
        self.listeners
            .values()
            .flat_map(|listener| named_tables(listener))
            .cloned()
            .collect()
    }

    fn needed_secrets(&self) -> BTreeSet<Arc<str>> {
        let of_listeners = self.listeners.values().flat_map(|listener| listener.secrets());
        let of_clusters = self.clusters.values().flat_map(|cluster| cluster.secrets());
        of_listeners.chain(of_clusters).collect()
    }

    fn is_warm_cluster(&self, cluster: &Cluster) -> bool {
        (cluster.discovery != Discovery::Eds || self.plan.endpoints.contains_key(&cluster.name))
            && cluster
                .secrets()
                .iter()
                .all(|name| self.secrets.contains_key(name))
    }

    fn is_warm_listener(&self, listener: &Listener) -> bool {
        named_tables(listener).all(|name| self.plan.route_tables.contains_key(name))
            && listener.secrets().all(|name| self.secrets.contains_key(&name))
    }

    /// Puts warm parts in force, keeps the predecessors of cold ones, and drops what nobody needs.
    fn settle(&mut self) -> bool {
        let before = (Arc::clone(&self.plan), Arc::clone(&self.secrets));
        let mut next = Plan::clone(&self.plan);
        next.clusters = self
            .clusters
            .iter()
            .filter_map(|(name, cluster)| {
                let warm = self.is_warm_cluster(cluster).then_some(cluster);
                Some((
                    Arc::clone(name),
                    Arc::clone(warm.or_else(|| self.plan.clusters.get(name))?),
                ))
            })
            .collect();
        next.listeners = self
            .listeners
            .iter()
            .filter_map(|(name, listener)| {
                let warm = self.is_warm_listener(listener).then_some(listener);
                Some((
                    Arc::clone(name),
                    Arc::clone(warm.or_else(|| self.plan.listeners.get(name))?),
                ))
            })
            .collect();
        next.endpoints
            .retain(|name, _| next.clusters.contains_key(name) || self.clusters.contains_key(name));
        let in_force: BTreeSet<_> = next
            .listeners
            .values()
            .flat_map(|l| named_tables(l))
            .cloned()
            .collect();
        let wanted = &self.kinds[ResourceKind::RouteTable.index()].names;
        next.route_tables
            .retain(|name, _| in_force.contains(name) || wanted.contains(name));
        self.plan = Arc::new(next);
        // `accept` has changed the plan in place when nobody else held it, so compare generations, not values:
        // an accepted answer is a change.
        !Arc::ptr_eq(&before.0, &self.plan) || !Arc::ptr_eq(&before.1, &self.secrets)
    }
}

fn check_kind(kind: ResourceKind, resource: Decoded) -> Result<Decoded, DecodeError> {
    let found = match resource {
        Decoded::Cluster(_) => ResourceKind::Cluster,
        Decoded::Endpoints(..) => ResourceKind::Endpoints,
        Decoded::Listener(_) => ResourceKind::Listener,
        Decoded::RouteTable(_) => ResourceKind::RouteTable,
        Decoded::Secret(..) => ResourceKind::Secret,
    };
    if found == kind {
        Ok(resource)
    } else {
        Err(DecodeError::Malformed {
            kind,
            reason: format!("holds a resource of {found}").into(),
        })
    }
}

fn named_tables(listener: &Listener) -> impl Iterator<Item = &Arc<str>> {
    listener.chains.iter().filter_map(|chain| match &chain.network {
        Network::Http(RouteSource::Named(name)) => Some(name),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
