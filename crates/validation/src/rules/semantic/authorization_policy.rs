//! AuthorizationPolicy.

use vigla_config::Node;

use super::{Faults, values::*};
use crate::case::{at, items};

pub(super) fn check<'a>(spec: Node<'a>, faults: &mut Faults<'a>) {
    check_target(spec, faults);
    let action = at(spec, "action").and_then(Node::text).unwrap_or("ALLOW");
    let provider = at(spec, "provider");
    let rules: Vec<Node<'a>> = items(Some(spec), "rules").collect();
    match (action, provider) {
        ("CUSTOM", provider) => {
            if provider
                .and_then(|provider| at(provider, "name"))
                .and_then(Node::text)
                .is_none_or(str::is_empty)
            {
                faults.missing(spec, "provider", "provider", "CUSTOM needs `provider: {name: …}`");
            }
            if rules.is_empty() {
                faults.missing(
                    spec,
                    "rules",
                    "custom-rules",
                    "CUSTOM needs `rules`; one empty rule `{}` stands for all requests",
                );
            }
        }
        (action, Some(provider)) => {
            faults.at_key(
                provider,
                "provider",
                format!("`provider` is for CUSTOM, not for {action}"),
            );
        }
        _ => (),
    }
    if action == "DENY" && rules.is_empty() {
        faults.missing(
            spec,
            "rules",
            "deny-rules",
            "DENY without rules denies nothing; one empty rule `{}` denies all",
        );
    }
    for &rule in &rules {
        check_rule(rule, action, faults);
    }
}

/// What a policy is for is said once.
pub(super) fn check_target<'a>(spec: Node<'a>, faults: &mut Faults<'a>) {
    let said: Vec<Node<'a>> = ["selector", "targetRef", "targetRefs"]
        .into_iter()
        .filter_map(|key| at(spec, key))
        .filter(|node| node.items().next().is_some() || node.entries().next().is_some())
        .collect();
    for &second in said.iter().skip(1) {
        let names = (
            said[0].key().unwrap_or_default(),
            second.key().unwrap_or_default(),
        );
        faults.at_key(
            second,
            "two-targets",
            format!("`{}` and `{}` may not stand beside each other", names.0, names.1),
        );
    }
    if let Some(labels) = at(spec, "selector.matchLabels") {
        for (key, value) in labels.entries() {
            if key.is_empty() {
                faults.at_key(value, "selector-key", "a label of a selector needs a name");
            } else if value.text().is_some_and(|text| text.contains('*')) || key.contains('*') {
                faults.at(
                    value,
                    "selector-wildcard",
                    "`*` has no meaning in the labels of a selector",
                );
            }
        }
    }
}

const SOURCE: [&str; 14] = [
    "principals",
    "notPrincipals",
    "requestPrincipals",
    "notRequestPrincipals",
    "namespaces",
    "notNamespaces",
    "ipBlocks",
    "notIpBlocks",
    "remoteIpBlocks",
    "notRemoteIpBlocks",
    "serviceAccounts",
    "notServiceAccounts",
    "trustDomains",
    "notTrustDomains",
];

fn check_rule<'a>(rule: Node<'a>, action: &str, faults: &mut Faults<'a>) {
    for (list, key) in [("from", "source"), ("to", "operation")] {
        if let Some(node) = at(rule, list).filter(|node| node.items().next().is_none()) {
            faults.at_key(
                node,
                "empty-list",
                format!("`{list}` has nothing in it; leave it out to ask for nothing"),
            );
        }
        for entry in items(Some(rule), list) {
            let Some(part) = at(entry, key) else {
                faults.missing(
                    entry,
                    key,
                    "empty-part",
                    format!("an entry of `{list}` needs `{key}`"),
                );
                continue;
            };
            let asks = part.entries().any(|(_, value)| value.items().next().is_some());
            if !asks {
                faults.at_key(part, "empty-part", format!("`{key}` asks for nothing"));
            }
            for (_, value) in part.entries() {
                for node in value
                    .items()
                    .filter(|node| node.raw().is_some_and(|(text, _)| text.is_empty()))
                {
                    faults.at(node, "empty-value", "an empty value fits nothing");
                }
            }
        }
    }
    for source in items(Some(rule), "from").filter_map(|entry| at(entry, "source")) {
        for key in ["ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"] {
            for node in items(Some(source), key) {
                if let Some(text) = node.text().filter(|text| !is_network(text)) {
                    faults.at(
                        node,
                        "ip-block",
                        format!("`{text}` is no address, nor a network such as 10.0.0.0/8"),
                    );
                }
            }
        }
        if action == "CUSTOM" {
            for key in SOURCE
                .into_iter()
                .filter(|key| !key.to_ascii_lowercase().contains("ipblock"))
            {
                if let Some(node) = at(source, key) {
                    faults.at_key(
                        node,
                        "custom-identity",
                        format!("`{key}` may not stand in a CUSTOM policy"),
                    );
                }
            }
        }
        if at(source, "serviceAccounts").is_some() {
            for key in ["principals", "namespaces"] {
                if let Some(node) = at(source, key) {
                    faults.at_key(
                        node,
                        "service-accounts",
                        format!("`{key}` may not stand beside `serviceAccounts`"),
                    );
                }
            }
        }
    }
    for operation in items(Some(rule), "to").filter_map(|entry| at(entry, "operation")) {
        for key in ["ports", "notPorts"] {
            for node in items(Some(operation), key) {
                if node
                    .raw()
                    .is_some_and(|(text, _)| text.parse::<u16>().is_ok_and(|port| port > 0))
                {
                    continue;
                }
                faults.at(
                    node,
                    "port",
                    format!("`{}` is no port from 1 to 65535", node.text().unwrap_or_default()),
                );
            }
        }
        if action == "DENY"
            && let Some(node) = operation.entries().map(|(_, node)| node).next()
        {
            let http = ["methods", "notMethods", "paths", "notPaths", "hosts", "notHosts"];
            let has_http = http.iter().any(|key| at(operation, key).is_some());
            let on_ports = at(operation, "ports").is_some() || at(operation, "notPorts").is_some();
            if has_http && !on_ports && !rule_names_ports(rule) {
                faults
                    .at_key(node, "deny-tcp", "on TCP ports these conditions cannot be judged, and a DENY rule then denies the connection")
                    .warning();
            }
        }
    }
    for condition in items(Some(rule), "when") {
        check_condition(condition, faults);
    }
}

fn rule_names_ports(rule: Node<'_>) -> bool {
    items(Some(rule), "when")
        .any(|condition| at(condition, "key").and_then(Node::text) == Some("destination.port"))
}

/// Keys of `when`; those that end in `[` go on with a name.
const KEYS: [&str; 13] = [
    "source.ip",
    "remote.ip",
    "source.namespace",
    "source.principal",
    "source.serviceAccount",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "destination.ip",
    "destination.port",
    "connection.sni",
    "request.headers[",
    "request.auth.claims[",
];

fn check_condition<'a>(condition: Node<'a>, faults: &mut Faults<'a>) {
    let Some(node) = at(condition, "key") else {
        faults.missing(condition, "key", "when-key", "a condition needs `key`");
        return;
    };
    let key = node.text().unwrap_or_default();
    let known = KEYS.iter().any(|known| {
        if known.ends_with('[') {
            key.starts_with(known) && key.ends_with(']')
        } else {
            *known == key
        }
    }) || key.starts_with("experimental.envoy.filters.");
    if !known {
        let fix = crate::nearest::nearest(key, KEYS.into_iter().filter(|known| !known.ends_with('[')))
            .and_then(|near| crate::Fix::replace(format!("use `{near}`"), node, near));
        faults
            .at(node, "when-key", format!("there is no attribute `{key}`"))
            .fix(fix);
    }
    if ["values", "notValues"]
        .into_iter()
        .all(|list| items(Some(condition), list).next().is_none())
    {
        faults.missing(
            condition,
            "values",
            "when-values",
            "a condition needs `values` or `notValues`",
        );
    }
    for value in ["values", "notValues"]
        .into_iter()
        .flat_map(|list| items(Some(condition), list))
    {
        let Some(text) = value.text() else { continue };
        let good = match key {
            "source.ip" | "remote.ip" | "destination.ip" => is_network(text),
            "destination.port" => text.parse::<u16>().is_ok_and(|port| port > 0),
            _ => true,
        };
        if !good {
            faults.at(
                value,
                "when-value",
                format!("`{text}` is no value that `{key}` can have"),
            );
        }
    }
}
