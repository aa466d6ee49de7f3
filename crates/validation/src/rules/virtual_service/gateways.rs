//! How VirtualServices name Gateways.

use vigla_config::{Gateway, Node, VirtualService};

use crate::{case::items, mesh::Mesh, rule::GATEWAY};

/// Namespace and name that a reference to a Gateway means, written in namespace `home`: `name`, `namespace/name`,
/// or the old form `name.namespace.svc.cluster.local`.
pub(super) fn resolve(written: &str, home: &str) -> (String, String) {
    if let Some((namespace, name)) = written.split_once('/') {
        let namespace = if namespace == "." { home } else { namespace };
        return (namespace.to_owned(), name.to_owned());
    }
    match written.split_once('.') {
        Some((name, rest)) => {
            let namespace = rest.split('.').next().unwrap_or(rest);
            (namespace.to_owned(), name.to_owned())
        }
        None => (home.to_owned(), written.to_owned()),
    }
}

/// All places where a VirtualService names Gateways: its own list, and those of its conditions. `mesh` is none.
pub(super) fn references<'a>(rule: VirtualService<'a>) -> impl Iterator<Item = Node<'a>> {
    let spec = rule.object().spec();
    let matches = ["http", "tls", "tcp"]
        .into_iter()
        .flat_map(move |protocol| items(spec, protocol))
        .flat_map(|rule| items(Some(rule), "match"))
        .flat_map(|condition| items(Some(condition), "gateways"));
    rule.gateways()
        .chain(matches)
        .filter(|node| node.text().is_some_and(|text| text != "mesh"))
}

/// The Gateways that a VirtualService names and that exist.
pub(crate) fn gateways_of<'a>(mesh: &Mesh<'a>, rule: VirtualService<'_>) -> Vec<Gateway<'a>> {
    let names = rule
        .gateways()
        .filter_map(Node::text)
        .filter(|name| *name != "mesh");
    names
        .filter_map(|written| {
            let (namespace, name) = resolve(written, rule.namespace().as_str());
            Gateway::of(mesh.named(GATEWAY, &namespace, &name)?)
        })
        .collect()
}
