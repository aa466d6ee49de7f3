//! Sidecar.

use std::collections::{BTreeSet, HashSet};

use vigla_config::Node;

use super::{Faults, values::*};
use crate::case::{at, items};

pub(super) fn check<'a>(spec: Node<'a>, faults: &mut Faults<'a>) {
    let ingress: Vec<Node<'a>> = items(Some(spec), "ingress").collect();
    let egress: Vec<Node<'a>> = items(Some(spec), "egress").collect();
    let said = ["outboundTrafficPolicy", "inboundConnectionPool"]
        .into_iter()
        .any(|key| at(spec, key).is_some());
    if ingress.is_empty() && egress.is_empty() && !said {
        faults.missing(
            spec,
            "egress",
            "empty-sidecar",
            "a Sidecar needs `egress`, `ingress` or `outboundTrafficPolicy`",
        );
    }
    let mut ports = BTreeSet::new();
    for listener in ingress {
        match at(listener, "port.number") {
            None => {
                faults.missing(listener, "port", "ingress-port", "an `ingress` needs `port`");
            }
            Some(node) => {
                check_port(listener, "port.number", faults);
                if node.as_i64().is_some_and(|port| !ports.insert(port)) {
                    faults.at(node, "ingress-port-twice", "two `ingress` have this port");
                }
            }
        }
        if let Some(node) = at(listener, "defaultEndpoint")
            && let Some(endpoint) = node.text()
        {
            let good = endpoint.starts_with("unix://")
                || endpoint.rsplit_once(':').is_some_and(|(host, port)| {
                    matches!(host, "127.0.0.1" | "[::1]" | "0.0.0.0" | "[::]")
                        && port.parse::<u16>().is_ok_and(|port| port > 0)
                });
            if !good {
                faults.at(node, "default-endpoint", format!("`{endpoint}` is to be 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix:///path"));
            }
        }
    }
    let last = egress.len().saturating_sub(1);
    for (index, &listener) in egress.iter().enumerate() {
        if at(listener, "port").is_none() && at(listener, "bind").is_none() && index < last {
            faults.at(
                listener,
                "catch-all-egress",
                "an `egress` without `port` takes all, and is to be the last one",
            );
        }
        check_port(listener, "port.number", faults);
        check_egress_hosts(listener, faults);
    }
    if let Some(policy) = at(spec, "outboundTrafficPolicy")
        && let Some(node) = at(policy, "egressProxy")
        && at(policy, "mode").and_then(Node::text) != Some("ALLOW_ANY")
    {
        faults.at_key(node, "egress-proxy", "`egressProxy` needs `mode: ALLOW_ANY`");
    }
}

fn check_egress_hosts<'a>(listener: Node<'a>, faults: &mut Faults<'a>) {
    let hosts: Vec<Node<'a>> = items(Some(listener), "hosts").collect();
    if hosts.is_empty() {
        faults.missing(
            listener,
            "hosts",
            "egress-hosts",
            "an `egress` needs `hosts`, such as `./*`",
        );
    }
    let mut seen = HashSet::new();
    for &node in &hosts {
        let Some(written) = node.text() else { continue };
        let Some((namespace, host)) = written.split_once('/') else {
            let fix = crate::Fix::verbatim(format!("write `*/{written}`"), node, &format!("'*/{written}'"));
            faults
                .at(
                    node,
                    "egress-host",
                    format!("`{written}` is to be `namespace/host`; `.` is the own namespace, `*` all"),
                )
                .fix(fix);
            continue;
        };
        if !matches!(namespace, "*" | "." | "~") && !is_label(namespace) {
            faults.at(
                node,
                "egress-namespace",
                format!("`{namespace}` is no namespace, nor `.`, `*` or `~`"),
            );
        } else if !is_wildcard_domain(host) {
            faults.at(node, "egress-host", format!("`{host}` is no host"));
        } else if !seen.insert(written) {
            faults
                .at(node, "egress-twice", format!("`{written}` stands there twice"))
                .warning()
                .fix(crate::Fix::remove("remove the second one", node));
        } else if written == "*/*" && hosts.len() > 1 {
            faults
                .at(
                    node,
                    "egress-all",
                    "`*/*` takes all; what stands beside it says nothing",
                )
                .warning();
        }
    }
}
