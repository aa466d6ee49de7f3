use super::*;
use crate::{Object, read_objects};

fn one(yaml: &str) -> std::sync::Arc<Object> {
    let found = read_objects("x.yaml", yaml);
    assert_eq!(found.errors, []);
    std::sync::Arc::clone(&found.objects[0])
}

fn istio(group: &str, version: &str, kind: &str, spec: &str) -> std::sync::Arc<Object> {
    one(&format!(
        "apiVersion: {group}.istio.io/{version}\nkind: {kind}\nmetadata: {{name: x, namespace: bookinfo}}\nspec: {{{spec}}}\n"
    ))
}

#[test]
fn all_versions_of_a_kind_are_read_and_other_kinds_are_not() {
    for version in ["v1", "v1beta1", "v1alpha3"] {
        assert!(VirtualService::of(&istio("networking", version, "VirtualService", "")).is_some());
        assert!(DestinationRule::of(&istio("networking", version, "DestinationRule", "")).is_some());
    }
    assert!(PeerAuthentication::of(&istio("security", "v1beta1", "PeerAuthentication", "")).is_some());
    assert!(VirtualService::of(&istio("networking", "v2", "VirtualService", "")).is_none());
    assert!(VirtualService::of(&istio("example", "v1", "VirtualService", "")).is_none());
    assert!(
        Gateway::of(&one(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: x}"
        ))
        .is_none()
    );
}

#[test]
fn every_destination_is_found_with_its_path() {
    let object = istio(
        "networking",
        "v1",
        "VirtualService",
        "http: [{route: [{destination: {host: a, subset: v1}}], mirror: {host: b}, mirrors: [{destination: {host: c}}]}], \
         tcp: [{route: [{destination: {host: d, port: {number: 1}}}]}]",
    );
    let rule = VirtualService::of(&object).unwrap();
    let found: Vec<String> = rule
        .destinations()
        .map(|destination| {
            format!(
                "{} {}",
                destination.host().unwrap(),
                rule.origin(destination.node()).path
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "a spec.http[0].route[0].destination",
            "c spec.http[0].mirrors[0].destination",
            "b spec.http[0].mirror",
            "d spec.tcp[0].route[0].destination",
        ]
    );
}

#[test]
fn a_rule_is_for_the_mesh_unless_it_names_gateways_only() {
    let rule = |spec| istio("networking", "v1", "VirtualService", spec);
    let mesh = |spec| VirtualService::of(&rule(spec)).unwrap().is_for_mesh();
    assert!(mesh("hosts: [a]"));
    assert!(mesh("gateways: [mesh, edge]"));
    assert!(!mesh("gateways: [edge]"));
    let object = rule("gateways: [edge, istio-system/main, ./near]");
    let rule = VirtualService::of(&object).unwrap();
    for (namespace, name, expected) in [
        ("bookinfo", "edge", true),
        ("istio-system", "edge", false),
        ("istio-system", "main", true),
        ("bookinfo", "near", true),
    ] {
        assert_eq!(
            rule.is_for_gateway(namespace, name),
            expected,
            "{namespace}/{name}"
        );
    }
}

#[test]
fn shares_of_faults_are_told_in_millionths() {
    for (share, millionths) in [
        ("percentage: {value: 0.1}", 1000),
        ("percentage: {value: 100}", 1_000_000),
        ("percentage: {}", 0),
        ("percent: 5", 50_000),
        ("exponentialDelay: 1s", 1_000_000),
    ] {
        let spec = format!("http: [{{fault: {{delay: {{{share}, fixedDelay: 2s}}}}}}]");
        let object = istio("networking", "v1", "VirtualService", &spec);
        let rule = VirtualService::of(&object).unwrap().http().next().unwrap();
        assert_eq!(
            rule.fault().unwrap().delay().unwrap().share.millionths,
            millionths,
            "{share}"
        );
    }
}

#[test]
fn a_namespace_says_whether_its_pods_get_sidecars() {
    for (labels, expected) in [
        ("{istio-injection: enabled}", Some(true)),
        ("{istio-injection: disabled, istio.io/rev: x}", Some(false)),
        ("{istio.io/rev: canary}", Some(true)),
        ("{}", None),
    ] {
        let object = one(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: a, labels: {labels}}}"
        ));
        assert_eq!(
            NamespaceObject::of(&object).unwrap().injection(),
            expected,
            "{labels}"
        );
    }
}
