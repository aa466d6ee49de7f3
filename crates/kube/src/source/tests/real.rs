//! The source over a real API server and etcd, which `VIGLA_KUBE_APISERVER` and `VIGLA_ETCD` name (`cargo xtask test`
//! builds them where Go is).

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::Stdio,
};

use http::{Method, Request};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::*;

/// What a person may do who is only let in.
const VIEWER: &str = "viewer-token";
const ADMIN: &str = "admin-token";
/// A cold start on a busy machine.
const START: Duration = Duration::from_secs(60);
/// Rights that were refused are asked for again within this time.
const RIGHTS: Duration = Duration::from_secs(20);

struct Cluster {
    folder: TempDir,
    port: u16,
    etcd_port: u16,
    program: PathBuf,
    _etcd: Child,
    server: Child,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Cluster {
    /// `None` where the programs are missing.
    async fn start() -> Option<Self> {
        let (Some(etcd), Some(program)) = (env::var_os("VIGLA_ETCD"), env::var_os("VIGLA_KUBE_APISERVER"))
        else {
            eprintln!(
                "skipped: VIGLA_ETCD and VIGLA_KUBE_APISERVER name no API server (`cargo xtask peers` builds them)"
            );
            return None;
        };
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        fs::write(folder.path().join("accounts.key"), key.serialize_pem()).unwrap();
        fs::write(folder.path().join("accounts.pub"), key.public_key_pem()).unwrap();
        let tokens = format!("{ADMIN},admin,1,system:masters\n{VIEWER},viewer,2,viewers\n");
        fs::write(folder.path().join("tokens.csv"), tokens).unwrap();
        let (etcd_port, peer_port, port) = (free_port(), free_port(), free_port());
        let (clients, peers) = (
            format!("http://127.0.0.1:{etcd_port}"),
            format!("http://127.0.0.1:{peer_port}"),
        );
        let data = folder.path().join("etcd");
        let etcd = run(
            &folder,
            Command::new(etcd).arg("--data-dir").arg(data).args([
                "--unsafe-no-fsync",
                &format!("--listen-client-urls={clients}"),
                &format!("--advertise-client-urls={clients}"),
                &format!("--listen-peer-urls={peers}"),
                &format!("--initial-advertise-peer-urls={peers}"),
                &format!("--initial-cluster=default={peers}"),
            ]),
        );
        let program = PathBuf::from(program);
        let server = serve(&folder, &program, port, etcd_port);
        let cluster = Self {
            folder,
            port,
            etcd_port,
            program,
            _etcd: etcd,
            server,
        };
        cluster.ready().await;
        Some(cluster)
    }

    async fn ready(&self) {
        let started = Instant::now();
        loop {
            let answer = match connect(&self.settings(ADMIN)).await {
                Ok((client, _)) => client
                    .request_text(Request::get("/readyz").body(Vec::new()).unwrap())
                    .await
                    .ok(),
                // Its certificate is not written yet.
                Err(_) => None,
            };
            if answer.as_deref() == Some("ok") {
                return;
            }
            let log = || {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                log.lines().rev().take(5).collect::<Vec<_>>().join("\n")
            };
            assert!(
                started.elapsed() < START,
                "not ready within {START:?}:\n{}",
                log()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends the API server, and gives it back on the same port when asked to.
    async fn stop(&mut self) {
        self.server.kill().await.unwrap();
    }

    async fn start_again(&mut self) {
        self.server = serve(&self.folder, &self.program, self.port, self.etcd_port);
        self.ready().await;
    }

    /// A kubeconfig for whoever has this token.
    fn settings(&self, token: &str) -> KubeSettings {
        let file = self.folder.path().join(format!("{token}.yaml"));
        let authority = self.folder.path().join("certs/apiserver.crt");
        let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("https://127.0.0.1:{}", self.port), "certificate-authority": authority}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]});
        fs::write(&file, text.to_string()).unwrap();
        KubeSettings {
            kubeconfig: Some(file),
            context: None,
        }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> kube::Result<Value> {
        let (client, _) = connect(&self.settings(ADMIN)).await.unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .unwrap();
        client.request(request).await
    }

    async fn create(&self, path: &str, object: &Value) -> Value {
        self.send(Method::POST, path, object).await.unwrap()
    }

    /// Creates an object of a kind whose definition may still be on its way.
    async fn create_soon(&self, path: &str, object: &Value) {
        let started = Instant::now();
        while let Err(error) = self.send(Method::POST, path, object).await {
            assert!(started.elapsed() < START, "{error}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

fn run(folder: &TempDir, command: &mut Command) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.path().join("log"))
        .unwrap();
    command
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

fn serve(folder: &TempDir, program: &PathBuf, port: u16, etcd_port: u16) -> Child {
    let file = |name: &str| folder.path().join(name).display().to_string();
    run(
        folder,
        Command::new(program).args([
            &format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
            "--bind-address=127.0.0.1",
            &format!("--secure-port={port}"),
            &format!("--cert-dir={}", file("certs")),
            "--service-account-issuer=https://kubernetes.default.svc",
            &format!("--service-account-key-file={}", file("accounts.pub")),
            &format!("--service-account-signing-key-file={}", file("accounts.key")),
            &format!("--token-auth-file={}", file("tokens.csv")),
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            // Nobody makes the default accounts that it asks for.
            "--disable-admission-plugins=ServiceAccount",
            "--endpoint-reconciler-type=none",
            "--profiling=false",
        ]),
    )
}

/// A definition that takes any `spec`, as Istio's does where its schema says nothing.
fn definition(group: &str, kind: &str, plural: &str) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const RULES: &str = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_api_server_is_followed_through_changes_new_kinds_and_a_restart() {
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let source = KubeSource::open(&cluster.settings(ADMIN)).await.unwrap();
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
    let definition = definition("networking.istio.io", "VirtualService", "virtualservices");
    cluster.create(DEFINITIONS, &definition).await;
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
    cluster
        .send(
            Method::DELETE,
            "/api/v1/namespaces/shop/pods/cart-abc-x",
            &json!({"gracePeriodSeconds": 0}),
        )
        .await
        .unwrap();
    wait_for(&source, "no pod", |state| state.instances.is_empty()).await;
    wait_for(&source, "no trouble", |state| state.errors.is_empty()).await;

    cluster
        .send(
            Method::DELETE,
            &format!("{DEFINITIONS}/virtualservices.networking.istio.io"),
            &Value::Null,
        )
        .await
        .unwrap();
    wait_for(&source, "no rules", |state| {
        !has(state, "VirtualService") && state.errors.is_empty()
    })
    .await;
    let fresh = KubeSource::open(&cluster.settings(ADMIN)).await.unwrap();
    let expected = wait_for(&fresh, "a fresh source", |state| state.errors.is_empty()).await;
    assert_eq!(says(&source.state()), says(&expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_are_missing_are_named_and_taken_when_they_come() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let source = KubeSource::open(&cluster.settings(VIEWER)).await.unwrap();
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
    let stranger = KubeSource::open(&cluster.settings("nobody")).await.unwrap();
    let state = wait_for(&stranger, "the refusal", |_| true).await;
    assert!(
        state.errors[0].message.contains("credentials"),
        "{:?}",
        state.errors
    );
}
