//! `VG2101`: two PeerAuthentications choose the same pods.

use crate::rule::prelude::*;
use crate::rules::selection;

pub(crate) static RULE: Rule = Rule {
    code: Code(2101),
    name: "two-peer-authentications-for-pod",
    severity: Severity::Error,
    says: "Two PeerAuthentications of a namespace choose the same pod by their selectors.",
    consequence: "The older one decides the mode; the other is ignored for the pod, which may be more open \
           than it looks.",
    peers: &["KIA0003"],
    kinds: &[PEER_AUTHENTICATION],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: first, namespace: bookinfo}
spec:
  selector: # here
    matchLabels: {app: reviews}
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: second, namespace: bookinfo}
spec:
  selector: # here
    matchLabels: {version: v1}
  mtls: {mode: STRICT}
",
    passes: "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: first, namespace: bookinfo}
spec:
  selector:
    matchLabels: {app: reviews}
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: second, namespace: bookinfo}
spec:
  selector:
    matchLabels: {app: ratings}
  mtls: {mode: STRICT}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some((node, pod, others)) = selection::sharing(case, PEER_AUTHENTICATION) else {
        return;
    };
    let other = others[0];
    let message = format!("{} chooses `{pod}` too", other.object_ref());
    let finding = found.at_key(node, message);
    for other in others {
        let place = selection::selector(other).unwrap_or(other.root());
        finding.related(other, place, "the other selector");
    }
}
