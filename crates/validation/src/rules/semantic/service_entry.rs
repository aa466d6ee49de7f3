//! ServiceEntry.

use std::collections::BTreeSet;

use vigla_config::Node;

use super::{Faults, values::*};
use crate::case::{at, items};

pub(super) fn check<'a>(spec: Node<'a>, faults: &mut Faults<'a>) {
    if items(Some(spec), "hosts").next().is_none() {
        faults.missing(
            spec,
            "hosts",
            "no-hosts",
            "a ServiceEntry needs at least one host",
        );
    }
    for node in items(Some(spec), "hosts") {
        let Some(host) = node.text() else { continue };
        if host == "*" {
            faults.at(node, "host", "`*` may not be a host of a ServiceEntry");
        } else if !is_wildcard_domain(host) {
            faults.at(
                node,
                "host",
                format!("`{host}` is no host; a wildcard stands for the whole first part"),
            );
        }
    }
    check_export_to(spec, true, faults);
    let resolution = at(spec, "resolution").and_then(Node::text).unwrap_or("NONE");
    let by_address = matches!(resolution, "NONE" | "STATIC");
    for node in items(Some(spec), "addresses") {
        let Some(address) = node.text() else { continue };
        if !is_network(address) {
            faults.at(
                node,
                "address",
                format!("`{address}` is no address, nor a network such as 10.0.0.0/8"),
            );
        } else if address.contains('/') && !by_address {
            faults.at(
                node,
                "network-address",
                format!("a network may stand here with resolution NONE or STATIC only, not {resolution}"),
            );
        }
    }
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for port in items(Some(spec), "ports") {
        check_port(port, "number", faults);
        check_port(port, "targetPort", faults);
        if let Some(node) = at(port, "name")
            && let Some(name) = node.text()
        {
            if !names.insert(name) {
                faults.at(
                    node,
                    "port-name-twice",
                    format!("two ports have the name `{name}`"),
                );
            } else if !is_label(name) {
                faults.at(
                    node,
                    "port-name",
                    format!("`{name}` is no name of a port: it has letters, digits and `-` only"),
                );
            }
        }
        if let Some(node) = at(port, "number")
            && let Some(number) = node.as_i64()
            && !numbers.insert(number)
        {
            faults.at(node, "port-twice", format!("port {number} stands there twice"));
        }
    }
    let endpoints: Vec<Node<'a>> = items(Some(spec), "endpoints").collect();
    if let (Some(_), Some(selector)) = (endpoints.first(), at(spec, "workloadSelector")) {
        faults.at_key(
            selector,
            "endpoints-and-selector",
            "`workloadSelector` may not stand beside `endpoints`",
        );
    }
    check_endpoints(spec, resolution, &endpoints, faults);
    for endpoint in endpoints {
        for (name, node) in at(endpoint, "ports").into_iter().flat_map(Node::entries) {
            if !names.contains(name) {
                faults.at_key(
                    node,
                    "endpoint-port",
                    format!("no port of this ServiceEntry has the name `{name}`"),
                );
            }
        }
    }
}

fn check_endpoints<'a>(spec: Node<'a>, resolution: &str, endpoints: &[Node<'a>], faults: &mut Faults<'a>) {
    let address = |endpoint: &Node<'a>| at(*endpoint, "address");
    match resolution {
        "NONE" => {
            if let Some(list) = endpoints.first().and_then(|first| first.parent()) {
                faults.at_key(
                    list,
                    "endpoints-of-none",
                    "with resolution NONE there may be no `endpoints`: connections go where callers wanted",
                );
            }
        }
        "STATIC" => {
            if endpoints.is_empty()
                && at(spec, "workloadSelector").is_none()
                && at(spec, "addresses").is_none()
            {
                faults.missing(
                    spec,
                    "endpoints",
                    "no-endpoints",
                    "resolution STATIC needs `endpoints`, `workloadSelector` or `addresses`",
                );
            }
            for node in endpoints.iter().filter_map(address) {
                if node
                    .text()
                    .is_some_and(|text| !is_address(text) && !text.starts_with("unix://"))
                {
                    faults.at(
                        node,
                        "endpoint-address",
                        format!(
                            "with resolution STATIC `{}` is to be an IP address",
                            node.text().unwrap_or_default()
                        ),
                    );
                }
            }
        }
        "DNS" | "DNS_ROUND_ROBIN" => {
            if resolution == "DNS_ROUND_ROBIN"
                && let Some(second) = endpoints.get(1)
            {
                faults.at(
                    *second,
                    "round-robin-endpoints",
                    "DNS_ROUND_ROBIN takes one endpoint at most",
                );
            }
            for node in endpoints.iter().filter_map(address) {
                if node
                    .text()
                    .is_some_and(|text| !is_domain(text) && !is_address(text))
                {
                    faults.at(
                        node,
                        "endpoint-address",
                        format!("`{}` is no name that DNS knows", node.text().unwrap_or_default()),
                    );
                }
            }
        }
        "DYNAMIC_DNS" => {
            for host in items(Some(spec), "hosts") {
                if host.text().is_some_and(|host| !host.starts_with("*.")) {
                    faults.at(
                        host,
                        "dynamic-host",
                        "with resolution DYNAMIC_DNS hosts start with `*.`",
                    );
                }
            }
            for key in ["addresses", "endpoints"] {
                if let Some(node) = at(spec, key).filter(|node| node.items().next().is_some()) {
                    faults.at_key(
                        node,
                        "dynamic-endpoints",
                        format!("with resolution DYNAMIC_DNS there may be no `{key}`"),
                    );
                }
            }
        }
        _ => (),
    }
}
