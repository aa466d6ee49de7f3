//! Which object a proxy's refusal is about.

use std::sync::Arc;

use vigla_dataplane::Plan;
use vigla_model::Origin;
use vigla_xds::ResourceKind;

/// The origin of the refused resource: the one that the proxy's text names, else the only one there was. `None`
/// when neither tells, or no object made it.
pub(crate) fn find(plan: &Plan, kind: ResourceKind, names: &[Arc<str>], text: &str) -> Option<Origin> {
    // The longest name: cluster names hold each other.
    let named = names
        .iter()
        .filter(|name| text.contains(&***name))
        .max_by_key(|name| name.len());
    let ((Some(name), _) | (None, [name])) = (named, names) else {
        return None;
    };
    match kind {
        ResourceKind::Cluster | ResourceKind::Endpoints => plan.clusters.get(name)?.origin.clone(),
        ResourceKind::Listener => {
            let listener = plan.listeners.get(name)?;
            let chains = || listener.chains.iter().find_map(|chain| chain.origin.clone());
            listener.origin.clone().or_else(chains)
        }
        ResourceKind::RouteTable => {
            let hosts = &plan.route_tables.get(name)?.virtual_hosts;
            let is_named = |host: &&_| {
                let host: &vigla_dataplane::VirtualHost = host;
                text.contains(&*host.name) || host.domains.iter().any(|domain| text.contains(&**domain))
            };
            let mut routes = hosts
                .iter()
                .filter(is_named)
                .chain(hosts)
                .flat_map(|host| &host.routes);
            routes.find_map(|route| route.origin.clone())
        }
        ResourceKind::Secret => None,
    }
}
