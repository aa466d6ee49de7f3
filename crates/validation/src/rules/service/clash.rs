//! `VG3104`: two Services disagree on a port of the same pods.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(3104),
    name: "services-clash",
    severity: Severity::Warning,
    says: "Two Services choose the same pods and tell different protocols for the same container port. A \
           proxy has one listener for it, and takes the older Service's word.",
    consequence: "Requests to one of the two are treated as what they are not: HTTP passed as bytes, or \
           bytes refused as broken HTTP.",
    peers: &["IST0116", "IST0137"],
    kinds: &[SERVICE],
    needs: Config,
    fails: "apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec:
  selector: {app: productpage}
  ports:
  - name: tcp-web # here
    port: 9080
",
    passes: "apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec:
  selector: {app: productpage}
  ports:
  - name: http-web
    port: 9080
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let mesh = case.mesh;
    let Some(service) = mesh.service_named(case.namespace(), &case.object.name().into()) else {
        return;
    };
    // The proxies of the mesh's own namespace are gateways, which listen as their servers say.
    if case.namespace() == mesh.root() || service.selector.is_none() {
        return;
    }
    let pods = mesh
        .pods(case.namespace())
        .iter()
        .filter(|pod| service.selects(&pod.labels));
    let mut told = Vec::new();
    for pod in pods {
        let others = mesh.services_selecting(case.namespace(), &pod.labels);
        for other in others.filter(|other| other.fqdn != service.fqdn) {
            for (mine, theirs) in service
                .ports
                .iter()
                .flat_map(|mine| other.ports.iter().map(move |theirs| (mine, theirs)))
            {
                let differ =
                    mine.target == theirs.target && mine.protocol.is_http() != theirs.protocol.is_http();
                // The later one by name tells it, so that one finding stands for the pair.
                if !differ || service.name < other.name || told.contains(&mine.port) {
                    continue;
                }
                told.push(mine.port);
                let place = case
                    .object
                    .root()
                    .find(&mine.origin.path.parse().unwrap_or_default());
                let Some(place) = place.map(|port| port.get("name").unwrap_or(port)) else {
                    continue;
                };
                let message = format!(
                    "Service `{}` tells another protocol for the same port of the same pods",
                    other.name
                );
                found
                    .at(place, message)
                    .related(&other.object, other.object.root(), "the other Service");
            }
        }
    }
}
