//! `VG2106`: a PeerAuthentication is for pods that do not exist.

use crate::rule::prelude::*;
use crate::rules::selection;

pub(crate) static RULE: Rule = Rule {
    code: Code(2106),
    name: "peer-authentication-without-pods",
    severity: Severity::Warning,
    says: "The selector of a PeerAuthentication chooses no pod of its namespace.",
    consequence: "It is in effect nowhere: the pods that it was meant for follow the namespace's or the \
           mesh's mode.",
    peers: &["KIA0004"],
    kinds: &[PEER_AUTHENTICATION],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: nobody, namespace: bookinfo}
spec:
  selector: # here
    matchLabels: {app: review}
  mtls: {mode: STRICT}
",
    passes: "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: nobody, namespace: bookinfo}
spec:
  selector:
    matchLabels: {app: reviews}
  mtls: {mode: STRICT}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some((node, labels)) = selection::choosing_nothing(case) else {
        return;
    };
    let (message, fix) = selection::nothing_chosen(case, node, &labels);
    found.at_key(node, message).fix(fix);
}
