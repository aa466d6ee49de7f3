//! `VG1510`: a route leads to a host that its callers do not see.

use crate::rule::prelude::*;
use vigla_config::VirtualService;

pub(crate) static RULE: Rule = Rule {
    code: Code(1510),
    name: "hidden-host",
    severity: Severity::Error,
    says: "A route, a mirror or a DestinationRule names a host that exists, and whose `exportTo` hides it \
           from the namespace in which the name is written.",
    consequence: "Proxies there know no cluster for the host: requests that are sent to it get 503 (flag \
           NC); a DestinationRule does nothing.",
    peers: &["IST0101"],
    kinds: &[VIRTUAL_SERVICE, DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: v1
kind: Service
metadata:
  name: ledger
  namespace: bookinfo
  annotations: {networking.istio.io/exportTo: '.'}
spec: {selector: {app: ratings}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ledger, namespace: shop}
spec:
  hosts: [ledger.example]
  http:
  - route:
    - destination:
        host: ledger.bookinfo.svc.cluster.local # here
",
    passes: "apiVersion: v1
kind: Service
metadata:
  name: ledger
  namespace: bookinfo
  annotations: {networking.istio.io/exportTo: '.,shop'}
spec: {selector: {app: ratings}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ledger, namespace: shop}
spec:
  hosts: [ledger.example]
  http:
  - route:
    - destination:
        host: ledger.bookinfo.svc.cluster.local
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let mut nodes: Vec<Node<'_>> = Vec::new();
    if let Some(rule) = VirtualService::of(case.object) {
        nodes.extend(
            rule.destinations()
                .filter_map(|destination| destination.field("host")),
        );
    } else if let Some(spec) = case.spec() {
        nodes.extend(spec.get("host"));
    }
    for node in nodes {
        let Some(written) = node.text() else { continue };
        let host = case.mesh.resolve(written, case.namespace());
        let Host::Hidden(info) = case.mesh.host(&host, case.namespace()) else {
            continue;
        };
        let metadata = info.object.root().get("metadata");
        let place = if info.is_service {
            metadata.and_then(|metadata| metadata.get("annotations"))
        } else {
            info.object.spec().and_then(|spec| spec.get("exportTo"))
        };
        let message = format!("`{written}` is not exported to namespace `{}`", case.namespace());
        let finding = found.at(node, message).related(
            info.object,
            place.unwrap_or(info.object.root()),
            "who may see it is written here",
        );
        if case.object.kind() == "DestinationRule" {
            finding.severity(Severity::Warning).peers(&["IST0174"]);
        }
    }
}
