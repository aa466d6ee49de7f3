//! `VG1402`: two ServiceEntries disagree on what is spoken on a port.

use vigla_config::ServiceEntry;

use super::{host_ports, meeting};
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1402),
    name: "entry-protocols-differ",
    severity: Severity::Warning,
    says: "Two ServiceEntries that a namespace sees both are for the same host and port, with different protocols.",
    consequence: "Proxies treat the traffic as the older one says: requests may be passed as bytes, without routes, \
                  retries and metrics of HTTP, or refused as broken HTTP.",
    peers: &["KIA1212", "IST0177"],
    kinds: &[SERVICE_ENTRY],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: novels-a, namespace: bookinfo}
spec:
  hosts: [novels.example]
  resolution: DNS
  ports:
  - {number: 8080, name: http, protocol: HTTP} # here
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: novels-b, namespace: shop}
spec:
  hosts: [novels.example]
  resolution: DNS
  addresses: [192.0.2.7]
  ports:
  - {number: 8080, name: tcp, protocol: TCP} # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: novels-a, namespace: bookinfo}
spec:
  hosts: [novels.example]
  resolution: DNS
  ports:
  - {number: 8080, name: http, protocol: HTTP}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: novels-b, namespace: shop}
spec:
  hosts: [novels.example]
  resolution: DNS
  addresses: [192.0.2.7]
  ports:
  - {number: 8081, name: tcp, protocol: TCP}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(entry) = ServiceEntry::of(case.object) else {
        return;
    };
    for mine in host_ports(entry) {
        let meeting = meeting(case.mesh, mine);
        let other = meeting
            .iter()
            .find(|other| !other.protocol.eq_ignore_ascii_case(mine.protocol));
        if let Some(other) = other {
            let host = mine.host.text().unwrap_or_default();
            let message = format!(
                "{} says {} for this port of `{host}`, here it is {}",
                other.entry.object().object_ref(),
                other.protocol,
                mine.protocol
            );
            let place = mine.number.parent().and_then(|port| port.get("protocol"));
            let theirs = other.number.parent().and_then(|port| port.get("protocol"));
            found.at(place.unwrap_or(mine.number), message).related(
                other.entry.object(),
                theirs.unwrap_or(other.number),
                "the other protocol",
            );
        }
    }
}
