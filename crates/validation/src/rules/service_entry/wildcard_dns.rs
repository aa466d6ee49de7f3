//! `VG1410`: a wildcard host is to be found by DNS.

use vigla_config::ServiceEntry;

use crate::{case::items, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1410),
    name: "wildcard-by-dns",
    severity: Severity::Warning,
    says: "A ServiceEntry with resolution DNS and without endpoints has a wildcard host. DNS is asked for that very \
           name, `*` included, which has no address. DYNAMIC_DNS asks for the name that was called; NONE sends the \
           connection where the caller wanted to go.",
    consequence: "The host has no endpoints: requests for hosts below it get 503 (flag UH).",
    peers: &[],
    kinds: &[SERVICE_ENTRY],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wiki, namespace: bookinfo}
spec:
  hosts:
  - '*.wiki.example' # here
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wiki, namespace: bookinfo}
spec:
  hosts:
  - '*.wiki.example'
  resolution: NONE
  ports: [{number: 443, name: tls, protocol: TLS}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(spec) = case.spec().filter(|_| ServiceEntry::of(case.object).is_some()) else {
        return;
    };
    let Some(resolution) = spec.get("resolution") else {
        return;
    };
    let by_dns = matches!(resolution.text(), Some("DNS" | "DNS_ROUND_ROBIN"));
    if !by_dns || items(Some(spec), "endpoints").next().is_some() {
        return;
    }
    for host in items(Some(spec), "hosts") {
        if let Some(text) = host.text().filter(|text| text.starts_with('*')) {
            found
                .at(host, format!("DNS has no address for `{text}`"))
                .related(case.object, resolution, "the host is looked up in DNS")
                .fix(Fix::replace(
                    "send connections where callers wanted to go",
                    resolution,
                    "NONE",
                ));
        }
    }
}
