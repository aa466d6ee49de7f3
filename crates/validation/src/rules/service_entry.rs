//! Rules about ServiceEntries.

pub(super) mod conflict;
pub(super) mod other_protocol;
pub(super) mod tcp_without_address;
pub(super) mod wildcard_dns;

use vigla_config::{Node, ServiceEntry};

use crate::{case::items, mesh::Mesh};

/// A port of a ServiceEntry for one of its hosts.
#[derive(Clone, Copy)]
struct HostPort<'a> {
    entry: ServiceEntry<'a>,
    host: Node<'a>,
    number: Node<'a>,
    protocol: &'a str,
}

/// Every host with every port of an entry.
fn host_ports<'a>(entry: ServiceEntry<'a>) -> Vec<HostPort<'a>> {
    let spec = entry.object().spec();
    let ports: Vec<(Node<'a>, &'a str)> = items(spec, "ports")
        .filter_map(|port| {
            let protocol = port.get("protocol").and_then(Node::text).unwrap_or_default();
            Some((port.get("number")?, protocol))
        })
        .collect();
    items(spec, "hosts")
        .flat_map(|host| {
            ports
                .iter()
                .map(move |(number, protocol)| (host, *number, *protocol))
        })
        .map(|(host, number, protocol)| HostPort {
            entry,
            host,
            number,
            protocol,
        })
        .collect()
}

/// Other entries that have a host and port too, where some namespace sees both.
fn meeting<'a>(mesh: &Mesh<'a>, mine: HostPort<'_>) -> Vec<HostPort<'a>> {
    let of_host = mesh.entries_of(mine.host.text().unwrap_or_default());
    of_host
        .into_iter()
        .filter(|other| {
            !std::ptr::eq(other.object(), mine.entry.object()) && share_viewers(*other, mine.entry)
        })
        .flat_map(host_ports)
        .filter(|other| {
            other.host.text() == mine.host.text() && other.number.as_port() == mine.number.as_port()
        })
        .collect()
}

/// Whether a namespace sees both.
fn share_viewers(left: ServiceEntry<'_>, right: ServiceEntry<'_>) -> bool {
    let names = |entry: ServiceEntry<'_>| -> Option<Vec<String>> {
        let names: Vec<String> = entry
            .export_to()
            .map(|name| {
                if name == "." {
                    entry.namespace().as_str()
                } else {
                    name
                }
                .to_owned()
            })
            .collect();
        (!names.is_empty() && !names.iter().any(|name| name == "*")).then_some(names)
    };
    match (names(left), names(right)) {
        (Some(left), Some(right)) => left.iter().any(|name| right.contains(name)),
        _ => true,
    }
}
