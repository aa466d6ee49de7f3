//! Names of clusters whose endpoints are found by DNS.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use vigla_dataplane::{Discovery, DnsEndpoint, Endpoint, Endpoints, Plan};

/// How often names are asked for, as Envoy does where nothing else is said. The system's resolver tells no
/// lifetimes.
pub(crate) const REFRESH: Duration = Duration::from_secs(5);
/// How long one name may take. Longer than the resolver's own first try, so that a lost packet is no failure.
const LIMIT: Duration = Duration::from_secs(10);
/// Addresses of one name that are used.
const MAX_ADDRESSES: usize = 64;

/// Addresses by name; what cannot be resolved any more keeps its last ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resolved(BTreeMap<Arc<str>, Vec<IpAddr>>);

impl Resolved {
    /// Whether an answer is there.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All addresses of all names as endpoints.
    pub(crate) fn endpoints(&self, names: &[DnsEndpoint]) -> Endpoints {
        let all = names.iter().flat_map(|name| {
            let addresses = match name.host.parse::<IpAddr>() {
                Ok(address) => vec![address],
                Err(_) => self.0.get(&name.host).cloned().unwrap_or_default(),
            };
            addresses.into_iter().map(|address| Endpoint {
                address: SocketAddr::new(address, name.port),
                identity: name.identity.clone(),
                mesh_tls: false,
                weight: name.weight,
                healthy: true,
            })
        });
        Endpoints {
            endpoints: all.collect(),
        }
    }

    /// Asks for names; others are forgotten. Names that fail keep what they had.
    pub(crate) async fn refresh(&self, names: BTreeSet<Arc<str>>) -> Self {
        let mut tasks = tokio::task::JoinSet::new();
        for name in &names {
            let name = Arc::clone(name);
            tasks.spawn(async move {
                let answer = tokio::time::timeout(LIMIT, look_up(&name)).await;
                let answer = answer.unwrap_or_else(|_| Err("no answer in time".to_owned()));
                (name, answer)
            });
        }
        let mut after: BTreeMap<_, _> = self
            .0
            .iter()
            .filter(|(name, _)| names.contains(*name))
            .map(|(name, addresses)| (name.clone(), addresses.clone()))
            .collect();
        while let Some(task) = tasks.join_next().await {
            match task {
                Ok((name, Ok(addresses))) => drop(after.insert(name, addresses)),
                Ok((name, Err(error))) => tracing::warn!(name = &*name, "cannot be resolved: {error}"),
                Err(error) => tracing::error!(%error, "a look-up ended"),
            }
        }
        Self(after)
    }
}

/// The names that a plan needs.
pub(crate) fn names(plan: &Plan) -> BTreeSet<Arc<str>> {
    let clusters = plan.clusters.values();
    let names = clusters.flat_map(|cluster| match &cluster.discovery {
        Discovery::Dns(names) => names.as_slice(),
        Discovery::Eds | Discovery::Static(_) | Discovery::Passthrough => &[],
    });
    names
        .filter(|name| name.host.parse::<IpAddr>().is_err())
        .map(|name| name.host.clone())
        .collect()
}

/// All addresses of a name in a stable order; of version 4 where there is one, as Istio asks Envoy to.
pub(crate) async fn look_up(name: &str) -> Result<Vec<IpAddr>, String> {
    let found = tokio::net::lookup_host((name, 0))
        .await
        .map_err(|error| error.to_string())?;
    let found: BTreeSet<IpAddr> = found.map(|address| address.ip()).collect();
    let has_v4 = found.iter().any(IpAddr::is_ipv4);
    let addresses: Vec<_> = found
        .into_iter()
        .filter(|address| address.is_ipv4() == has_v4)
        .take(MAX_ADDRESSES)
        .collect();
    if addresses.is_empty() {
        return Err("no addresses".to_owned());
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_fails_keeps_its_last_addresses() {
        let name: Arc<str> = "name.invalid".into();
        let known = Resolved(BTreeMap::from([
            (name.clone(), vec!["127.0.0.9".parse().unwrap()]),
            ("gone.invalid".into(), vec!["127.0.0.8".parse().unwrap()]),
        ]));
        let after = known.refresh([name.clone(), "localhost".into()].into()).await;
        assert!(after.knows("localhost") && !after.knows("gone.invalid"));
        let endpoint = |host: &str| DnsEndpoint {
            host: host.into(),
            port: 443,
            identity: Default::default(),
            weight: 1,
        };
        let names = ["name.invalid", "localhost", "127.0.0.7", "unknown.invalid"].map(endpoint);
        let addresses: Vec<_> = after
            .endpoints(&names)
            .endpoints
            .iter()
            .map(|endpoint| endpoint.address.to_string())
            .collect();
        assert_eq!(addresses, ["127.0.0.9:443", "127.0.0.1:443", "127.0.0.7:443"]);
    }
}
