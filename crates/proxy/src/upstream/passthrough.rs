//! Calls that go wherever they want to: a cluster for each host that was asked for, while it is asked for.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use vigla_dataplane::{Cluster, Endpoint, Endpoints, HttpVersion, Lot};
use vigla_model::PeerIdentity;

use super::ClusterState;
use crate::{config::ClusterConfig, metrics::Metrics, resolve};

/// Hosts that are known at a time, by each worker. The one that was looked up first makes room.
const MAX_HOSTS: usize = 256;
/// How long a request waits for its host's addresses, as Envoy's cache of names does.
const LIMIT: Duration = Duration::from_secs(5);
/// Port of a host that was named without one.
const HTTP_PORT: u16 = 80;

/// The clusters of hosts, by authority and version of HTTP.
#[derive(Default)]
pub(super) struct Hosts(RefCell<HashMap<Key, (Instant, Rc<ClusterState>)>>);

/// Authority, and whether HTTP/2 is spoken.
type Key = (Box<str>, bool);

impl Hosts {
    /// All that there are.
    pub(super) fn all(&self) -> Vec<Rc<ClusterState>> {
        let known = self.0.borrow();
        known.values().map(|(_, state)| Rc::clone(state)).collect()
    }

    /// The cluster of one host; `None`: it has no address, or names the proxy itself at `own`.
    pub(super) async fn find(
        &self,
        config: &ClusterConfig,
        authority: &str,
        is_http2: bool,
        own: SocketAddr,
        metrics: &Metrics,
    ) -> Option<Rc<ClusterState>> {
        let key: Key = (authority.into(), is_http2);
        // Its own statement, so that the borrow does not last over the wait.
        let known = self.0.borrow().get(&key).cloned();
        if let Some((since, state)) = &known
            && since.elapsed() < resolve::REFRESH
        {
            return Some(Rc::clone(state));
        }
        let before = known.map(|(_, state)| state);
        let (host, port) = split(authority)?;
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => {
                let found = tokio::time::timeout(LIMIT, resolve::look_up(host)).await;
                match (found, &before) {
                    (Ok(Ok(addresses)), _) => addresses,
                    // As for all names: what cannot be resolved any more keeps its last addresses.
                    (_, Some(before)) => return Some(Rc::clone(before)),
                    (_, None) => return None,
                }
            }
        };
        let endpoints: Vec<Endpoint> = addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            // A request to the proxy itself would go round for ever.
            .filter(|address| *address != own)
            .map(endpoint)
            .collect();
        if endpoints.is_empty() {
            return None;
        }
        let state = Rc::new(ClusterState::new(
            Arc::new(of_host(config, endpoints, is_http2, before.as_deref())),
            before.as_deref(),
            metrics,
        ));
        let mut hosts = self.0.borrow_mut();
        if hosts.len() >= MAX_HOSTS
            && !hosts.contains_key(&key)
            && let Some(oldest) = hosts.iter().min_by_key(|(_, (since, _))| *since)
        {
            let oldest = oldest.0.clone();
            hosts.remove(&oldest);
        }
        hosts.insert(key, (Instant::now(), Rc::clone(&state)));
        Some(state)
    }
}

/// Host and port of an authority; an IPv6 address stands in brackets.
fn split(authority: &str) -> Option<(&str, u16)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, HTTP_PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then_some((host, port))
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        address,
        identity: PeerIdentity::default(),
        mesh_tls: false,
        weight: 1,
        healthy: true,
    }
}

fn of_host(
    config: &ClusterConfig,
    endpoints: Vec<Endpoint>,
    is_http2: bool,
    before: Option<&ClusterState>,
) -> ClusterConfig {
    ClusterConfig {
        cluster: Arc::new(Cluster {
            http: if is_http2 {
                HttpVersion::Http2
            } else {
                HttpVersion::Http1
            },
            ..Cluster::clone(&config.cluster)
        }),
        lot: Lot::new(&endpoints),
        endpoints: Arc::new(Endpoints { endpoints }),
        tls: None,
        breaker: Arc::clone(&config.breaker),
        outliers: before
            .map(|before| Arc::clone(&before.config.outliers))
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_host_and_port() {
        for (authority, want) in [
            ("books.example", Some(("books.example", 80))),
            ("books.example:8080", Some(("books.example", 8080))),
            ("127.0.0.1:9", Some(("127.0.0.1", 9))),
            ("[::1]:9", Some(("::1", 9))),
            ("[::1]", Some(("::1", 80))),
            ("books.example:no", None),
            (":80", None),
        ] {
            assert_eq!(split(authority), want, "{authority}");
        }
    }
}
