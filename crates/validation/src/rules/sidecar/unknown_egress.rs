//! `VG1504`: a Sidecar lets pods call a host that is nowhere.

use vigla_model::{Fqdn, Namespace};

use crate::case::items;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1504),
    name: "unknown-egress-host",
    severity: Severity::Warning,
    says: "A host in `egress` of a Sidecar is that of no Service and no ServiceEntry in the namespace that \
           stands before it.",
    consequence: "None today; a caller of the host that was meant finds no cluster for it.",
    peers: &["KIA1004"],
    kinds: &[SIDECAR],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: bookinfo}
spec:
  egress:
  - hosts:
    - ./rating.bookinfo.svc.cluster.local # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: bookinfo}
spec:
  egress:
  - hosts:
    - ./ratings.bookinfo.svc.cluster.local
    - istio-system/*
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for listener in case.items("egress") {
        for node in items(Some(listener), "hosts") {
            let Some((namespace, host)) = node.text().and_then(|text| text.split_once('/')) else {
                continue;
            };
            if host == "*" || namespace == "~" {
                continue;
            }
            let home = match namespace {
                "." => Some(case.namespace().as_str()),
                "*" => None,
                namespace => Some(namespace),
            };
            if is_there(case.mesh, case.namespace(), home, host) {
                continue;
            }
            let near = case.mesh.nearest_host(host, case.namespace());
            let fix = near.and_then(|near| {
                Fix::replace(
                    format!("use `{namespace}/{near}`"),
                    node,
                    &format!("{namespace}/{near}"),
                )
            });
            let place = home.map_or_else(String::new, |home| format!(" in namespace `{home}`"));
            found
                .at(
                    node,
                    format!("no Service and no ServiceEntry{place} has the host `{host}`"),
                )
                .fix(fix);
        }
    }
}

/// Whether something in a namespace (`None`: in any) has a host that a pattern takes.
fn is_there(mesh: &Mesh<'_>, client: &Namespace, home: Option<&str>, pattern: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let Some(home) = home else {
        return mesh.any_host(&Fqdn::new(pattern), client);
    };
    let services = mesh
        .services()
        .iter()
        .filter(|service| service.namespace == *home);
    let mut hosts = services.map(|service| service.fqdn.as_str().to_owned());
    let mut entries = mesh
        .all(SERVICE_ENTRY)
        .filter(|entry| *entry.namespace() == *home)
        .flat_map(|entry| items(entry.spec(), "hosts"))
        .filter_map(|host| Some(host.text()?.to_ascii_lowercase()));
    let fits = |host: String| crate::mesh::overlaps(&host, &pattern);
    hosts.any(fits) || entries.any(fits)
}
