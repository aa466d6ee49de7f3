//! DestinationRule.

use std::collections::BTreeSet;

use vigla_config::Node;

use super::{Faults, values::*};
use crate::case::{at, items};

pub(super) fn check<'a>(spec: Node<'a>, faults: &mut Faults<'a>) {
    if let Some(node) = at(spec, "host")
        && let Some(host) = node.text()
        && !is_wildcard_domain(host)
        && !is_address(host)
    {
        faults.at(node, "host", format!("`{host}` is no host"));
    }
    check_export_to(spec, false, faults);
    if let Some(selector) = at(spec, "workloadSelector")
        && let Some(node) = items(Some(spec), "exportTo").find(|node| node.text() != Some("."))
    {
        let _ = selector;
        faults.at(
            node,
            "selector-export",
            "with a `workloadSelector` the rule may be exported to `.` only",
        );
    }
    if let Some(policy) = at(spec, "trafficPolicy") {
        check_policy(policy, true, faults);
    }
    let mut names = BTreeSet::new();
    for subset in items(Some(spec), "subsets") {
        if let Some(node) = at(subset, "name")
            && let Some(name) = node.text()
        {
            if !is_label_value(name) {
                faults.at(
                    node,
                    "subset-name",
                    format!("`{name}` is no name of a subset: it has letters, digits, `-`, `_` and `.` only"),
                );
            } else if !names.insert(name) {
                faults.at(node, "subset-twice", format!("there are two subsets `{name}`"));
            }
        }
        if let Some(policy) = at(subset, "trafficPolicy") {
            check_policy(policy, true, faults);
        }
    }
}

fn check_policy<'a>(policy: Node<'a>, has_ports: bool, faults: &mut Faults<'a>) {
    if policy
        .entries()
        .all(|(key, value)| key == "port" || value.is_null())
    {
        faults.at_key(policy, "empty-policy", "the traffic policy says nothing");
    }
    if let Some(pool) = at(policy, "connectionPool") {
        check_pool(pool, faults);
    }
    if let Some(balancer) = at(policy, "loadBalancer") {
        check_balancer(balancer, policy, faults);
    }
    if let Some(outlier) = at(policy, "outlierDetection") {
        check_outlier(outlier, faults);
    }
    if let Some(tls) = at(policy, "tls") {
        check_tls(tls, faults);
    }
    if let Some(tunnel) = at(policy, "tunnel") {
        if let Some(second) = at(policy, "proxyProtocol") {
            faults.at_key(
                second,
                "tunnel-and-proxy-protocol",
                "`tunnel` and `proxyProtocol` may not stand beside each other",
            );
        }
        if let Some(node) =
            at(tunnel, "protocol").filter(|node| !matches!(node.text(), Some("CONNECT" | "POST")))
        {
            faults.at(
                node,
                "tunnel-protocol",
                "the protocol of a tunnel is CONNECT or POST",
            );
        }
        check_port(tunnel, "targetPort", faults);
    }
    if has_ports {
        for settings in items(Some(policy), "portLevelSettings") {
            match at(settings, "port.number") {
                None => {
                    faults.missing(
                        settings,
                        "port",
                        "port-needed",
                        "settings of a port need `port: {number: …}`",
                    );
                }
                Some(_) => check_port(settings, "port.number", faults),
            }
            check_policy(settings, false, faults);
        }
    }
}

fn check_pool<'a>(pool: Node<'a>, faults: &mut Faults<'a>) {
    if at(pool, "tcp").is_none() && at(pool, "http").is_none() {
        faults.at_key(pool, "empty-pool", "a connection pool needs `tcp` or `http`");
    }
    for (part, keys) in [
        (
            "http",
            [
                "http1MaxPendingRequests",
                "http2MaxRequests",
                "maxRequestsPerConnection",
                "maxRetries",
                "maxConcurrentStreams",
            ]
            .as_slice(),
        ),
        ("tcp", ["maxConnections"].as_slice()),
    ] {
        let Some(part) = at(pool, part) else { continue };
        for &key in keys {
            if let Some(node) = at(part, key).filter(|node| node.as_i64().is_some_and(|number| number < 0)) {
                faults.at(node, "negative", format!("`{key}` is 0 or more"));
            }
        }
        for key in ["connectTimeout", "idleTimeout", "maxConnectionDuration"] {
            check_duration(part, key, faults);
        }
    }
    let upgrade = at(pool, "http.h2UpgradePolicy").filter(|node| node.text() == Some("UPGRADE"));
    if upgrade.is_some()
        && let Some(node) = at(pool, "http.useClientProtocol").filter(|node| node.as_bool() == Some(true))
    {
        faults.at_key(
            node,
            "upgrade-and-client-protocol",
            "`useClientProtocol` may not stand beside `h2UpgradePolicy: UPGRADE`",
        );
    }
    for key in ["time", "interval"] {
        if let Some(keepalive) = at(pool, "tcp.tcpKeepalive") {
            check_duration(keepalive, key, faults);
        }
    }
}

fn check_balancer<'a>(balancer: Node<'a>, policy: Node<'a>, faults: &mut Faults<'a>) {
    if let Some(hash) = at(balancer, "consistentHash") {
        if let Some(cookie) = at(hash, "httpCookie")
            && at(cookie, "name").and_then(Node::text).is_none_or(str::is_empty)
        {
            faults.missing(cookie, "name", "cookie-name", "a cookie needs a name");
        }
        if let Some(node) = at(hash, "minimumRingSize") {
            faults
                .at_key(
                    node,
                    "ring-size",
                    "`minimumRingSize` is old; write `ringHash: {minimumRingSize: …}`",
                )
                .warning();
        }
        if let Some(node) = at(hash, "maglev.tableSize")
            && let Some(size) = node.as_i64()
            && !(size < 5_000_011 && is_prime(size))
        {
            faults.at(
                node,
                "maglev-size",
                format!("the size of a Maglev table is a prime below 5000011, {size} is none"),
            );
        }
    }
    let Some(locality) = at(balancer, "localityLbSetting") else {
        return;
    };
    let distribute = at(locality, "distribute").filter(|node| node.items().next().is_some());
    let failover = at(locality, "failover").filter(|node| node.items().next().is_some());
    if let (Some(_), Some(second)) = (distribute, failover) {
        faults.at_key(
            second,
            "distribute-and-failover",
            "`distribute` and `failover` may not stand beside each other",
        );
    }
    for entry in items(Some(locality), "distribute") {
        let Some(to) = at(entry, "to") else { continue };
        let sum: i64 = to.entries().filter_map(|(_, node)| node.as_i64()).sum();
        if sum != 100 {
            faults.at_key(
                to,
                "distribute-sum",
                format!("the shares sum up to {sum}, not to 100"),
            );
        }
    }
    for entry in items(Some(locality), "failover") {
        if let (Some(from), Some(to)) = (at(entry, "from"), at(entry, "to"))
            && from.text() == to.text()
        {
            faults.at(to, "failover-to-itself", "a region cannot stand in for itself");
        }
    }
    if (failover.is_some() || at(locality, "failoverPriority").is_some())
        && at(policy, "outlierDetection").is_none()
    {
        let node = failover
            .or_else(|| at(locality, "failoverPriority"))
            .unwrap_or(locality);
        faults
            .at_key(
                node,
                "failover-without-detection",
                "without `outlierDetection` nobody sees that a region is down, and no other takes over",
            )
            .warning();
    }
}

fn is_prime(number: i64) -> bool {
    number > 1
        && (2..)
            .take_while(|divisor| divisor * divisor <= number)
            .all(|divisor| number % divisor != 0)
}

fn check_outlier<'a>(outlier: Node<'a>, faults: &mut Faults<'a>) {
    for key in ["interval", "baseEjectionTime"] {
        check_duration(outlier, key, faults);
    }
    for key in ["maxEjectionPercent", "minHealthPercent"] {
        check_percent(outlier, key, faults);
    }
    let splits = at(outlier, "splitExternalLocalOriginErrors").and_then(Node::as_bool) == Some(true);
    if let Some(node) = at(outlier, "consecutiveLocalOriginFailures")
        .filter(|node| !splits && node.as_i64().is_some_and(|number| number > 0))
    {
        faults.at_key(
            node,
            "local-failures",
            "`consecutiveLocalOriginFailures` needs `splitExternalLocalOriginErrors: true`",
        );
    }
}

fn check_tls<'a>(tls: Node<'a>, faults: &mut Faults<'a>) {
    let mode = at(tls, "mode").and_then(Node::text).unwrap_or("DISABLE");
    let written = |key: &str| at(tls, key).filter(|node| node.text().is_some_and(|text| !text.is_empty()));
    let credential = written("credentialName");
    let files = ["clientCertificate", "privateKey", "caCertificates"];
    match mode {
        "MUTUAL" if credential.is_none() => {
            for key in ["clientCertificate", "privateKey"] {
                if written(key).is_none() {
                    faults.missing(
                        tls,
                        key,
                        "mutual-files",
                        format!("MUTUAL needs `{key}`, or `credentialName`"),
                    );
                }
            }
        }
        "ISTIO_MUTUAL" => {
            for key in files.into_iter().chain(["credentialName"]) {
                if let Some(node) = written(key) {
                    faults
                        .at_key(
                            node,
                            "istio-mutual-files",
                            format!("ISTIO_MUTUAL takes the mesh's certificates; `{key}` may not be set"),
                        )
                        .fix(crate::Fix::remove(format!("remove `{key}`"), node));
                }
            }
        }
        _ => (),
    }
    if credential.is_some() && matches!(mode, "SIMPLE" | "MUTUAL") {
        for key in files {
            if let Some(node) = written(key) {
                faults.at_key(
                    node,
                    "credential-and-files",
                    format!("`{key}` may not stand beside `credentialName`"),
                );
            }
        }
    }
    let skips = at(tls, "insecureSkipVerify").and_then(Node::as_bool) == Some(true);
    if skips {
        if let Some(node) = written("caCertificates") {
            faults.at_key(
                node,
                "skip-and-ca",
                "`caCertificates` may not stand beside `insecureSkipVerify`",
            );
        }
        if let Some(node) = at(tls, "subjectAltNames").filter(|node| node.items().next().is_some()) {
            faults.at_key(
                node,
                "skip-and-names",
                "`subjectAltNames` may not stand beside `insecureSkipVerify`",
            );
        }
    }
}
