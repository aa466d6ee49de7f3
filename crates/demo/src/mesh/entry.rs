//! Where traffic enters: the pages for the generator, and the address books of callers without sidecar.

use std::{collections::BTreeMap, net::SocketAddr};

use vigla_config::{Gateway, Node, Service, Snapshot};
use vigla_model::Namespace;

use super::Member;
use crate::{app::Setup, behaviour::Target, generator::Page};

/// Pages that annotations ask for; if there are none, the first page of every host at every gateway.
pub(super) fn pages(mesh: &Snapshot, members: &[Member]) -> Vec<Page> {
    let annotated = annotated_pages(mesh, members);
    if annotated.is_empty() {
        gateway_pages(mesh)
    } else {
        annotated
    }
}

fn annotated_pages(mesh: &Snapshot, members: &[Member]) -> Vec<Page> {
    let mut pages = BTreeMap::<String, Page>::new();
    for member in members {
        let workload = mesh.workload(&member.instance.namespace, &member.instance.workload);
        let Some(workload) = workload else { continue };
        let (behaviour, _) = crate::behaviour::Behaviour::parse(&workload.annotations);
        for target in behaviour.pages {
            // A page comes in at the service port that its URL names, or at the only port that there is.
            let service = mesh
                .services_of(workload)
                .find(|service| service.port(target.port).is_some());
            let entry = match service {
                Some(service) => endpoint_of(mesh, service, target.port, member),
                None => member.places.app.values().next().copied(),
            };
            let page = pages.entry(target.url.clone()).or_insert(Page {
                target,
                entries: Vec::new(),
            });
            page.entries.extend(entry);
        }
    }
    pages
        .into_values()
        .filter(|page| !page.entries.is_empty())
        .collect()
}

fn endpoint_of(mesh: &Snapshot, service: &Service, port: u16, member: &Member) -> Option<SocketAddr> {
    let endpoints = mesh.endpoints(service, service.port(port)?, &BTreeMap::new());
    let own = endpoints
        .iter()
        .find(|endpoint| *endpoint.instance == member.instance);
    own.map(|endpoint| endpoint.address)
}

/// `http://HOST/` for each host that a Gateway serves in plain text. A wildcard stands for one name below it.
fn gateway_pages(mesh: &Snapshot) -> Vec<Page> {
    let mut pages = Vec::new();
    for gateway in mesh.objects().iter().filter_map(|object| Gateway::of(object)) {
        let selector = gateway.selector().unwrap_or_default();
        for server in gateway.servers() {
            let Some(port) = server.port().filter(|_| server.protocol() == Some("HTTP")) else {
                continue;
            };
            let mut entries: Vec<SocketAddr> = Vec::new();
            for service in mesh.services() {
                let Some(port) = service.port(port) else { continue };
                entries.extend(
                    mesh.endpoints(service, port, &selector)
                        .iter()
                        .map(|endpoint| endpoint.address),
                );
            }
            for host in server.hosts().filter_map(Node::text) {
                let host = host.rsplit('/').next().unwrap_or(host);
                let name = host
                    .strip_prefix('*')
                    .map_or_else(|| host.to_owned(), |suffix| format!("any{}", below(suffix)));
                if let (Ok(target), false) = (Target::parse(&format!("http://{name}/")), entries.is_empty()) {
                    pages.push(Page {
                        target,
                        entries: entries.clone(),
                    });
                }
            }
        }
    }
    pages
}

/// What follows the `*` of a wildcard; the bare `*` gets a domain that belongs to nobody.
fn below(suffix: &str) -> &str {
    if suffix.is_empty() { ".example" } else { suffix }
}

/// The endpoints of everything that a caller without sidecar calls, by `HOST:PORT`.
pub(super) fn address_book(
    mesh: &Snapshot,
    namespace: &Namespace,
    setup: &Setup,
) -> BTreeMap<String, Vec<SocketAddr>> {
    let book = setup.behaviour.calls.iter().filter_map(|target| {
        let service = mesh
            .services()
            .iter()
            .find(|service| is_name_of(&target.host, service, namespace))?;
        let endpoints = mesh.endpoints(service, service.port(target.port)?, &BTreeMap::new());
        let addresses = endpoints.iter().map(|endpoint| endpoint.address).collect();
        Some((format!("{}:{}", target.host, target.port), addresses))
    });
    book.collect()
}

/// Whether a host means this service when it is looked up in this namespace, as the cluster's DNS does.
fn is_name_of(host: &str, service: &Service, namespace: &Namespace) -> bool {
    let (name, rest) = host
        .split_once('.')
        .map_or((host, None), |(name, rest)| (name, Some(rest)));
    let own = service.namespace.as_str();
    service.name == *name
        && match rest {
            None => service.namespace == *namespace,
            Some(rest) => {
                rest == own || rest.strip_suffix(".svc") == Some(own) || service.fqdn.as_str() == host
            }
        }
}
