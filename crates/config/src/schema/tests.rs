use super::*;
use crate::{Object, read_objects};

fn check(yaml: &str) -> Vec<String> {
    let found = read_objects("-", yaml);
    assert_eq!(found.errors, []);
    let object: &Object = &found.objects[0];
    let version = object.api_version().rsplit('/').next().unwrap();
    let schema = Schemas::default()
        .find(object.group(), object.kind(), version)
        .expect("the kind is known");
    schema
        .check(object.root())
        .iter()
        .map(|violation| {
            let wrong = match &violation.wrong {
                Wrong::Unknown(_) => "unknown".to_owned(),
                other => format!("{other:?}"),
            };
            format!("{} {wrong}", violation.node.path())
        })
        .collect()
}

fn route(spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a}}\nspec: {{{spec}}}\n"
    )
}

#[test]
fn every_kind_of_the_mesh_is_known_in_its_versions() {
    let schemas = Schemas::default();
    for (group, kind, version) in [
        ("networking.istio.io", "VirtualService", "v1"),
        ("networking.istio.io", "VirtualService", "v1alpha3"),
        ("networking.istio.io", "EnvoyFilter", "v1alpha3"),
        ("security.istio.io", "AuthorizationPolicy", "v1beta1"),
        ("telemetry.istio.io", "Telemetry", "v1"),
        ("extensions.istio.io", "WasmPlugin", "v1alpha1"),
        ("gateway.networking.k8s.io", "HTTPRoute", "v1"),
        ("gateway.networking.k8s.io", "TCPRoute", "v1alpha2"),
    ] {
        assert!(schemas.find(group, kind, version).is_some(), "{kind} {version}");
    }
    assert!(
        schemas
            .find("networking.istio.io", "VirtualService", "v2")
            .is_none()
    );
    assert!(schemas.kinds().count() >= 20);
    for (group, kind) in schemas.kinds() {
        for version in schemas.versions(group, kind) {
            let schema = schemas.find(group, kind, version).expect("it is in the list");
            assert!(schema.fields.len() > 15, "{kind} {version}");
        }
    }
}

#[test]
fn unknown_fields_and_wrong_values_are_told_at_their_place() {
    assert_eq!(
        check(&route(
            "hosts: [a], http: [{route: [{destination: {host: a}, weight: 5}]}]"
        )),
        [""; 0]
    );
    assert_eq!(
        check(&route(
            "hosts: a, htpp: [], http: [{route: [{destination: {subset: v1}, weight: '5'}]}], exportTo: null"
        )),
        [
            "spec.hosts Type(\"a list\")",
            "spec.htpp unknown",
            "spec.http[0].route[0].destination Missing(\"host\")",
            "spec.http[0].route[0].weight Type(\"a whole number\")",
        ]
    );
    assert_eq!(
        check(&route(
            "http: [{match: [{uri: {exact: a, prefix: b}}], route: [{destination: {host: a}}]}]"
        )),
        ["spec.http[0].match[0].uri.prefix Choice([\"exact\", \"prefix\", \"regex\"])"]
    );
    let found = check(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, labels: {v: 1}}\nspec: {mtls: {mode: STRICTER}}\n",
    );
    let token = "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: a}\nspec: {jwtRules: [{issuer: a, presence: REQUIRED}]}\n";
    assert_eq!(
        check(token),
        [""; 0],
        "fields that are newer than the definitions are known"
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("metadata.labels.v Type") && found[1].starts_with("spec.mtls.mode Word"),
        "{found:?}"
    );
}
