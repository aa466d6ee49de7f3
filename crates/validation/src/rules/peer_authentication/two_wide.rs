//! `VG2102`: two PeerAuthentications are for the whole namespace.

use crate::rule::prelude::*;
use crate::rules::selection;

pub(crate) static RULE: Rule = Rule {
    code: Code(2102),
    name: "two-wide-peer-authentications",
    severity: Severity::Error,
    says: "Two PeerAuthentications of a namespace have no selector: both are for all its pods (in the root \
           namespace: for the whole mesh).",
    consequence: "The older one decides the mode; the other is ignored.",
    peers: &["KIA0002"],
    kinds: &[PEER_AUTHENTICATION],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: 
  namespace: bookinfo
  name: first # here
spec:
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: 
  namespace: bookinfo
  name: second # here
spec:
  mtls: {mode: STRICT}
",
    passes: "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: first, namespace: bookinfo}
spec:
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: second, namespace: shop}
spec:
  mtls: {mode: STRICT}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let others = selection::wide_beside(case, PEER_AUTHENTICATION);
    let Some(first) = others.first() else { return };
    let message = format!("{} is for the whole namespace too", first.object_ref());
    let finding = found.object(message);
    for other in others {
        finding.related(other, other.root(), "the other one");
    }
}
