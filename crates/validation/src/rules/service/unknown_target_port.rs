//! `VG3103`: a Service leads to a port that its pods do not have.

use crate::rule::prelude::*;
use crate::{case::at, mesh::meets};

pub(crate) static RULE: Rule = Rule {
    code: Code(3103),
    name: "unknown-target-port",
    severity: Severity::Warning,
    says: "`targetPort` of a Service is a port, by number or name, that no container of the pods behind it \
           declares. Numbers need not be declared to work; names must.",
    consequence: "Connections to the port are refused (503, flag UF), unless the container listens there \
           without saying so.",
    peers: &["KIA0701"],
    kinds: &[SERVICE],
    needs: Config,
    fails: "apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec:
  selector: {app: productpage}
  ports:
  - name: http
    port: 8080
    targetPort: 9081 # here
",
    passes: "apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec:
  selector: {app: productpage}
  ports:
  - name: http
    port: 8080
    targetPort: 9080
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let selector = case
        .spec()
        .and_then(|spec| spec.get("selector"))
        .map(Node::string_map)
        .unwrap_or_default();
    if selector.is_empty() {
        return;
    }
    let pods = case.mesh.pods(case.namespace()).iter();
    let declared: Vec<(Option<&str>, u16)> = pods
        .filter(|pod| meets(&selector, &pod.labels))
        .flat_map(crate::mesh::Pod::ports)
        .collect();
    // Pods that declare no ports at all are not judged.
    if declared.is_empty() {
        return;
    }
    for port in case.items("ports") {
        let written = at(port, "targetPort");
        let Some(node) = written.or_else(|| port.get("port")) else {
            continue;
        };
        let there = match (node.as_port(), node.as_str()) {
            (Some(number), _) => declared.iter().any(|(_, declared)| *declared == number),
            (None, Some(name)) => declared.iter().any(|(declared, _)| *declared == Some(name)),
            _ => continue,
        };
        if there {
            continue;
        }
        let mut ports: Vec<u16> = declared.iter().map(|(_, port)| *port).collect();
        ports.sort_unstable();
        ports.dedup();
        let listed: Vec<String> = ports.iter().map(u16::to_string).collect();
        let text = node.text().unwrap_or_default();
        let finding = found.at(
            node,
            format!(
                "no container behind the Service declares port {text}, only {}",
                listed.join(", ")
            ),
        );
        if node.as_port().is_some() {
            finding.likely();
        }
        if let ([only], Some(written)) = (ports.as_slice(), written) {
            finding.fix(Fix::replace(
                format!("use port {only}"),
                written,
                &only.to_string(),
            ));
        }
    }
}
