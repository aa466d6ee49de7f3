//! `VG0005`: a field does not exist.

use vigla_config::Wrong;

use crate::nearest::nearest;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(5),
    name: "unknown-field",
    severity: Severity::Error,
    says: "The kind has no such field at this place. The API server drops it without a word, or refuses the \
           object, depending on the client. Mostly it is a slip of a name, or a line that is indented one \
           level too little or too much.",
    consequence: "What the field was to say is not in effect.",
    peers: &["IST0106"],
    kinds: &[
        AUTHORIZATION_POLICY,
        BACKEND_TLS_POLICY,
        DESTINATION_RULE,
        ENVOY_FILTER,
        GATEWAY,
        GATEWAY_CLASS,
        GRPC_ROUTE,
        HTTP_ROUTE,
        K8S_GATEWAY,
        PEER_AUTHENTICATION,
        PROXY_CONFIG,
        REFERENCE_GRANT,
        REQUEST_AUTHENTICATION,
        SERVICE_ENTRY,
        SIDECAR,
        TCP_ROUTE,
        TELEMETRY,
        TLS_ROUTE,
        TRAFFIC_EXTENSION,
        VIRTUAL_SERVICE,
        WASM_PLUGIN,
        WORKLOAD_ENTRY,
        WORKLOAD_GROUP,
    ],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews}
      wieght: 100 # here
    timeouts: 5s # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews}
      weight: 100
    timeout: 5s
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for violation in super::violations(case) {
        let Wrong::Unknown(known) = violation.wrong else {
            continue;
        };
        let node = violation.node;
        let key = node.key().unwrap_or_default();
        let holder = match node.parent().and_then(Node::key) {
            Some(holder) => format!("`{holder}`"),
            None => match node.parent().and_then(Node::parent).and_then(Node::key) {
                Some(list) => format!("an item of `{list}`"),
                None => case.object.kind().to_owned(),
            },
        };
        // What stands beside `spec` and belongs into it is a matter of indentation.
        let below = node.parent().is_some_and(|parent| parent.parent().is_none());
        let near = nearest(key, known.iter().copied());
        let message = match near {
            Some(near) => format!("{holder} has no field `{key}`; it has `{near}`"),
            None if below => format!("{holder} has no field `{key}`; what is to be set stands below `spec`"),
            None => format!("{holder} has no field `{key}`"),
        };
        let free = near.filter(|near| node.parent().is_some_and(|parent| parent.get(near).is_none()));
        let fix = free.and_then(|near| Fix::rename(format!("rename it to `{near}`"), node, near));
        found.at_key(node, message).fix(fix);
    }
}
