//! `VG0009`: Istio warns of an object.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(9),
    name: "warned-by-istio",
    severity: Severity::Warning,
    says: "Istio's webhook takes the object and warns of something in it. The reason tells of what.",
    consequence: "The object is in effect, and a part of it does not do what its author meant.",
    peers: &["IST0133"],
    kinds: &[
        AUTHORIZATION_POLICY,
        DESTINATION_RULE,
        GATEWAY,
        PEER_AUTHENTICATION,
        REQUEST_AUTHENTICATION,
        SERVICE_ENTRY,
        SIDECAR,
        VIRTUAL_SERVICE,
    ],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: bookinfo}
spec:
  action: DENY
  rules:
  - to:
    - operation:
        paths: ['/admin*'] # here
",
    passes: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: bookinfo}
spec:
  action: DENY
  rules:
  - to:
    - operation:
        paths: ['/admin*']
        ports: ['9080']
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    super::tell(case, found, true);
}
