//! `VG2006`: a policy names an identity that no pod has.

use std::collections::BTreeSet;

use super::sources;
use crate::rule::prelude::*;
use crate::{case::items, nearest::nearest};

pub(crate) static RULE: Rule = Rule {
    code: Code(2006),
    name: "unknown-principal",
    severity: Severity::Warning,
    says: "An entry of `principals` names a service account of this mesh that does not exist, or lacks the \
           trust domain: identities are written `cluster.local/ns/NAMESPACE/sa/ACCOUNT`, without \
           `spiffe://`.",
    consequence: "Nobody meets the condition: an ALLOW rule allows nobody, a DENY rule denies nobody.",
    peers: &["KIA0106"],
    kinds: &[AUTHORIZATION_POLICY],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: callers, namespace: bookinfo}
spec:
  rules:
  - from:
    - source:
        principals:
        - cluster.local/ns/bookinfo/sa/bookinfo-productpages # here
        - spiffe://cluster.local/ns/bookinfo/sa/bookinfo-productpage # here
",
    passes: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: callers, namespace: bookinfo}
spec:
  rules:
  - from:
    - source:
        principals:
        - cluster.local/ns/bookinfo/sa/bookinfo-productpage
        - cluster.local/ns/istio-system/sa/*
        - partner.example/ns/x/sa/y
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let domain = case.mesh.settings().trust_domain.as_str();
    for node in sources(case).flat_map(|source| items(Some(source), "principals")) {
        let Some(written) = node.text() else { continue };
        if let Some(short) = written.strip_prefix("spiffe://") {
            found
                .at(node, "identities are written without `spiffe://` here")
                .peers(&[])
                .fix(Fix::replace("leave out `spiffe://`", node, short));
            continue;
        }
        let mut parts = written.split('/');
        let (Some(trust), Some("ns"), Some(namespace), Some("sa"), Some(account), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            continue;
        };
        // What other domains hold is not ours to know.
        if (trust != domain && trust != "cluster.local") || written.contains('*') {
            continue;
        }
        let accounts = accounts(case.mesh, namespace);
        if accounts.contains(account) {
            continue;
        }
        let near = nearest(account, accounts.iter().copied())
            .map(|near| format!("{trust}/ns/{namespace}/sa/{near}"));
        let fix = near.and_then(|near| Fix::replace(format!("use `{near}`"), node, &near));
        found
            .at(
                node,
                format!("namespace `{namespace}` has no service account `{account}`"),
            )
            .fix(fix);
    }
}

/// Service accounts of a namespace: written, or used by pods. Each namespace has `default`.
fn accounts<'m>(mesh: &'m Mesh<'_>, namespace: &str) -> BTreeSet<&'m str> {
    let written = mesh
        .objects()
        .iter()
        .filter(|object| object.kind() == "ServiceAccount" && *object.namespace() == *namespace)
        .map(|object| object.name());
    let used = mesh
        .pods(&namespace.into())
        .iter()
        .map(|pod| &*pod.service_account);
    written.chain(used).chain(["default"]).collect()
}
