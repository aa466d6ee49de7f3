//! The source over a real API server and etcd, which `VIGLA_KUBE_APISERVER` and `VIGLA_ETCD` name (`cargo xtask test`
//! builds them where Go is).

use std::{env, path::Path};

use reqwest::Method;
use vigla_testing::peers::{ADMIN, Cluster, VIEWER};

use super::*;

/// Rights that were refused are asked for again within this time.
const RIGHTS: Duration = Duration::from_secs(20);

/// `None` where the programs are missing.
async fn start() -> Option<Cluster> {
    let (Some(etcd), Some(program)) = (env::var_os("VIGLA_ETCD"), env::var_os("VIGLA_KUBE_APISERVER")) else {
        eprintln!(
            "skipped: VIGLA_ETCD and VIGLA_KUBE_APISERVER name no API server (`cargo xtask peers` builds them)"
        );
        return None;
    };
    // Another test may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Some(Cluster::start(Path::new(&etcd), Path::new(&program)).await)
}

/// A kubeconfig for whoever has this token.
fn settings(cluster: &Cluster, token: &str) -> KubeSettings {
    KubeSettings {
        kubeconfig: Some(cluster.kubeconfig(token)),
        ..KubeSettings::default()
    }
}

const RULES: &str = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_api_server_is_followed_through_changes_new_kinds_and_a_restart() {
    let Some(mut cluster) = start().await else {
        return;
    };
    let source = KubeSource::open(&settings(&cluster, ADMIN)).await.unwrap();
    let first = wait_for(&source, "the namespaces", |state| has(state, "kind: Namespace")).await;
    assert_eq!(first.errors, []);

    cluster
        .create(
            "/api/v1/namespaces",
            &json!({"metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}}),
        )
        .await;
    cluster
        .create("/api/v1/namespaces/shop/services", &service("cart", 80))
        .await;
    let template = json!({"metadata": {"labels": {"app": "cart", "version": "v1"}},
        "spec": {"serviceAccountName": "cart", "containers": [{"name": "app", "image": "cart:1", "ports": [{"containerPort": 8080}],
            "env": [{"name": "UNNEEDED", "value": "x"}]}]}});
    let deployment = json!({"metadata": {"name": "cart"}, "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "cart"}}, "template": template}});
    cluster
        .create("/apis/apps/v1/namespaces/shop/deployments", &deployment)
        .await;
    let mut pod = cluster
        .create(
            "/api/v1/namespaces/shop/pods",
            &json!({"metadata": {"name": "cart-abc-x", "labels": {"app": "cart", "version": "v1", "pod-template-hash": "abc"},
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-abc", "uid": "u", "controller": true}]},
                "spec": {"nodeName": "n", "serviceAccountName": "cart", "containers": [{"name": "app", "image": "cart:1"}]}}),
        )
        .await;
    pod["status"] = json!({"phase": "Running", "podIP": "10.1.0.1", "podIPs": [{"ip": "10.1.0.1"}], "conditions": [{"type": "Ready", "status": "True"}]});
    cluster
        .send(
            Method::PUT,
            "/api/v1/namespaces/shop/pods/cart-abc-x/status",
            &pod,
        )
        .await
        .unwrap();
    let state = wait_for(&source, "the pod", |state| state.instances.len() == 1).await;
    let instance = &state.instances[0];
    assert_eq!(
        (
            instance.workload.as_str(),
            &*instance.service_account,
            instance.ready
        ),
        ("cart", "cart", true)
    );
    let state = wait_for(&source, "the deployment", |state| has(state, "kind: Deployment")).await;
    assert!(!has(&state, "UNNEEDED") && !has(&state, "managedFields"));
    let snapshot = vigla_config::Snapshot::build(
        state.objects(),
        state
            .instances
            .iter()
            .map(|instance| Instance::clone(instance))
            .collect(),
        vigla_config::MeshSettings::default(),
    );
    let found = snapshot.service_named(&"shop".into(), &"cart".into()).unwrap();
    assert_eq!(snapshot.instances_behind(found).count(), 1);
    let mut backing = slice("cart-abc-x", false);
    backing["metadata"]["labels"] = json!({"kubernetes.io/service-name": "cart"});
    backing["endpoints"][0]["addresses"] = json!(["10.1.0.1"]);
    cluster
        .create(
            "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices",
            &backing,
        )
        .await;
    wait_for(&source, "the unready pod", |state| !state.instances[0].ready).await;

    // A definition comes while the source runs, with an object.
    cluster
        .define("networking.istio.io", "v1", "VirtualService")
        .await;
    cluster.create_soon(RULES, &rule("cart", 100)).await;
    wait_for(&source, "the rule", |state| has(state, "weight: 100|")).await;
    let started = Instant::now();
    let mut changed = cluster
        .send(Method::GET, &format!("{RULES}/cart"), &Value::Null)
        .await
        .unwrap();
    changed["spec"] = rule("cart", 90)["spec"].clone();
    cluster
        .send(Method::PUT, &format!("{RULES}/cart"), &changed)
        .await
        .unwrap();
    wait_for(&source, "the change", |state| has(state, "weight: 90|")).await;
    println!(
        "a change was read and written, and was in the state {:?} after",
        started.elapsed()
    );

    // The server goes, and comes back with watches that know nothing of what was before.
    cluster.stop().await;
    let away = wait_for(&source, "the trouble", |state| !state.errors.is_empty()).await;
    assert!(has(&away, "weight: 90|") && away.instances.len() == 1);
    cluster.start_again().await;
    cluster.create_soon(RULES, &rule("late", 55)).await;
    wait_for(&source, "the rule after the restart", |state| {
        has(state, "weight: 55|")
    })
    .await;
    cluster.delete("/api/v1/namespaces/shop/pods/cart-abc-x").await;
    wait_for(&source, "no pod", |state| state.instances.is_empty()).await;
    wait_for(&source, "no trouble", |state| state.errors.is_empty()).await;

    cluster.undefine("networking.istio.io", "VirtualService").await;
    wait_for(&source, "no rules", |state| {
        !has(state, "VirtualService") && state.errors.is_empty()
    })
    .await;
    let fresh = KubeSource::open(&settings(&cluster, ADMIN)).await.unwrap();
    let expected = wait_for(&fresh, "a fresh source", |state| state.errors.is_empty()).await;
    assert_eq!(says(&source.state()), says(&expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_are_missing_are_named_and_taken_when_they_come() {
    let Some(cluster) = start().await else {
        return;
    };
    let source = KubeSource::open(&settings(&cluster, VIEWER)).await.unwrap();
    let state = wait_for(&source, "the refusals", |_| true).await;
    assert!(state.files.is_empty());
    let said: Vec<String> = state.errors.iter().map(ToString::to_string).collect();
    assert!(
        said.iter()
            .any(|error| error.starts_with("pods:1:1: 403: ") && error.contains("allow `list` and `watch`")),
        "{said:#?}"
    );
    let rules = json!([{"apiGroups": ["", "apps", "discovery.k8s.io"], "resources": ["*"], "verbs": ["list", "watch"]}]);
    cluster
        .create(
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            &json!({"metadata": {"name": "view-mesh"}, "rules": rules}),
        )
        .await;
    let binding = json!({"metadata": {"name": "view-mesh"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view-mesh"},
        "subjects": [{"kind": "Group", "name": "viewers", "apiGroup": "rbac.authorization.k8s.io"}]});
    cluster
        .create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding)
        .await;
    let started = Instant::now();
    while !source.state().errors.is_empty() {
        assert!(started.elapsed() < RIGHTS, "{:?}", source.state().errors);
        sleep(Duration::from_millis(100)).await;
    }
    assert!(has(&source.state(), "kind: Namespace"));
    // Another's credentials are another thing than missing rights.
    let stranger = KubeSource::open(&settings(&cluster, "nobody")).await.unwrap();
    let state = wait_for(&stranger, "the refusal", |_| true).await;
    assert!(
        state.errors[0].message.contains("credentials"),
        "{:?}",
        state.errors
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_in_single_namespaces_show_these_and_the_others_are_named() {
    let Some(cluster) = start().await else {
        return;
    };
    for namespace in ["shop", "closed"] {
        cluster
            .create("/api/v1/namespaces", &json!({"metadata": {"name": namespace}}))
            .await;
    }
    cluster
        .create("/api/v1/namespaces/shop/services", &service("cart", 80))
        .await;
    cluster
        .create(
            "/api/v1/namespaces/closed/services",
            &json!({"metadata": {"name": "hidden"}, "spec": {"ports": [{"port": 80}]}}),
        )
        .await;
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop";
    let rules = json!([{"apiGroups": ["", "apps", "discovery.k8s.io"], "resources": ["*"], "verbs": ["list", "watch"]}]);
    cluster
        .create(
            &format!("{roles}/roles"),
            &json!({"metadata": {"name": "view-mesh"}, "rules": rules}),
        )
        .await;
    let binding = json!({"metadata": {"name": "view-mesh"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "view-mesh"},
        "subjects": [{"kind": "Group", "name": "viewers", "apiGroup": "rbac.authorization.k8s.io"}]});
    cluster.create(&format!("{roles}/rolebindings"), &binding).await;
    let viewer = KubeSettings {
        namespaces: vec!["shop".into(), "closed".into()],
        ..settings(&cluster, VIEWER)
    };
    let source = KubeSource::open(&viewer).await.unwrap();
    let state = wait_for(&source, "shop's service", |state| has(state, "name: cart")).await;
    assert_eq!(state.errors, []);
    assert!(!has(&state, "hidden"));
    let noted = |text: &str| {
        state
            .notes
            .iter()
            .any(|note| note.contains(text) && note.contains("403"))
    };
    assert!(
        noted("services in closed") && noted("namespaces:"),
        "{:#?}",
        state.notes
    );
    assert!(!noted("services in shop"), "{:#?}", state.notes);
    cluster
        .create("/api/v1/namespaces/shop/services", &service("pay", 80))
        .await;
    wait_for(&source, "the change", |state| has(state, "name: pay")).await;
}
