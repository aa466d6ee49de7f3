//! `VG1001`: a route leads to a host that is nowhere in the mesh.

use vigla_config::VirtualService;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1001),
    name: "unknown-host",
    severity: Severity::Error,
    says: "A route or a mirror names a host that no Service and no ServiceEntry has. A name without a dot is a \
           service of the VirtualService's own namespace; a name with one is taken as it stands, so that \
           `reviews.bookinfo` is no host, though DNS would find it.",
    consequence: "Requests that take this route are answered with 503 (no cluster, flag NC); TCP connections are closed.",
    peers: &["KIA1101", "IST0101"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination:
        host: review # here
    mirror:
      host: ratings.bookinfo # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination:
        host: reviews
    mirror:
      host: ratings.bookinfo.svc.cluster.local
      port: {number: 9080}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    for destination in rule.destinations() {
        let (Some(node), Some(host)) = (destination.field("host"), destination.host()) else {
            continue;
        };
        // Wildcards are refused (VG0008); hosts of other clusters are told by ServiceImports, which are not read.
        if host.contains('*') || host.ends_with(".clusterset.local") {
            continue;
        }
        let fqdn = case.mesh.resolve(host, rule.namespace());
        if !matches!(case.mesh.host(&fqdn, rule.namespace()), Host::Unknown) {
            continue;
        }
        let message = if fqdn.as_str() == host {
            format!("no Service and no ServiceEntry has the host `{host}`")
        } else {
            format!("no Service and no ServiceEntry has the host `{host}` (`{fqdn}`)")
        };
        let is_mirror = node
            .path()
            .steps()
            .iter()
            .any(|step| matches!(step, vigla_config::Step::Key(key) if key.starts_with("mirror")));
        let fix = case
            .mesh
            .nearest_host(host, rule.namespace())
            .and_then(|near| Fix::replace(format!("use host `{near}`"), node, &near));
        let finding = found.at(node, message).fix(fix);
        if is_mirror {
            finding
                .peers(&["IST0101"])
                .consequence("Copies of requests go nowhere; the requests themselves are not affected.");
        }
    }
}
