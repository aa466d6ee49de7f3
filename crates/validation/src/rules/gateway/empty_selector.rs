//! `VG1301`: a Gateway is for pods that do not exist.

use vigla_config::Gateway;

use crate::{mesh::meets, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1301),
    name: "gateway-without-pods",
    severity: Severity::Error,
    says: "The selector of a Gateway chooses no pod, in no namespace.",
    consequence: "Nobody listens on its ports: connections are refused, and routes that name it are used nowhere.",
    peers: &["KIA0302", "IST0101"],
    kinds: &[GATEWAY],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: bookinfo}
spec:
  selector: # here
    istio: ingress
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [second.example]
",
    passes: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: bookinfo}
spec:
  selector:
    istio: ingressgateway
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [second.example]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(gateway) = Gateway::of(case.object) else {
        return;
    };
    let (Some(selector), Some(node)) = (
        gateway.selector(),
        case.spec().and_then(|spec| spec.get("selector")),
    ) else {
        return;
    };
    if case.mesh.all_pods().any(|pod| meets(&selector, &pod.labels)) {
        return;
    }
    let written: Vec<String> = selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    // The value that pods with this label have, when there is one only.
    let fix = node.entries().next().and_then(|(key, value)| {
        let mut values: Vec<&str> = case
            .mesh
            .all_pods()
            .filter_map(|pod| pod.labels.get(key).map(String::as_str))
            .collect();
        values.sort_unstable();
        values.dedup();
        match (values.as_slice(), selector.len()) {
            ([only], 1) => Fix::replace(format!("use `{key}: {only}`"), value, only),
            _ => None,
        }
    });
    found
        .at_key(node, format!("no pod has the labels {}", written.join(", ")))
        .fix(fix);
}
