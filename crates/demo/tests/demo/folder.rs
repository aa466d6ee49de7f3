//! A folder of one's own as the mesh.

use std::{collections::BTreeMap, time::Duration};

use vigla_demo::Demo;

use crate::help::{counts, given, is_alive, until, until_quiet};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_ones_own_gets_stand_ins_and_is_never_written() {
    let Some(given) = given("a_folder_of_ones_own_gets_stand_ins_and_is_never_written").await else {
        return;
    };
    let mut options = given.options.clone();
    let mesh = tempfile::tempdir().unwrap();
    std::fs::write(mesh.path().join("shop.yaml"), SHOP).unwrap();
    options.mesh_dir = Some(mesh.path().to_owned());
    options.requests = Some(20);
    let demo = Demo::start(options).await.unwrap();
    until_quiet(&demo).await;
    assert_eq!(
        demo.generator().outcomes,
        BTreeMap::from([("200".to_owned(), 20)])
    );
    assert_eq!(
        counts(&demo)["shop/cart"].received,
        BTreeMap::from([("shop/web".to_owned(), 20)])
    );
    let files: Vec<_> = std::fs::read_dir(mesh.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, ["shop.yaml"]);
    assert_eq!(
        std::fs::read_to_string(mesh.path().join("shop.yaml")).unwrap(),
        SHOP
    );
    demo.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_is_written_runs_and_one_that_is_removed_ends() {
    let name = "a_workload_that_is_written_runs_and_one_that_is_removed_ends";
    let Some(given) = given(name).await else { return };
    let mut options = given.options.clone();
    let mesh = tempfile::tempdir().unwrap();
    std::fs::write(mesh.path().join("shop.yaml"), SHOP).unwrap();
    options.mesh_dir = Some(mesh.path().to_owned());
    let demo = Demo::start(options).await.unwrap();
    let limit = Duration::from_secs(10);
    let extra = mesh.path().join("extra.yaml");
    let text = SHOP
        .split("---")
        .next()
        .unwrap()
        .replace("web", "extra")
        .replace("http://cart/items", "http://extra-is-no-service/");
    std::fs::write(&extra, text).unwrap();
    let sidecar = || {
        demo.sidecars()
            .into_iter()
            .find(|sidecar| sidecar.workload == "extra")
    };
    let pid = until("a new sidecar", limit, async || sidecar()?.pid).await;
    let known = async || {
        demo.control_plane()
            .proxies()
            .iter()
            .any(|proxy| &*proxy.workload == "extra" && proxy.in_sync)
            .then_some(())
    };
    until("it has its config", limit, known).await;
    assert!(counts(&demo).contains_key("shop/extra"));
    std::fs::remove_file(&extra).unwrap();
    until("it is gone", limit, async || {
        (sidecar().is_none() && !is_alive(pid)).then_some(())
    })
    .await;
    assert!(!counts(&demo).contains_key("shop/extra"));
    demo.shutdown().await;
}

const SHOP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}, annotations: {demo.vigla/calls: 'http://cart/items'}}
    spec: {containers: [{ports: [{containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example]
  gateways: [front]
  http: [{route: [{destination: {host: web}}]}]
";
