//! `VG3102`: appProtocol is a word that Istio does not know.

use super::PROTOCOLS;
use crate::rule::prelude::*;
use crate::{case::at, nearest::nearest};

pub(crate) static RULE: Rule = Rule {
    code: Code(3102),
    name: "unknown-app-protocol",
    severity: Severity::Warning,
    says: "`appProtocol` of a port is none of the words that Istio knows. It counts before the port's name.",
    consequence: "The traffic is passed as bytes or sniffed: no routes, retries or metrics of HTTP unless \
           sniffing finds it.",
    peers: &["KIA0602"],
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
    targetPort: 9080
    appProtocol: htpp # here
",
    passes: "apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec:
  selector: {app: productpage}
  ports:
  - name: web
    port: 8080
    targetPort: 9080
    appProtocol: kubernetes.io/h2c
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for port in case.items("ports") {
        let Some(node) = at(port, "appProtocol") else {
            continue;
        };
        let Some(word) = node.text() else { continue };
        // Words with a domain of their own are for somebody else, who is not asked.
        if is_known(word) || (word.contains('/') && !word.starts_with("kubernetes.io/")) {
            continue;
        }
        let fix = nearest(&word.to_ascii_lowercase(), PROTOCOLS)
            .and_then(|near| Fix::replace(format!("use `{near}`"), node, near));
        found
            .at(node, format!("Istio knows no protocol `{word}`"))
            .fix(fix);
    }
}

fn is_known(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    PROTOCOLS.contains(&word.as_str())
        || matches!(
            word.as_str(),
            "kubernetes.io/h2c"
                | "kubernetes.io/ws"
                | "kubernetes.io/wss"
                | "kubernetes.io/grpc"
                | "hbone"
                | "udp"
        )
}
