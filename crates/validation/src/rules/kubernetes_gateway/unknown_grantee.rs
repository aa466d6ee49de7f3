//! `VG1703`: a grant is for a namespace that does not exist.

use crate::nearest::nearest;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1703),
    name: "unknown-grantee",
    severity: Severity::Error,
    says: "A ReferenceGrant lets objects of a namespace in that does not exist.",
    consequence: "The routes that were meant are not granted: their requests get 500.",
    peers: &["KIA1601"],
    kinds: &[REFERENCE_GRANT],
    needs: Config,
    fails: "apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: shop, namespace: bookinfo}
spec:
  from:
  - group: gateway.networking.k8s.io
    kind: HTTPRoute
    namespace: shopp # here
  to: [{group: '', kind: Service}]
",
    passes: "apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: shop, namespace: bookinfo}
spec:
  from:
  - group: gateway.networking.k8s.io
    kind: HTTPRoute
    namespace: shop
  to: [{group: '', kind: Service}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for node in case.items("from").filter_map(|from| from.get("namespace")) {
        let Some(name) = node.text() else { continue };
        let known = case.mesh.known_namespaces();
        if !known.contains(name) {
            let near = nearest(name, known.iter().map(vigla_model::Namespace::as_str));
            let fix = near.and_then(|near| Fix::replace(format!("use namespace `{near}`"), node, near));
            found.at(node, format!("there is no namespace `{name}`")).fix(fix);
        }
    }
}
