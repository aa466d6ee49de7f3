use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::*;
use crate::{MtlsMode, OutboundMode, read_objects};

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: bookinfo}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080, targetPort: web}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1, namespace: bookinfo}
spec:
  template:
    metadata: {labels: {app: reviews, version: v1}}
    spec:
      serviceAccountName: bookinfo-reviews
      containers: [{name: reviews, ports: [{containerPort: 9081, name: web}]}]
";

fn mesh(yaml: &str) -> Snapshot {
    let found = read_objects("mesh.yaml", yaml);
    assert_eq!(found.errors, []);
    let instance = Instance {
        name: "reviews-v1-0".into(),
        namespace: "bookinfo".into(),
        workload: "reviews-v1".into(),
        labels: [("app", "reviews"), ("version", "v1")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        service_account: "bookinfo-reviews".into(),
        address: IpAddr::from([127, 64, 1, 1]),
        sidecar: None,
        published: BTreeMap::new(),
        ready: true,
    };
    Snapshot::build(found.objects, vec![instance], MeshSettings::default())
}

fn names<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Vec<&'a str> {
    objects.into_iter().map(Object::name).collect()
}

#[test]
fn a_service_finds_its_workloads_instances_and_ports() {
    let mesh = mesh(SERVICE);
    let host = mesh.resolve("reviews", &"bookinfo".into());
    let service = mesh.service(&host).unwrap();
    let endpoints = mesh.endpoints(
        service,
        &service.ports[0],
        &[("version".to_owned(), "v1".to_owned())].into(),
    );
    assert_eq!(endpoints.len(), 1);
    assert_eq!(endpoints[0].address.to_string(), "127.64.1.1:9081");
    assert!(
        mesh.endpoints(
            service,
            &service.ports[0],
            &[("version".to_owned(), "v2".to_owned())].into()
        )
        .is_empty()
    );
    let principals: Vec<String> = mesh
        .principals_behind(service)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        principals,
        ["spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews"]
    );
    let workload = mesh.workload(&"bookinfo".into(), &"reviews-v1".into()).unwrap();
    assert_eq!(mesh.services_of(workload).count(), 1);
    assert_eq!(
        mesh.instance_at(IpAddr::from([127, 64, 1, 1])).unwrap().workload,
        "reviews-v1"
    );
}

fn route(name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

#[test]
fn the_best_fitting_host_decides_then_istios_order() {
    let yaml = [
        route("wide", "bookinfo", "hosts: ['*.bookinfo.svc.cluster.local']"),
        route("b", "bookinfo", "hosts: [reviews]"),
        route("a", "bookinfo", "hosts: [reviews.bookinfo.svc.cluster.local]"),
        route("private", "bookinfo", "hosts: [reviews], exportTo: ['.']"),
        route("gateway", "bookinfo", "hosts: [reviews], gateways: [edge]"),
        route("other", "shop", "hosts: [reviews]"),
    ]
    .concat();
    let mesh = mesh(&yaml);
    let found = |client: &str, attachment| {
        let host = Fqdn::new("reviews.bookinfo.svc.cluster.local");
        let rules = mesh.virtual_services(&host, &client.into(), attachment);
        names(rules.into_iter().map(VirtualService::object)).join(" ")
    };
    assert_eq!(found("bookinfo", Attachment::Mesh), "a b private wide");
    assert_eq!(found("shop", Attachment::Mesh), "a b wide");
    let edge = Attachment::Gateway {
        namespace: "bookinfo",
        name: "edge",
    };
    assert_eq!(found("bookinfo", edge), "gateway");
}

#[test]
fn the_callers_rules_count_before_the_services_and_the_roots() {
    let rule = |name: &str, namespace: &str, spec: &str| {
        route(name, namespace, spec).replace("VirtualService", "DestinationRule")
    };
    let host = "host: reviews.bookinfo.svc.cluster.local";
    let yaml = SERVICE.to_owned()
        + &[
            rule(
                "root",
                "istio-system",
                &format!("{host}, subsets: [{{name: root}}]"),
            ),
            rule("service", "bookinfo", "host: reviews, subsets: [{name: v1}]"),
            rule(
                "more",
                "bookinfo",
                "host: reviews, subsets: [{name: v1}, {name: v2}]",
            ),
            rule(
                "wide",
                "bookinfo",
                "host: '*.bookinfo.svc.cluster.local', subsets: [{name: wide}]",
            ),
            rule("client", "shop", &format!("{host}, subsets: [{{name: mine}}]")),
        ]
        .concat();
    let mesh = mesh(&yaml);
    let subsets = |client: &str| {
        let found = mesh.subsets("reviews.bookinfo.svc.cluster.local", &client.into());
        found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(subsets("bookinfo"), "v1 v2");
    assert_eq!(subsets("elsewhere"), "v1 v2");
    assert_eq!(subsets("shop"), "mine");
}

#[test]
fn the_narrowest_set_mode_decides_who_may_call() {
    let policy = |namespace: &str, name: &str, spec: &str| {
        format!(
            "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
             metadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
        )
    };
    let yaml = [
        policy("istio-system", "mesh", "mtls: {mode: STRICT}"),
        policy("bookinfo", "open", "mtls: {mode: UNSET}"),
        policy(
            "bookinfo",
            "reviews",
            "selector: {matchLabels: {app: reviews}}, mtls: {mode: PERMISSIVE}, portLevelMtls: {9081: {mode: DISABLE}}",
        ),
    ]
    .concat();
    let mesh = mesh(&yaml);
    let effective = |namespace: &str, app: &str, port: u16| {
        let labels = [("app".to_owned(), app.to_owned())].into();
        let found = mesh.peer_authentication(&namespace.into(), &labels, port);
        let origin = found
            .origin
            .map(|origin| format!(" {} {}", origin.object.name, origin.path));
        format!("{}{}", found.mode, origin.unwrap_or_default())
    };
    assert_eq!(effective("bookinfo", "ratings", 1), "STRICT mesh spec.mtls.mode");
    assert_eq!(
        effective("bookinfo", "reviews", 1),
        "PERMISSIVE reviews spec.mtls.mode"
    );
    assert_eq!(
        effective("bookinfo", "reviews", 9081),
        "DISABLE reviews spec.portLevelMtls.9081.mode"
    );
    let mesh = Snapshot::build(Vec::<Arc<Object>>::new(), Vec::new(), MeshSettings::default());
    assert_eq!(
        mesh.peer_authentication(&"a".into(), &BTreeMap::new(), 1).mode,
        MtlsMode::Permissive
    );
}

#[test]
fn the_narrowest_sidecar_says_what_becomes_of_calls_to_unknown_hosts() {
    let sidecar = |namespace: &str, name: &str, spec: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\n\
             metadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
        )
    };
    let config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n\
                  data:\n  mesh: |\n    outboundTrafficPolicy:\n      mode: REGISTRY_ONLY\n";
    let own = "workloadSelector: {labels: {app: reviews}}";
    let any = "outboundTrafficPolicy: {mode: ALLOW_ANY}";
    let objects = [
        config.to_owned(),
        sidecar("bookinfo", "open", any),
        sidecar("bookinfo", "own", &format!("{own}, outboundTrafficPolicy: {{}}")),
        sidecar("shop", "silent", "egress: []"),
    ]
    .concat();
    let mesh = mesh(&objects);
    let effective = |namespace: &str, app: &str| {
        let labels = [("app".to_owned(), app.to_owned())].into();
        let found = mesh.outbound_policy(&namespace.into(), &labels);
        let origin = found
            .origin
            .map(|origin| format!("{} {}", origin.object.name, origin.path));
        (found.mode, origin.unwrap_or_default())
    };
    use OutboundMode::{AllowAny, RegistryOnly};
    for (namespace, app, mode, origin) in [
        (
            "bookinfo",
            "ratings",
            AllowAny,
            "open spec.outboundTrafficPolicy.mode",
        ),
        (
            "bookinfo",
            "reviews",
            RegistryOnly,
            "own spec.outboundTrafficPolicy",
        ),
        ("shop", "web", RegistryOnly, "istio data.mesh"),
    ] {
        assert_eq!(
            effective(namespace, app),
            (mode, origin.to_owned()),
            "{namespace} {app}"
        );
    }
    let empty = Snapshot::build(Vec::<Arc<Object>>::new(), Vec::new(), MeshSettings::default());
    assert_eq!(
        empty.outbound_policy(&"a".into(), &BTreeMap::new()),
        EffectiveOutbound::default()
    );
}
