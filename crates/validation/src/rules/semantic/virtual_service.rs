//! VirtualService as a whole; single `http` rules are next door.

use std::collections::HashSet;

use vigla_config::Node;

use super::{Faults, http, values::*};
use crate::{
    case::{Case, at, items},
    mesh::is_subdomain_pattern,
};

pub(super) fn check<'a>(case: &Case<'a>, spec: Node<'a>, faults: &mut Faults<'a>) {
    let hosts: Vec<Node<'a>> = items(Some(spec), "hosts").collect();
    let is_delegate = hosts.is_empty();
    let gateways: Vec<&str> = items(Some(spec), "gateways").filter_map(Node::text).collect();
    let for_mesh = gateways.is_empty() || gateways.contains(&"mesh");
    if is_delegate {
        for key in ["gateways", "tls", "tcp"] {
            if let Some(node) = at(spec, key).filter(|node| node.items().next().is_some()) {
                faults.at_key(
                    node,
                    "delegate",
                    format!("without `hosts` this is a delegate, which may not have `{key}`"),
                );
            }
        }
    }
    let mut seen = HashSet::new();
    for &node in &hosts {
        let Some(host) = node.text() else { continue };
        if !is_wildcard_domain(host) && !is_address(host) {
            faults.at(
                node,
                "host",
                format!(
                    "`{host}` is no host; a wildcard stands for the whole first part, as in `*.example.com`"
                ),
            );
        } else if host == "*" && for_mesh {
            faults.at(
                node,
                "host",
                "`*` may not be a host of a VirtualService for sidecars",
            );
        }
        if !seen.insert(case.mesh.resolve(host, case.namespace())) {
            faults
                .at(node, "host-twice", format!("`{host}` stands there twice"))
                .fix(crate::Fix::remove("remove the second one", node));
        }
    }
    if ["http", "tls", "tcp"]
        .into_iter()
        .all(|key| items(Some(spec), key).next().is_none())
    {
        faults.missing(
            spec,
            "http",
            "no-routes",
            "there are no `http`, `tls` or `tcp` routes",
        );
    }
    for node in items(Some(spec), "gateways") {
        let Some(name) = node.text() else { continue };
        let parts: Vec<&str> = name.split('/').collect();
        let good = match parts.as_slice() {
            [name] => is_domain(name),
            [namespace, name] => (*namespace == "." || is_label(namespace)) && is_domain(name),
            _ => false,
        };
        if !good {
            faults.at(
                node,
                "gateway-name",
                format!("`{name}` is no Gateway: write `name` or `namespace/name`"),
            );
        }
    }
    check_export_to(spec, false, faults);
    for rule in items(Some(spec), "http") {
        http::check(rule, is_delegate, faults);
    }
    let written: Vec<&str> = hosts.iter().filter_map(|node| node.text()).collect();
    for rule in items(Some(spec), "tls") {
        let conditions: Vec<Node<'a>> = items(Some(rule), "match").collect();
        if conditions.is_empty() {
            faults.missing(
                rule,
                "match",
                "tls-match",
                "a `tls` rule needs `match` with `sniHosts`",
            );
        }
        for condition in conditions {
            if items(Some(condition), "sniHosts").next().is_none() {
                faults.missing(
                    condition,
                    "sniHosts",
                    "sni-hosts",
                    "a condition of a `tls` rule needs `sniHosts`",
                );
            }
            for node in items(Some(condition), "sniHosts") {
                let Some(host) = node.text() else { continue };
                if is_address(host) {
                    faults
                        .at(
                            node,
                            "sni-address",
                            format!("clients do not send the address `{host}` as a server's name"),
                        )
                        .warning();
                } else if !written.iter().any(|wide| is_subdomain_pattern(host, wide)) {
                    faults.at(
                        node,
                        "sni-hosts",
                        format!("`{host}` is none of the VirtualService's hosts"),
                    );
                }
            }
        }
        check_routes(rule, "tls", faults);
    }
    for rule in items(Some(spec), "tcp") {
        check_routes(rule, "tcp", faults);
    }
}

fn check_routes<'a>(rule: Node<'a>, protocol: &str, faults: &mut Faults<'a>) {
    let routes: Vec<Node<'a>> = items(Some(rule), "route").collect();
    if routes.is_empty() {
        faults.missing(
            rule,
            "route",
            "no-route",
            format!("a `{protocol}` rule needs `route`"),
        );
    }
    check_weights(&routes, faults);
    for route in routes {
        if let Some(destination) = at(route, "destination") {
            check_destination(destination, faults);
        }
    }
}

/// Of several destinations one at least gets requests.
pub(super) fn check_weights<'a>(routes: &[Node<'a>], faults: &mut Faults<'a>) {
    let weight = |route: &Node<'a>| route.get("weight").and_then(Node::as_i64).unwrap_or(0);
    for route in routes {
        if let Some(node) = route.get("weight").filter(|_| weight(route) < 0) {
            faults.at(node, "weight", "a weight is 0 or more");
        }
    }
    if let [first, _, ..] = routes
        && routes.iter().all(|route| weight(route) == 0)
        && let Some(list) = first.parent()
    {
        faults.at_key(list, "weight-sum", "several destinations, and none has a weight");
    }
}

pub(super) fn check_destination<'a>(destination: Node<'a>, faults: &mut Faults<'a>) {
    if let Some(node) = at(destination, "host")
        && let Some(host) = node.text()
    {
        if host == "*" {
            faults.at(node, "destination-host", "`*` is no host to send to");
        } else if !is_wildcard_domain(host) && !is_address(host) {
            faults.at(node, "destination-host", format!("`{host}` is no host"));
        }
    }
    if let Some(node) = at(destination, "subset")
        && node.text().is_some_and(|text| !is_label_value(text))
    {
        faults.at(
            node,
            "subset-name",
            "the name of a subset has letters, digits, `-`, `_` and `.` only",
        );
    }
    check_port(destination, "port.number", faults);
}
