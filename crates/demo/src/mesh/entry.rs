//! Where traffic enters: the pages for the generator, and the address books of callers without sidecar.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use vigla_config::{Gateway, HttpRule, Node, Server, Service, Snapshot, StringMatch, VirtualService};
use vigla_model::{Labels, Namespace};

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

/// One page for each host that a Gateway serves in plain text, with the path of the first rule for it.
fn gateway_pages(mesh: &Snapshot) -> Vec<Page> {
    let mut pages = BTreeMap::<String, Page>::new();
    for gateway in mesh.objects().iter().filter_map(|object| Gateway::of(object)) {
        let rules = mesh.virtual_services_of_gateway(gateway.namespace(), gateway.object().name());
        let selector = gateway.selector().unwrap_or_default();
        for server in gateway
            .servers()
            .filter(|server| server.protocol() == Some("HTTP"))
        {
            let entries = entries_of(mesh, server, &selector);
            for url in server
                .hosts()
                .filter_map(Node::text)
                .flat_map(|host| urls_of(host, &rules))
            {
                if let (Ok(target), false) = (Target::parse(&url), entries.is_empty()) {
                    let page = Page {
                        target,
                        entries: entries.clone(),
                    };
                    pages.entry(url).or_insert(page);
                }
            }
        }
    }
    pages.into_values().collect()
}

/// Where the instances of a gateway take what is meant for one of its servers.
fn entries_of(mesh: &Snapshot, server: Server<'_>, selector: &Labels) -> Vec<SocketAddr> {
    let ports = mesh
        .services()
        .iter()
        .filter_map(|service| Some((service, service.port(server.port()?)?)));
    let endpoints = ports.flat_map(|(service, port)| mesh.endpoints(service, port, selector));
    let entries: BTreeSet<SocketAddr> = endpoints.map(|endpoint| endpoint.address).collect();
    entries.into_iter().collect()
}

/// What to ask for at a server's host: the hosts of rules below a wildcard, or the host itself.
fn urls_of(host: &str, rules: &[VirtualService<'_>]) -> Vec<String> {
    let host = host.rsplit('/').next().unwrap_or(host);
    let mut urls: Vec<String> = Vec::new();
    for rule in rules {
        for name in rule.hosts().filter_map(Node::text) {
            // Of two names that meet, the longer one says more: `*` and `shop.example`.
            let name = if below(name, host) { name } else { host };
            if below(name, host) && !name.contains('*') {
                urls.push(format!("http://{name}{}", path_of(*rule)));
            }
        }
    }
    if urls.is_empty() {
        let path = rules.first().map_or("/", |rule| path_of(*rule));
        // A wildcard stands for any name; this one belongs to nobody.
        let name = match host.strip_prefix('*') {
            Some("") => "any.example".to_owned(),
            Some(suffix) => format!("any{suffix}"),
            None => host.to_owned(),
        };
        urls.push(format!("http://{name}{path}"));
    }
    urls
}

/// Whether a host is the other one, or one of those that the other one's wildcard stands for.
fn below(host: &str, other: &str) -> bool {
    host == other
        || other
            .strip_prefix('*')
            .is_some_and(|suffix| host.ends_with(suffix))
}

/// The first path that a rule asks for exactly or by prefix.
fn path_of(rule: VirtualService<'_>) -> &str {
    let mut paths =
        rule.http()
            .flat_map(HttpRule::matches)
            .filter_map(|wanted| match wanted.string("uri")? {
                StringMatch::Exact(path) | StringMatch::Prefix(path) => Some(path),
                StringMatch::Regex(_) => None,
            });
    paths.find(|path| path.starts_with('/')).unwrap_or("/")
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
