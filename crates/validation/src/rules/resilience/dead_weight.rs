//! `VG1609`: all requests go to a destination without endpoints.

use vigla_config::{VirtualService, WeightedDestination};

use crate::rule::prelude::*;
use crate::{case::items, mesh::meets};

pub(crate) static RULE: Rule = Rule {
    code: Code(1609),
    name: "weight-without-endpoints",
    severity: Severity::Error,
    says: "A destination with a weight is a host whose service chooses no pod, or a Deployment scaled to \
           zero, while the requests of the route are counted on it.",
    consequence: "Its share of the requests gets 503 (no healthy upstream, flag UH).",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: v1
kind: Service
metadata: {name: ratings-next, namespace: bookinfo}
spec: {selector: {app: ratings-next}, ports: [{name: http, port: 9080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ratings-next, namespace: bookinfo}
spec:
  replicas: 0
  selector: {matchLabels: {app: ratings-next}}
  template:
    metadata:
      labels: {app: ratings-next}
    spec:
      containers: [{name: app, image: bookinfo/ratings, ports: [{containerPort: 9080}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: bookinfo}
spec:
  hosts: [ratings]
  http:
  - route:
    - destination: {host: ratings}
      weight: 90
    - destination: {host: ratings-next, port: {number: 9080}} # here
      weight: 10
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: bookinfo}
spec:
  hosts: [ratings]
  http:
  - route:
    - destination: {host: ratings}
      weight: 90
    - destination: {host: reviews, port: {number: 9080}}
      weight: 10
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    let routes = ["http", "tcp", "tls"]
        .into_iter()
        .flat_map(|key| case.items(key).collect::<Vec<_>>());
    for route in routes
        .flat_map(|rule| items(Some(rule), "route"))
        .map(WeightedDestination::of)
    {
        let Some(destination) = route.destination() else {
            continue;
        };
        let Some(host) = destination.host() else { continue };
        let alone = route.node().next_sibling().is_none() && route.node().previous_sibling().is_none();
        if route.weight().unwrap_or(if alone { 100 } else { 0 }) == 0 {
            continue;
        }
        let fqdn = case.mesh.resolve(host, rule.namespace());
        let Host::Seen(info) = case.mesh.host(&fqdn, rule.namespace()) else {
            continue;
        };
        let Some(selector) = info.selector.as_ref().filter(|_| info.is_service) else {
            continue;
        };
        let namespace = info.object.namespace();
        let subset = destination.subset().and_then(|name| {
            let policy = case.mesh.destination_rule(&fqdn, rule.namespace())?;
            Some(policy.subset(name)?.1.labels())
        });
        let labels = subset.unwrap_or_default();
        let pods: Vec<_> = case
            .mesh
            .pods(namespace)
            .iter()
            .filter(|pod| meets(selector, &pod.labels) && meets(&labels, &pod.labels))
            .collect();
        // Pods that are scaled to zero; a subset that chooses nothing is told at its own place (VG1202).
        if !pods.is_empty() && pods.iter().all(|pod| pod.replicas == Some(0)) {
            let name = pods
                .first()
                .and_then(|pod| pod.object)
                .map(|object| object.object_ref().to_string())
                .unwrap_or_default();
            let finding = found.at(destination.node(), format!("{name} is scaled to zero"));
            if let Some(object) = pods.first().and_then(|pod| pod.object) {
                let place = object.spec().and_then(|spec| spec.get("replicas"));
                finding.related(object, place.unwrap_or(object.root()), "no pods are wanted");
            }
        }
    }
}
