//! `VG0008`: Istio refuses an object whose fields are right.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(8),
    name: "refused-by-istio",
    severity: Severity::Error,
    says: "The fields are known and of the right types, and Istio's webhook refuses the object all the \
           same: a rule without an action, two things that exclude each other, a duration below a \
           millisecond, a port name that stands there twice. The reason tells which.",
    consequence: "The API server refuses the object where Istio's webhook runs; elsewhere the control plane \
           passes it over. Nothing of it is in effect.",
    peers: &["IST0106"],
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
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews, reviews] # here
  http:
  - timeout: 100us # here
    route: [{destination: {host: reviews}}]
    redirect: {uri: /} # here
    retries: {attempts: 3, retryOn: 5xxx} # here
  tcp:
  - match: [{port: 1}] # here
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS} # here
    hosts: [safe.example]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - timeout: 100ms
    route: [{destination: {host: reviews}}]
    retries: {attempts: 3, retryOn: 5xx}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    super::tell(case, found, false);
}
