use vigla_testing::Mesh;

use super::*;

fn proxy(namespace: &str, instance: &str) -> ProxyIdentity {
    ProxyIdentity {
        namespace: namespace.into(),
        instance: instance.into(),
    }
}

fn plan(mesh: &Mesh, namespace: &str, instance: &str) -> Plan {
    compile(&mesh.snapshot(), &proxy(namespace, instance)).unwrap()
}

#[test]
fn a_sidecar_gets_listeners_routes_and_clusters() {
    let plan = plan(&Mesh::bookinfo(), "bookinfo", "productpage-v1-0");
    insta::assert_snapshot!(outline(&plan));
}

#[test]
fn a_gateway_gets_what_its_routes_name() {
    let plan = plan(&Mesh::bookinfo(), "istio-system", "istio-ingressgateway-0");
    insta::assert_snapshot!(outline(&plan));
}
