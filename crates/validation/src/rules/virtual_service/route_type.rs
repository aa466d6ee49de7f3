//! `VG1310`: a VirtualService has no routes of the kind that its gateway's servers take.

use vigla_config::VirtualService;

use super::{gateways::resolve, host_not_on_gateway::served_host};
use crate::{mesh::overlaps, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1310),
    name: "route-type-mismatch",
    severity: Severity::Error,
    says: "Servers of a gateway that look into requests (HTTP, HTTPS with TLS ended there) take `http` routes; \
           servers that pass TLS through take `tls` routes; TCP servers take `tcp` routes. This VirtualService has \
           none of the kind that the servers for its hosts take.",
    consequence: "Its routes are not used there: HTTP requests get 404 (flag NR), connections are closed.",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: passthrough, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: tls, protocol: TLS}
    tls: {mode: PASSTHROUGH}
    hosts: [safe.example]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [safe.example]
  gateways:
  - passthrough # here
  http:
  - route: [{destination: {host: productpage}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: passthrough, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: tls, protocol: TLS}
    tls: {mode: PASSTHROUGH}
    hosts: [safe.example]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [safe.example]
  gateways:
  - passthrough
  tls:
  - match: [{sniHosts: [safe.example]}]
    route: [{destination: {host: productpage}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    let Some(spec) = case.spec() else { return };
    let has = |key: &str| spec.get(key).is_some_and(|list| list.items().next().is_some());
    for node in rule.gateways() {
        let Some(written) = node.text().filter(|text| *text != "mesh") else {
            continue;
        };
        let (namespace, name) = resolve(written, rule.namespace().as_str());
        let object = case.mesh.named(GATEWAY, &namespace, &name);
        let Some(gateway) = object.and_then(|object| vigla_config::Gateway::of(object)) else {
            continue;
        };
        let hosts: Vec<String> = rule
            .hosts()
            .filter_map(Node::text)
            .map(|host| case.mesh.resolve(host, rule.namespace()).as_str().to_owned())
            .collect();
        let mut wanted: Vec<&str> = Vec::new();
        for server in gateway.servers() {
            let serves = server
                .hosts()
                .filter_map(Node::text)
                .filter_map(|host| served_host(host, gateway, rule))
                .any(|served| hosts.iter().any(|host| overlaps(host, &served)));
            // A server that sends everything to HTTPS needs no routes.
            if serves && !server.tls().is_some_and(vigla_config::ServerTls::https_redirect) {
                wanted.extend(route_types(server));
            }
        }
        if !wanted.is_empty() && !wanted.iter().any(|key| has(key)) {
            wanted.sort_unstable();
            wanted.dedup();
            let servers = gateway.object().spec().and_then(|spec| spec.get("servers"));
            let message = format!(
                "the servers of Gateway `{written}` for these hosts take `{}` routes, of which there are none",
                wanted.join("` or `")
            );
            found.at(node, message).related(
                gateway.object(),
                servers.unwrap_or(gateway.object().root()),
                "its servers",
            );
        }
    }
}

/// The kinds of routes that a server takes.
fn route_types(server: vigla_config::Server<'_>) -> &'static [&'static str] {
    let mode = server.tls().and_then(vigla_config::ServerTls::mode);
    match (
        server
            .protocol()
            .unwrap_or_default()
            .to_ascii_uppercase()
            .as_str(),
        mode,
    ) {
        (_, Some("PASSTHROUGH" | "AUTO_PASSTHROUGH")) => &["tls", "tcp"],
        ("HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" | "HTTPS", _) => &["http"],
        ("TLS", _) => &["tcp", "tls"],
        ("TCP" | "MONGO" | "MYSQL" | "REDIS", _) => &["tcp", "tls"],
        _ => &[],
    }
}
