//! `VG1206`: TLS is started towards a server whose certificate nobody checks.

use vigla_config::DestinationRule;

use super::policies;
use crate::{case::at, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1206),
    name: "tls-without-ca",
    severity: Severity::Warning,
    says: "A DestinationRule starts TLS (SIMPLE or MUTUAL) and names no authority by `caCertificates` or \
           `credentialName`. Proxies of Istio 1.20 and later then take the authorities of their system; older ones \
           take any certificate.",
    consequence: "With an older proxy, whoever answers in the server's place is believed.",
    peers: &["IST0128"],
    kinds: &[DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: books, namespace: bookinfo}
spec:
  host: books.example
  trafficPolicy:
    portLevelSettings:
    - port: {number: 80}
      tls:
        mode: SIMPLE # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: books, namespace: bookinfo}
spec:
  host: books.example
  trafficPolicy:
    portLevelSettings:
    - port: {number: 80}
      tls:
        mode: SIMPLE
        caCertificates: system
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = DestinationRule::of(case.object) else {
        return;
    };
    for policy in policies(rule) {
        let Some(tls) = at(policy, "tls") else { continue };
        let Some(mode) = at(tls, "mode").filter(|mode| matches!(mode.text(), Some("SIMPLE" | "MUTUAL")))
        else {
            continue;
        };
        let written = |key: &str| {
            at(tls, key)
                .and_then(Node::text)
                .is_some_and(|text| !text.is_empty())
        };
        let skips = at(tls, "insecureSkipVerify")
            .and_then(Node::as_bool)
            .unwrap_or(false);
        if skips || written("caCertificates") || written("credentialName") {
            continue;
        }
        let finding = found.at(
            mode,
            "no authority is named that the server's certificate must come from",
        );
        finding.fix(Fix::add(
            "use the system's authorities",
            tls,
            "caCertificates",
            "system",
        ));
        if policy.get("port").is_some() {
            finding.peers(&["IST0129"]);
        }
    }
}
