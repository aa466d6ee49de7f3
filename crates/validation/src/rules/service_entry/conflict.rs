//! `VG1401`: two ServiceEntries are for the same host and port.

use vigla_config::ServiceEntry;

use super::{host_ports, meeting};
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1401),
    name: "same-entry-twice",
    severity: Severity::Warning,
    says: "Two ServiceEntries that a namespace sees both are for the same host and port. Where addresses, location \
           or resolution differ, the older one decides. (The peer leaves `exportTo` aside.)",
    consequence: "One of the two is ignored in part; which one depends on age and name.",
    peers: &["KIA1211"],
    kinds: &[SERVICE_ENTRY],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: novels-a, namespace: bookinfo}
spec:
  hosts: [novels.example] # here
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: novels-b, namespace: shop}
spec:
  hosts: [novels.example] # here
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: novels-a, namespace: bookinfo}
spec:
  hosts: [novels.example]
  exportTo: [.]
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: novels-b, namespace: shop}
spec:
  hosts: [novels.example]
  exportTo: [.]
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(entry) = ServiceEntry::of(case.object) else {
        return;
    };
    let mut told: Vec<Node<'_>> = Vec::new();
    for mine in host_ports(entry) {
        let meeting = meeting(case.mesh, mine);
        let same = meeting
            .iter()
            .find(|other| other.protocol.eq_ignore_ascii_case(mine.protocol));
        if let Some(other) = same.filter(|_| !told.contains(&mine.host)) {
            told.push(mine.host);
            let host = mine.host.text().unwrap_or_default();
            let port = mine.number.text().unwrap_or_default();
            let message = format!(
                "{} is for `{host}` on port {port} too",
                other.entry.object().object_ref()
            );
            found
                .at(mine.host, message)
                .related(other.entry.object(), other.host, "the same host");
        }
    }
}
