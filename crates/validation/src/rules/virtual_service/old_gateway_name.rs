//! `VG1008`: a Gateway is named by the old form with dots.

use vigla_config::VirtualService;

use super::gateways::{references, resolve};
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1008),
    name: "old-gateway-name",
    severity: Severity::Info,
    says: "A Gateway is named as `name.namespace…`. Istio still reads this form, kept for configuration from \
           before version 1.1; `namespace/name` says the same.",
    consequence: "None today; a Gateway whose own name has a dot cannot be meant this way.",
    peers: &["KIA1108"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: shop}
spec:
  hosts: [bookinfo.example]
  gateways:
  - edge.bookinfo.svc.cluster.local # here
  http:
  - route:
    - destination: {host: productpage.bookinfo.svc.cluster.local}
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: shop}
spec:
  hosts: [bookinfo.example]
  gateways:
  - bookinfo/edge
  http:
  - route:
    - destination: {host: productpage.bookinfo.svc.cluster.local}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    for node in references(rule) {
        let Some(written) = node
            .text()
            .filter(|text| text.contains('.') && !text.contains('/'))
        else {
            continue;
        };
        let (namespace, name) = resolve(written, rule.namespace().as_str());
        let short = format!("{namespace}/{name}");
        let fix = Fix::replace(format!("write `{short}`"), node, &short);
        found
            .at(node, format!("`{written}` is the old form of `{short}`"))
            .fix(fix);
    }
}
