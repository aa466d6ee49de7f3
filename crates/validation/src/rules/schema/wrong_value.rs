//! `VG0006`: a value is none that the field takes.

use vigla_config::{Scalar, Style, Wrong};

use crate::nearest::nearest;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(6),
    name: "wrong-value",
    severity: Severity::Error,
    says: "A value is of another type than its field, is none of the words that it takes, or is beyond its \
           bounds; a field that is required is missing; or two fields stand beside each other of which one \
           may be written.",
    consequence: "The API server refuses the object: nothing of it is in effect.",
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
  - match:
    - uri:
        exact: /a
        prefix: /b # here
    route:
    - destination: {host: reviews}
      weight: '100' # here
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls:
    mode: STRCT # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match:
    - uri:
        exact: /a
    route:
    - destination: {host: reviews}
      weight: 100
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls:
    mode: STRICT
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for violation in super::violations(case) {
        let node = violation.node;
        let shown: String = node.raw().map_or("", |(text, _)| text).chars().take(60).collect();
        match violation.wrong {
            Wrong::Unknown(_) => (),
            Wrong::Type(expected) => {
                let fix = match (expected, node.raw()) {
                    ("a string", Some((text, Style::Plain))) if !text.is_empty() => {
                        Fix::verbatim("put it in quotes", node, &format!("'{text}'"))
                    }
                    ("a list", Some((text, Style::Plain))) if !text.is_empty() => {
                        Fix::verbatim("make it a list of one", node, &format!("[{text}]"))
                    }
                    ("a whole number" | "a number", Some((text, Style::Quoted)))
                        if text.parse::<f64>().is_ok() =>
                    {
                        Fix::verbatim("leave out the quotes", node, text)
                    }
                    ("true or false", Some((text @ ("true" | "false"), Style::Quoted))) => {
                        Fix::verbatim("leave out the quotes", node, text)
                    }
                    _ => None,
                };
                let is = match node.scalar() {
                    None if node.is_mapping() => "an object".to_owned(),
                    None => "a list".to_owned(),
                    Some(Scalar::Null) => "nothing".to_owned(),
                    Some(Scalar::Text(_)) => format!("the string `{shown}`"),
                    Some(_) => format!("`{shown}`, which is no string"),
                };
                let is = if expected == "a string" {
                    is
                } else {
                    is.replace(", which is no string", "")
                };
                found
                    .at(node, format!("this is {is}; {expected} is wanted"))
                    .fix(fix);
            }
            Wrong::Word(words) => {
                let near = nearest(&shown, words.iter().copied());
                let fix = near.and_then(|near| Fix::replace(format!("use {near}"), node, near));
                found
                    .at(node, format!("`{shown}` is none of {}", words.join(", ")))
                    .fix(fix);
            }
            Wrong::Bound(bound) => {
                found.at(node, format!("{bound} may be written here"));
            }
            Wrong::Missing(field) => {
                found.missing(node, field, format!("`{field}` is missing"));
            }
            Wrong::Choice(fields) => {
                found
                    .at_key(
                        node,
                        format!("only one of `{}` may be written", fields.join("`, `")),
                    )
                    .fix(Fix::remove("remove this one", node));
            }
        }
    }
}
