//! A plan made ready for the workers: domains indexed, endpoints weighed, TLS built.
//!
//! Built once per change on the main thread and shared. Parts that did not change are taken over from the
//! config before, so that workers keep their connections to them.

mod origination;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use vigla_dataplane::{
    Cluster, Discovery, DownstreamTls, Endpoint, Endpoints, HttpVersion, Listener, Lot, Network, Plan,
    ROOTS_SECRET, RouteSource, Router, UpstreamTls, WORKLOAD_SECRET,
};
use vigla_identity::{Roots, WorkloadIdentity, client_config, server_config};
use vigla_model::Protocol;
use vigla_xds::Secret;

use crate::{
    limit::Limiter,
    resolve::Resolved,
    upstream::{Breaker, Outliers},
};

/// Secrets by SDS name.
pub(crate) type Secrets = BTreeMap<Arc<str>, Secret>;

/// Everything that workers need.
#[derive(Default)]
pub(crate) struct Config {
    pub(crate) plan: Arc<Plan>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) listeners: BTreeMap<Arc<str>, Arc<ListenerConfig>>,
    pub(crate) tables: HashMap<Arc<str>, Arc<Router>>,
    pub(crate) clusters: BTreeMap<Arc<str>, Arc<ClusterConfig>>,
    keys: Arc<Keys>,
}

/// A listener with what its chains need.
pub(crate) struct ListenerConfig {
    pub(crate) listener: Arc<Listener>,
    /// Beside `listener.chains`.
    pub(crate) chains: Vec<ChainConfig>,
    /// Whether a chain can only be found by looking at the first bytes.
    pub(crate) needs_bytes: bool,
    /// Whether the name in the TLS hello decides.
    pub(crate) needs_name: bool,
}

/// What a chain needs.
pub(crate) struct ChainConfig {
    pub(crate) tls: Option<TlsAcceptor>,
    /// The routes that stand in the listener.
    pub(crate) inline: Option<Arc<Router>>,
    pub(crate) limiter: Option<Arc<Limiter>>,
}

/// A cluster with its endpoints.
pub(crate) struct ClusterConfig {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) lot: Lot,
    pub(crate) tls: Option<ClusterTls>,
    /// Counters that all workers share, and that outlive changes of the cluster.
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) outliers: Arc<Outliers>,
}

/// TLS towards a cluster's endpoints.
#[derive(Clone)]
pub(crate) struct ClusterTls {
    /// Only towards endpoints that have a sidecar.
    auto: bool,
    /// Whether it is the mesh's own, by which both ends know each other.
    pub(crate) is_mesh: bool,
    /// `Err` when the keys cannot be used: connections fail, and say so.
    pub(crate) client: Result<Arc<TlsClient>, Arc<str>>,
}

/// How to open TLS to an endpoint.
pub(crate) struct TlsClient {
    pub(crate) connector: TlsConnector,
    pub(crate) name: ServerName<'static>,
}

impl ClusterTls {
    /// Whether an endpoint is spoken to by TLS.
    pub(crate) fn applies(&self, endpoint: &Endpoint) -> bool {
        !self.auto || endpoint.mesh_tls
    }
}

/// Secrets, read.
#[derive(Default)]
struct Keys {
    identities: BTreeMap<Arc<str>, WorkloadIdentity>,
    roots: BTreeMap<Arc<str>, Roots>,
    problems: BTreeMap<Arc<str>, Arc<str>>,
}

impl Keys {
    fn new(secrets: &Secrets) -> Self {
        let mut keys = Self::default();
        for (name, secret) in secrets {
            let read = match secret {
                Secret::Certificate { chain_pem, key_pem } => WorkloadIdentity::from_pem(chain_pem, key_pem)
                    .map(|identity| drop(keys.identities.insert(name.clone(), identity))),
                Secret::Roots { pem } => {
                    Roots::from_pem(pem).map(|roots| drop(keys.roots.insert(name.clone(), roots)))
                }
            };
            if let Err(error) = read {
                keys.problems.insert(name.clone(), error.to_string().into());
            }
        }
        keys
    }

    fn identity(&self, name: &str) -> Result<&WorkloadIdentity, String> {
        self.identities.get(name).ok_or_else(|| self.why_missing(name))
    }

    fn roots(&self, name: &str) -> Result<&Roots, String> {
        self.roots.get(name).ok_or_else(|| self.why_missing(name))
    }

    fn why_missing(&self, name: &str) -> String {
        match self.problems.get(name) {
            Some(problem) => format!("secret `{name}` cannot be used: {problem}"),
            None => format!("secret `{name}` has not come yet"),
        }
    }
}

impl Config {
    /// Prepares a plan. Gives what cannot be used, in words; those listeners keep their former shape, or stay
    /// away when they have none.
    pub(crate) fn build(
        plan: Arc<Plan>,
        secrets: Arc<Secrets>,
        resolved: &Resolved,
        before: &Self,
    ) -> (Self, Vec<String>) {
        let same_secrets = Arc::ptr_eq(&secrets, &before.secrets) || secrets == before.secrets;
        let keys = if same_secrets {
            before.keys.clone()
        } else {
            Arc::new(Keys::new(&secrets))
        };
        let mut problems = Vec::new();
        let tables = plan.route_tables.iter().map(|(name, table)| {
            let kept = before
                .tables
                .get(name)
                .filter(|router| same(router.table(), table));
            (
                name.clone(),
                kept.cloned()
                    .unwrap_or_else(|| Arc::new(Router::new(table.clone()))),
            )
        });
        let tables = tables.collect();
        let clusters = plan.clusters.iter().map(|(name, cluster)| {
            let kept = before.clusters.get(name);
            (
                name.clone(),
                build_cluster(cluster, &plan, resolved, kept, &keys, same_secrets),
            )
        });
        let clusters = clusters.collect();
        let mut listeners = BTreeMap::new();
        for (name, listener) in &plan.listeners {
            let kept = before.listeners.get(name);
            let unchanged = kept
                .filter(|kept| same_secrets && same(&kept.listener, listener))
                .cloned();
            let build = || build_listener(listener, &keys, kept.map(|kept| &**kept)).map(Arc::new);
            match unchanged.map_or_else(build, Ok) {
                Ok(built) => drop(listeners.insert(name.clone(), built)),
                Err(problem) => {
                    problems.push(format!("listener `{name}`: {problem}"));
                    if let Some(kept) = kept {
                        listeners.insert(name.clone(), kept.clone());
                    }
                }
            }
        }
        let config = Self {
            plan,
            secrets,
            listeners,
            tables,
            clusters,
            keys,
        };
        (config, problems)
    }
}

fn same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

fn build_listener(
    listener: &Arc<Listener>,
    keys: &Keys,
    kept: Option<&ListenerConfig>,
) -> Result<ListenerConfig, String> {
    let limiter_of = |name: &str| {
        let kept = kept?;
        let at = kept
            .listener
            .chains
            .iter()
            .position(|chain| *chain.name == *name)?;
        kept.chains[at].limiter.as_ref()
    };
    let chains: Vec<_> = listener
        .chains
        .iter()
        .map(|chain| {
            let tls = chain
                .tls
                .as_ref()
                .map(|tls| build_acceptor(tls, &chain.network, keys))
                .transpose()?;
            let inline = match &chain.network {
                Network::Http(RouteSource::Inline(table)) => Some(Arc::new(Router::new(table.clone()))),
                Network::Http(RouteSource::Named(_)) | Network::Tcp { .. } => None,
            };
            let limit = chain.rate_limit.as_ref();
            let limiter = limit.map(|limit| Limiter::new(limit, limiter_of(&chain.name)));
            Ok(ChainConfig { tls, inline, limiter })
        })
        .collect::<Result<_, String>>()?;
    let matches = || listener.chains.iter().map(|chain| &chain.matches);
    Ok(ListenerConfig {
        chains,
        needs_bytes: matches().any(vigla_dataplane::ChainMatch::needs_bytes),
        needs_name: matches().any(|matches| !matches.server_names.is_empty()),
        listener: listener.clone(),
    })
}

/// What callers of HTTP chains may agree on, ours to choose from: both versions, by Istio's own names too. The
/// last leaves the version to the first bytes.
const HTTP_ALPN: [&str; 5] = ["h2", "http/1.1", "istio-h2", "istio-http/1.1", "istio"];

fn build_acceptor(tls: &DownstreamTls, network: &Network, keys: &Keys) -> Result<TlsAcceptor, String> {
    let identity = keys.identity(&tls.certificate)?;
    let roots = tls
        .client_roots
        .as_deref()
        .map(|name| keys.roots(name))
        .transpose()?;
    let alpn: &[&str] = match network {
        Network::Http(_) => &HTTP_ALPN,
        Network::Tcp { .. } => &[],
    };
    let config = server_config(identity, roots, alpn).map_err(|error| error.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn build_cluster(
    cluster: &Arc<Cluster>,
    plan: &Plan,
    resolved: &Resolved,
    kept: Option<&Arc<ClusterConfig>>,
    keys: &Keys,
    same_secrets: bool,
) -> Arc<ClusterConfig> {
    let endpoints = match &cluster.discovery {
        Discovery::Dns(names) => Arc::new(resolved.endpoints(names)),
        Discovery::Eds => plan.endpoints.get(&cluster.name).cloned().unwrap_or_default(),
        // Each request finds its own.
        Discovery::Passthrough => Arc::default(),
        Discovery::Static(endpoints) => Arc::new(Endpoints {
            endpoints: endpoints.clone(),
        }),
    };
    if let Some(kept) = kept
        && same_secrets
        && same(&kept.cluster, cluster)
        && same(&kept.endpoints, &endpoints)
    {
        return kept.clone();
    }
    // TLS is kept with its session cache, and pools with it, when only endpoints have changed.
    let tls = match kept.filter(|kept| {
        same_secrets && kept.cluster.tls == cluster.tls && kept.cluster.protocol == cluster.protocol
    }) {
        Some(kept) => kept.tls.clone(),
        None => build_cluster_tls(cluster, keys),
    };
    let outliers = kept.map(|kept| kept.outliers.clone()).unwrap_or_default();
    outliers.retain(|address| {
        endpoints
            .endpoints
            .iter()
            .any(|endpoint| endpoint.address == address)
    });
    Arc::new(ClusterConfig {
        breaker: kept.map(|kept| kept.breaker.clone()).unwrap_or_default(),
        outliers,
        lot: Lot::new(&endpoints.endpoints),
        cluster: cluster.clone(),
        endpoints,
        tls,
    })
}

fn build_cluster_tls(cluster: &Cluster, keys: &Keys) -> Option<ClusterTls> {
    let build = || match &cluster.tls {
        UpstreamTls::None => Ok(None),
        UpstreamTls::Mesh { sni, principals, .. } => {
            let (identity, roots) = (keys.identity(WORKLOAD_SECRET)?, keys.roots(ROOTS_SECRET)?);
            let config = client_config(identity, roots, principals, alpn(cluster))
                .map_err(|error| error.to_string())?;
            let name = ServerName::try_from(sni.to_string())
                .map_err(|_| format!("`{sni}` cannot be sent as a server name"))?;
            Ok(Some((config, name)))
        }
        UpstreamTls::Simple(origination) => origination::client(origination, alpn(cluster), keys).map(Some),
    };
    let client = |(config, name)| {
        Arc::new(TlsClient {
            connector: TlsConnector::from(Arc::new(config)),
            name,
        })
    };
    let client = build()
        .map_err(Arc::<str>::from)
        .map(|built| built.map(client))
        .transpose()?;
    Some(ClusterTls {
        auto: matches!(cluster.tls, UpstreamTls::Mesh { auto: true, .. }),
        is_mesh: matches!(cluster.tls, UpstreamTls::Mesh { .. }),
        client,
    })
}

/// What is offered to endpoints. One version, which is known before: the connection is for requests of it.
fn alpn(cluster: &Cluster) -> &'static [&'static str] {
    match (cluster.protocol, cluster.http) {
        (Protocol::Tcp, _) => &[],
        (_, HttpVersion::Http1 | HttpVersion::AsCaller) => &["http/1.1"],
        (_, HttpVersion::Http2) => &["h2"],
    }
}
