use std::collections::BTreeMap;

use vigla_config::{Instance, MeshSettings, read_objects};

use super::*;

const MESH: &str = "
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: bookinfo}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1, namespace: bookinfo}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: reviews, version: v1}}
    spec: {serviceAccountName: bookinfo-reviews}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: istio-system}
spec: {template: {metadata: {labels: {istio: ingressgateway}}}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: bookinfo, namespace: bookinfo}
spec: {selector: {istio: ingressgateway}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - timeout: 2s
    route:
    - {destination: {host: reviews, subset: v1}, weight: 90}
    - {destination: {host: reviews, subset: v2}, weight: 10}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: books, namespace: bookinfo}
spec: {hosts: [books.example, '*.more.example']}
";

fn instance(workload: &str, address: [u8; 4], sidecar: bool) -> Instance {
    let outbound = SocketAddr::from(([address[0], address[1], address[2], 3], 80));
    let capture = vigla_config::Capture {
        app: BTreeMap::new(),
        outbound: [(80, outbound)].into(),
        ..vigla_config::Capture::default()
    };
    Instance {
        name: format!("{workload}-0").into(),
        namespace: "bookinfo".into(),
        workload: workload.into(),
        labels: [("app".to_owned(), workload.to_owned())].into(),
        service_account: "default".into(),
        address: address.into(),
        sidecar: sidecar.then_some(capture),
        published: BTreeMap::new(),
        ready: true,
    }
}

fn facts() -> MeshFacts {
    let found = read_objects("mesh.yaml", MESH);
    assert_eq!(found.errors, []);
    let instances = vec![
        instance("reviews-v1", [127, 64, 1, 1], true),
        instance("legacy", [127, 64, 9, 1], false),
        instance("a", [127, 0, 0, 1], true),
        instance("b", [127, 0, 0, 1], true),
    ];
    MeshFacts::of(&Snapshot::build(
        found.objects,
        instances,
        MeshSettings::default(),
    ))
}

#[test]
fn workloads_are_completed_from_the_config() {
    let facts = facts();
    let reviews = facts.workload("bookinfo", "reviews-v1").unwrap();
    assert_eq!(
        (reviews.app, reviews.version),
        (Some("reviews".into()), Some("v1".into()))
    );
    assert_eq!(
        (reviews.sidecar, reviews.replicas, reviews.gateway),
        (Some(true), Some((1, 2)), false)
    );
    assert_eq!(reviews.badges, [Badge::Split, Badge::Timeout].into());
    assert!(facts.workload("istio-system", "edge").unwrap().gateway);
    assert_eq!(facts.workload("bookinfo", "legacy").unwrap().sidecar, Some(false));
}

#[test]
fn an_address_or_account_that_several_have_names_nobody() {
    let facts = facts();
    let at = |address: [u8; 4]| {
        facts
            .instance_at(address.into())
            .map(|(_, workload)| workload.to_string())
    };
    assert_eq!(at([127, 64, 9, 1]).as_deref(), Some("legacy"));
    assert_eq!(
        at([127, 64, 1, 3]).as_deref(),
        Some("reviews-v1"),
        "its sidecar calls from there"
    );
    assert_eq!(at([127, 0, 0, 1]), None);
    let account = |name| facts.workload_of(&Principal::new("cluster.local", "bookinfo", name));
    assert_eq!(account("bookinfo-reviews"), Some("reviews-v1".into()));
    assert_eq!(account("default"), None);
}

#[test]
fn hosts_are_services_of_the_mesh_or_outside() {
    let facts = facts();
    let host = |name: &str| facts.host(&Fqdn::new(name));
    let reviews = host("reviews.bookinfo.svc.cluster.local").unwrap();
    assert_eq!(
        (reviews.external, reviews.protocol),
        (false, Some(Protocol::Http))
    );
    assert!(host("books.example").unwrap().external && host("a.more.example").unwrap().external);
    assert_eq!(host("more.example"), None);
}
