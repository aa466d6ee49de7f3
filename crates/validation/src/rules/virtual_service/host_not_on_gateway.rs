//! `VG1006`: a VirtualService is for a Gateway that serves none of its hosts.

use vigla_config::{Gateway, VirtualService};

use super::gateways::resolve;
use crate::{mesh::overlaps, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1006),
    name: "host-not-on-gateway",
    severity: Severity::Warning,
    says: "A VirtualService names a Gateway, and none of its hosts is one that a server of that Gateway serves for \
           the VirtualService's namespace (`namespace/host` in a server restricts who may use it).",
    consequence: "The gateway has no route for these hosts: requests for them get 404 (flag NR).",
    peers: &["IST0132"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [www.bookinfo.example]
  gateways:
  - edge # here
  http:
  - route:
    - destination: {host: productpage}
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [www.bookinfo.example, bookinfo.example]
  gateways:
  - edge
  http:
  - route:
    - destination: {host: productpage}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    let hosts: Vec<String> = rule
        .hosts()
        .filter_map(Node::text)
        .map(|host| case.mesh.resolve(host, rule.namespace()).as_str().to_owned())
        .collect();
    if hosts.is_empty() {
        return;
    }
    for node in rule.gateways() {
        let Some(written) = node.text().filter(|text| *text != "mesh") else {
            continue;
        };
        let (namespace, name) = resolve(written, rule.namespace().as_str());
        let Some(gateway) = case
            .mesh
            .named(GATEWAY, &namespace, &name)
            .and_then(|object| Gateway::of(object))
        else {
            continue;
        };
        let serves = gateway
            .servers()
            .flat_map(vigla_config::Server::hosts)
            .filter_map(Node::text)
            .filter_map(|host| served_host(host, gateway, rule))
            .any(|served| hosts.iter().any(|host| overlaps(host, &served)));
        if !serves {
            let servers = gateway.object().spec().and_then(|spec| spec.get("servers"));
            let message = format!(
                "Gateway `{written}` serves none of the hosts {}",
                hosts.join(", ")
            );
            found.at(node, message).related(
                gateway.object(),
                servers.unwrap_or(gateway.object().root()),
                "its servers",
            );
        }
    }
}

/// The host of a server (`[namespace/]host`) when VirtualServices of this one's namespace may use it.
pub(crate) fn served_host(written: &str, gateway: Gateway<'_>, rule: VirtualService<'_>) -> Option<String> {
    let Some((namespace, host)) = written.split_once('/') else {
        return Some(written.to_ascii_lowercase());
    };
    let fits = match namespace {
        "*" => true,
        "." => gateway.namespace() == rule.namespace(),
        namespace => *rule.namespace() == *namespace,
    };
    fits.then(|| host.to_ascii_lowercase())
}
