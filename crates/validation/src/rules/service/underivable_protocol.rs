//! `VG3101`: nothing says what is spoken on a port.

use super::is_external;
use crate::case::at;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(3101),
    name: "underivable-protocol",
    severity: Severity::Info,
    says: "A port of a Service has neither `appProtocol` nor a name that starts with a protocol (`http`, \
           `http2`, `https`, `grpc`, `tcp`, `tls`, …). Proxies then look at the first bytes of every \
           connection. Server-first protocols (MySQL, SMTP) send none.",
    consequence: "The first connection waits up to the sniffing timeout; where sniffing fails, traffic is \
           passed as bytes: no routes, retries or metrics of HTTP.",
    peers: &["KIA0601", "IST0118"],
    kinds: &[SERVICE],
    needs: Config,
    fails: "apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec:
  selector: {app: productpage}
  ports:
  - name: web # here
    port: 8080
    targetPort: 9080
",
    passes: "apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec:
  selector: {app: productpage}
  ports:
  - name: http-web
    port: 8080
    targetPort: 9080
  - name: dns
    port: 53
    protocol: UDP
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    // The control plane's own services, and those that no pod of the mesh stands behind, are not judged.
    if case.namespace() == case.mesh.root()
        || is_external(case.object)
        || matches!(case.namespace().as_str(), "kube-system" | "kube-public")
    {
        return;
    }
    for port in case.items("ports") {
        if at(port, "appProtocol").is_some()
            || matches!(at(port, "protocol").and_then(Node::text), Some("UDP" | "SCTP"))
        {
            continue;
        }
        let name = at(port, "name").and_then(Node::text).unwrap_or_default();
        let known = super::protocol_of_name(name).is_some();
        let well_known = matches!(
            port.get("port").and_then(Node::as_port),
            Some(25 | 53 | 3306 | 27017)
        );
        if known || well_known {
            continue;
        }
        let number = port.get("port").and_then(Node::text).unwrap_or("?");
        let message =
            format!("nothing says what is spoken on port {number}; proxies guess from the first bytes");
        match at(port, "name") {
            Some(name) => found.at(name, message),
            None => found.missing(port, "appProtocol", message),
        };
    }
}
