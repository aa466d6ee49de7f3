//! `VG1303`: two servers on the same pods are for the same host and port.

use vigla_config::{Gateway, Server};
use vigla_model::Labels;

use crate::{case::at, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1303),
    name: "gateway-conflict",
    severity: Severity::Error,
    says: "Two servers, of one Gateway or of two with the same selector, are for the same host on the same port and \
           address. Hosts that only overlap by a wildcard are no conflict: the longer one decides.",
    consequence: "The older one's TLS settings and routes count; those of the other are ignored in whole or in part.",
    peers: &["KIA0301", "IST0145"],
    kinds: &[GATEWAY],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: first, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: PASSTHROUGH}
    hosts: [safe.example] # here
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: PASSTHROUGH}
    hosts: [safe.example] # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: first, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: PASSTHROUGH}
    hosts: ['*.safe.example']
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: PASSTHROUGH}
    hosts: [a.safe.example]
",
    check,
};

/// Servers for one host and port that are looked at: with more, the first ones tell enough.
const MOST: usize = 50;

/// What decides whether two servers meet: pods, port, address.
type Where = (Labels, Option<u16>, String);

fn place_of(gateway: Gateway<'_>, server: Server<'_>) -> Where {
    let bind = at(server.node(), "bind").and_then(Node::text).unwrap_or_default();
    (
        gateway.selector().unwrap_or_default(),
        server.port(),
        bind.to_owned(),
    )
}

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(gateway) = Gateway::of(case.object) else {
        return;
    };
    for server in gateway.servers() {
        let place = place_of(gateway, server);
        if place.1.is_none() {
            continue;
        }
        for host in server.hosts() {
            let Some(written) = host.text() else { continue };
            let beside = case.mesh.servers(place.1.unwrap_or_default(), written).iter();
            let meeting = beside
                .take(MOST)
                .filter(|(_, candidate, _)| candidate.node() != server.node())
                .find(|(other, candidate, _)| place_of(*other, *candidate) == place)
                .map(|(other, _, theirs)| (other, *theirs));
            if let Some((other, theirs)) = meeting {
                let port = place.1.unwrap_or_default();
                let message = format!(
                    "{} serves `{written}` on port {port} of the same pods too",
                    other.object().object_ref()
                );
                found
                    .at(host, message)
                    .related(other.object(), theirs, "the same host and port");
            }
        }
    }
}
