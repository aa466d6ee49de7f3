//! `VG1403`: a TCP port of a ServiceEntry takes everything on that port.

use vigla_config::ServiceEntry;

use crate::{case::items, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1403),
    name: "tcp-without-address",
    severity: Severity::Warning,
    says: "A ServiceEntry has a port whose bytes do not say for which host they are (TCP, or no protocol), and no \
           `addresses` by which proxies could tell.",
    consequence: "The proxy takes every connection to that port, whatever its address, for this host. (Proxies that \
                  answer DNS themselves give the host an address of their own and are not affected.)",
    peers: &["IST0134"],
    kinds: &[SERVICE_ENTRY],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db, namespace: bookinfo}
spec:
  hosts: [db.example]
  resolution: DNS
  ports:
  - {number: 5432, name: tcp, protocol: TCP} # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db, namespace: bookinfo}
spec:
  hosts: [db.example]
  addresses: [192.0.2.5]
  resolution: DNS
  ports:
  - {number: 5432, name: tcp, protocol: TCP}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(entry) = ServiceEntry::of(case.object) else {
        return;
    };
    if entry.addresses().next().is_some() {
        return;
    }
    for port in items(case.spec(), "ports") {
        let protocol = port.get("protocol");
        let word = protocol.and_then(Node::text).unwrap_or_default();
        if word.is_empty() || word.eq_ignore_ascii_case("TCP") {
            let message = "without `addresses`, connections to this port of any host are taken for this one";
            match protocol {
                Some(node) => found.at(node, message),
                None => found.missing(port, "protocol", message),
            }
            .likely();
        }
    }
}
