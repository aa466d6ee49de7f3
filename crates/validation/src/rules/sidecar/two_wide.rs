//! `VG1502`: two Sidecars are for the whole namespace.

use crate::rule::prelude::*;
use crate::rules::selection;

pub(crate) static RULE: Rule = Rule {
    code: Code(1502),
    name: "two-wide-sidecars",
    severity: Severity::Error,
    says: "Two Sidecars of a namespace have no selector: both are for all its pods.",
    consequence: "The older one decides; the other is ignored.",
    peers: &["KIA0002", "IST0111"],
    kinds: &[SIDECAR],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: 
  namespace: bookinfo
  name: first # here
spec:
  egress: [{hosts: ['./*']}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: 
  namespace: bookinfo
  name: second # here
spec:
  egress: [{hosts: ['./*']}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: first, namespace: bookinfo}
spec:
  egress: [{hosts: ['./*']}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: second, namespace: shop}
spec:
  egress: [{hosts: ['./*']}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let others = selection::wide_beside(case, SIDECAR);
    let Some(first) = others.first() else { return };
    let message = format!("{} is for the whole namespace too", first.object_ref());
    let finding = found.object(message);
    for other in others {
        finding.related(other, other.root(), "the other one");
    }
}
