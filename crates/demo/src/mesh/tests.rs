use std::collections::BTreeMap;

use vigla_config::read_objects;

use super::*;
use crate::CaptureMode;

fn plan_of(texts: &[(&str, &str)]) -> Mesh {
    let objects = texts.iter().flat_map(|(file, text)| {
        let read = read_objects(file, text);
        assert!(read.errors.is_empty(), "{:?}", read.errors);
        read.objects
    });
    let mut addresses = AddressPlan::new(64, CaptureMode::Bind);
    Mesh::plan(objects.collect(), &MeshSettings::default(), &mut addresses).unwrap()
}

fn embedded() -> Mesh {
    let files = crate::embedded::mesh().files();
    let texts: Vec<_> = files
        .map(|file| (file.path().to_str().unwrap(), file.contents_utf8().unwrap()))
        .collect();
    plan_of(&texts)
}

fn outline(mesh: &Mesh) -> String {
    let line = |member: &Member| {
        let sidecar = match (member.gateway, &member.instance.sidecar) {
            (true, _) => "gateway",
            (_, Some(_)) => "sidecar",
            (_, None) => "alone",
        };
        let calls = member.setup.iter().flat_map(|setup| &setup.behaviour.calls);
        let calls: Vec<String> = calls.map(|call| format!("{}:{}", call.host, call.port)).collect();
        format!(
            "{} {sidecar} {} [{}]\n",
            member.key(),
            member.instance.address,
            calls.join(" ")
        )
    };
    mesh.members.iter().map(line).collect()
}

fn deployment(namespace: &str, name: &str, pod: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{template: {{metadata: {pod}, spec: {{containers: [{{ports: [{{containerPort: 8080}}]}}]}}}}}}\n"
    )
}

#[test]
fn the_embedded_mesh_has_seven_proxies_and_a_caller_without_one() {
    let mesh = embedded();
    assert_eq!(mesh.problems, Vec::<String>::new());
    assert_eq!(
        outline(&mesh),
        "bookinfo/details-v1-0 sidecar 127.64.1.1 []\n\
         bookinfo/productpage-v1-0 sidecar 127.64.2.1 [details:9080 reviews:9080]\n\
         bookinfo/ratings-v1-0 sidecar 127.64.3.1 []\n\
         bookinfo/reviews-v1-0 sidecar 127.64.4.1 []\n\
         bookinfo/reviews-v2-0 sidecar 127.64.5.1 [ratings:9080]\n\
         bookinfo/reviews-v3-0 sidecar 127.64.6.1 [ratings:9080]\n\
         istio-system/istio-ingressgateway-0 gateway 127.64.7.1 []\n\
         legacy/batch-report-0 alone 127.64.8.1 [productpage.bookinfo:9080 details.bookinfo:9080]\n"
    );
}

#[test]
fn the_generator_asks_for_the_product_page_at_the_ingress_gateway() {
    let pages = embedded().pages;
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0].target.url, "http://bookinfo.example/productpage");
    assert_eq!(pages[0].entries, ["127.64.7.1:8080".parse().unwrap()]);
}

#[test]
fn a_caller_without_sidecar_resolves_services_itself() {
    let mesh = embedded();
    let setup = mesh.members.last().unwrap().setup.clone().unwrap();
    let Exits::Direct(book) = setup.exits else {
        panic!("{:?}", setup.exits)
    };
    let want: BTreeMap<String, Vec<SocketAddr>> = BTreeMap::from([
        (
            "details.bookinfo:9080".to_owned(),
            vec!["127.64.1.1:9080".parse().unwrap()],
        ),
        (
            "productpage.bookinfo:9080".to_owned(),
            vec!["127.64.2.1:9080".parse().unwrap()],
        ),
    ]);
    assert_eq!(*book, want);
}

#[test]
fn no_two_listeners_share_an_address() {
    let mesh = embedded();
    let all: Vec<SocketAddr> = mesh.listeners().collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    // Six sidecars: app, inbound, admin, outbound 80 and 9080; a gateway: inbound and admin; a caller: its own.
    assert_eq!(all.len(), 6 * 5 + 2 + 1);
}

#[test]
fn a_pods_word_on_injection_stands_over_its_namespaces() {
    let namespace =
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {istio-injection: enabled}}\n";
    let out = deployment("a", "out", "{annotations: {sidecar.istio.io/inject: 'false'}}");
    let plain = deployment("a", "plain", "{}");
    let wants = deployment("b", "wants", "{labels: {sidecar.istio.io/inject: 'true'}}");
    let mesh = plan_of(&[("n", namespace), ("o", &out), ("p", &plain), ("w", &wants)]);
    assert_eq!(
        outline(&mesh),
        "a/out-0 alone 127.64.1.1 []\na/plain-0 sidecar 127.64.2.1 []\nb/wants-0 sidecar 127.64.3.1 []\n"
    );
}

#[test]
fn without_annotations_the_generator_calls_the_hosts_of_gateways() {
    let gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: a}\n\
        spec: {selector: {istio: in}, servers: [{port: {number: 80, protocol: HTTP}, hosts: [shop.example, 'a/*.b.example']}]}\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: a}\n\
        spec: {selector: {istio: in}, ports: [{port: 80, targetPort: 8080}]}\n";
    let workload = deployment("a", "in", "{labels: {istio: in}}");
    let mesh = plan_of(&[("g", gateway), ("s", service), ("w", &workload)]);
    assert!(mesh.members[0].gateway);
    let pages: Vec<_> = mesh
        .pages
        .iter()
        .map(|page| (page.target.url.as_str(), page.entries.clone()))
        .collect();
    let entry: Vec<SocketAddr> = vec!["127.64.1.1:8080".parse().unwrap()];
    assert_eq!(
        pages,
        [
            ("http://any.b.example/", entry.clone()),
            ("http://shop.example/", entry)
        ]
    );
}

#[test]
fn names_that_would_lead_out_of_the_run_directory_are_left_out() {
    let bad = deployment("a", "'../../etc'", "{}");
    let mesh = plan_of(&[("bad", &bad)]);
    assert!(mesh.members.is_empty());
    assert_eq!(mesh.problems[0], "`a/../../etc` is no valid name; left out");
}

#[test]
fn replicas_are_instances_of_their_own_up_to_a_bound() {
    let many = deployment("a", "many", "{}").replace("spec: {template", "spec: {replicas: 100, template");
    let mesh = plan_of(&[("many", &many)]);
    assert_eq!(mesh.members.len(), 8);
    assert_eq!(mesh.members[7].key(), "a/many-7");
    assert_eq!(mesh.problems, ["a/many: only 8 of 100 replicas run"]);
}

#[test]
fn pages_below_a_wildcard_take_host_and_path_from_the_rules() {
    let text = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: a}\n\
        spec: {selector: {istio: in}, servers: [{port: {number: 80, protocol: HTTP}, hosts: ['*']}]}\n---\n\
        apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: a}\n\
        spec: {hosts: [HOST], gateways: [g], http: [{match: [{uri: {exact: /productpage}}], route: [{destination: {host: s}}]}]}\n---\n\
        apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: a}\n\
        spec: {selector: {istio: in}, ports: [{port: 80, targetPort: 8080}]}\n";
    let workload = deployment("a", "in", "{labels: {istio: in}}");
    for (host, url) in [
        ("shop.example", "http://shop.example/productpage"),
        ("'*'", "http://any.example/productpage"),
    ] {
        let mesh = plan_of(&[("t", &text.replace("HOST", host)), ("w", &workload)]);
        let urls: Vec<_> = mesh.pages.iter().map(|page| page.target.url.as_str()).collect();
        assert_eq!(urls, [url]);
    }
}

#[test]
fn a_namespace_that_is_not_declared_gets_sidecars() {
    let mesh = plan_of(&[("w", &deployment("a", "plain", "{}"))]);
    assert_eq!(outline(&mesh), "a/plain-0 sidecar 127.64.1.1 []\n");
}

#[test]
fn a_gateway_that_selects_nobody_gets_istios_ingress_gateway() {
    let gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: a}\n\
        spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, protocol: HTTP}, hosts: ['*']}, {port: {number: 8081, protocol: HTTP}, hosts: ['*']}]}\n";
    let objects = |texts: &[&str]| {
        texts
            .iter()
            .flat_map(|text| read_objects("f", text).objects)
            .collect::<Vec<_>>()
    };
    let added = ingress_gateway(&objects(&[gateway])).unwrap();
    assert_eq!(ingress_gateway(&objects(&[gateway, &added])), None);
    let mesh = plan_of(&[("g", gateway), ("added", &added)]);
    assert_eq!(
        outline(&mesh),
        "istio-system/istio-ingressgateway-0 gateway 127.64.1.1 []\n"
    );
    let entries: Vec<String> = mesh.pages[0].entries.iter().map(ToString::to_string).collect();
    assert_eq!(entries, ["127.64.1.1:8080"]);
    assert_eq!(
        ingress_gateway(&objects(&[
            &gateway.replace("istio: ingressgateway", "my: gateway")
        ])),
        None
    );
}
