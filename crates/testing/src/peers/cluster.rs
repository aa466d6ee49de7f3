//! A Kubernetes API server with its etcd, and nothing else of a cluster: no controllers, no nodes. Tests write Pods'
//! status themselves.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use reqwest::{Certificate, Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::sleep,
};
use vigla_config::Object;

use super::{START, free, run, until_ready};

/// Token of somebody who may do everything.
pub const ADMIN: &str = "admin-token";
/// Token of somebody of the group `viewers`, who may do what tests bind.
pub const VIEWER: &str = "viewer-token";

/// Definitions of kinds.
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// Kinds of these groups are there from the start.
const BUILT_IN: [&str; 4] = ["", "apps", "discovery.k8s.io", "rbac.authorization.k8s.io"];

/// A running API server.
pub struct Cluster {
    folder: TempDir,
    address: SocketAddr,
    etcd_address: SocketAddr,
    program: PathBuf,
    _etcd: Child,
    server: Child,
}

impl Cluster {
    /// Starts both programs and waits until they are ready.
    ///
    /// # Panics
    /// When they do not get ready.
    pub async fn start(etcd: &Path, program: &Path) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let write =
            |name: &str, text: String| fs::write(folder.path().join(name), text).expect("it can be written");
        let key = rcgen::KeyPair::generate().expect("a key can be made");
        write("accounts.key", key.serialize_pem());
        write("accounts.pub", key.public_key_pem());
        write(
            "tokens.csv",
            format!("{ADMIN},admin,1,system:masters\n{VIEWER},viewer,2,viewers\n"),
        );
        let [etcd_address, peer, address] = free();
        let (clients, peers) = (format!("http://{etcd_address}"), format!("http://{peer}"));
        let log = folder.path().join("log");
        let etcd = run(
            Command::new(etcd)
                .arg("--data-dir")
                .arg(folder.path().join("etcd"))
                .args([
                    "--unsafe-no-fsync",
                    &format!("--listen-client-urls={clients}"),
                    &format!("--advertise-client-urls={clients}"),
                    &format!("--listen-peer-urls={peers}"),
                    &format!("--initial-advertise-peer-urls={peers}"),
                    &format!("--initial-cluster=default={peers}"),
                ]),
            &log,
        );
        let server = serve(folder.path(), program, address, etcd_address);
        let cluster = Self {
            folder,
            address,
            etcd_address,
            program: program.to_owned(),
            _etcd: etcd,
            server,
        };
        cluster.ready().await;
        cluster
    }

    async fn ready(&self) {
        until_ready("the API server", &self.folder.path().join("log"), async || {
            // Its certificate is written while it starts.
            let Some(client) = self.client() else { return false };
            let answer = client.get(self.url("/readyz")).bearer_auth(ADMIN).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Ends the API server; etcd goes on.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub async fn stop(&mut self) {
        self.server.kill().await.expect("it is ours to end");
    }

    /// Starts it again where it was, with all its objects.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn start_again(&mut self) {
        self.server = serve(self.folder.path(), &self.program, self.address, self.etcd_address);
        self.ready().await;
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("certs/apiserver.crt")
    }

    fn client(&self) -> Option<Client> {
        let authority = Certificate::from_pem_bundle(&fs::read(self.authority()).ok()?).ok()?;
        Client::builder()
            .tls_certs_only(authority)
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .ok()
    }

    /// A kubeconfig for whoever has this token.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn kubeconfig(&self, token: &str) -> PathBuf {
        let file = self.folder.path().join(format!("{token}.yaml"));
        let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url(""), "certificate-authority": self.authority()}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]});
        fs::write(&file, text.to_string()).expect("it can be written");
        file
    }

    /// Asks something as the one who may do everything.
    ///
    /// # Errors
    /// What the API server says instead of success, or that it does not answer.
    ///
    /// # Panics
    /// When it never was ready.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        self.send_text(method, path, "application/json", body.to_string())
            .await
    }

    async fn send_text(&self, method: Method, path: &str, kind: &str, body: String) -> Result<Value, String> {
        let client = self
            .client()
            .expect("a server that was ready has its certificate");
        let request = client
            .request(method.clone(), self.url(path))
            .bearer_auth(ADMIN)
            .header("content-type", kind)
            .body(body);
        let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("{method} {path}: {status}: {text}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("{method} {path}: {error} in {text}"))
    }

    /// Creates an object.
    ///
    /// # Panics
    /// When the API server refuses it.
    pub async fn create(&self, path: &str, object: &Value) -> Value {
        let created = self.send(Method::POST, path, object).await;
        created.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Creates an object of a kind whose definition may still be on its way.
    ///
    /// # Panics
    /// When the API server keeps refusing it.
    pub async fn create_soon(&self, path: &str, object: &Value) {
        self.soon(async || self.send(Method::POST, path, object).await)
            .await;
    }

    async fn soon(&self, mut ask: impl AsyncFnMut() -> Result<Value, String>) {
        let started = Instant::now();
        while let Err(error) = ask().await {
            assert!(started.elapsed() < START, "{error}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Defines a kind that takes any `spec`, as Istio's do where their schema says nothing.
    ///
    /// # Panics
    /// When the API server refuses it.
    pub async fn define(&self, group: &str, version: &str, kind: &str) {
        let plural = plural(kind);
        let name = format!("{plural}.{group}");
        let names = json!({"kind": kind, "plural": plural, "singular": kind.to_lowercase()});
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
            "spec": {"group": group, "scope": "Namespaced", "names": names,
                "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}});
        self.create(DEFINITIONS, &definition).await;
    }

    /// Takes a definition back, with all objects of the kind.
    ///
    /// # Panics
    /// When the API server refuses it.
    pub async fn undefine(&self, group: &str, kind: &str) {
        let path = format!("{DEFINITIONS}/{}.{group}", plural(kind));
        let gone = self.send(Method::DELETE, &path, &Value::Null).await;
        gone.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Applies objects as `kubectl apply --server-side` does: namespaces and definitions that they need come first,
    /// and what a Pod says of its status is told as well.
    ///
    /// # Panics
    /// When the API server keeps refusing one.
    pub async fn apply(&self, objects: &[&Object]) {
        for object in objects {
            let namespace = object.namespace().as_str();
            if !namespace.is_empty() {
                let text = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n");
                let path = format!("/api/v1/namespaces/{namespace}");
                self.patch_unless_there(&path, text).await;
            }
            let group = object.group();
            if !BUILT_IN.contains(&group) {
                let defined = format!("{DEFINITIONS}/{}.{group}", plural(object.kind()));
                if self.send(Method::GET, &defined, &Value::Null).await.is_err() {
                    let version = object.api_version().rsplit('/').next().unwrap_or_default();
                    self.define(group, version, object.kind()).await;
                }
            }
        }
        for object in objects {
            let path = path_of(object);
            self.patch(&path, object.text().to_owned()).await;
            if object.kind() == "Pod" {
                self.patch(&format!("{path}/status"), object.text().to_owned())
                    .await;
            }
        }
    }

    async fn patch_unless_there(&self, path: &str, text: String) {
        if self.send(Method::GET, path, &Value::Null).await.is_err() {
            self.patch(path, text).await;
        }
    }

    async fn patch(&self, path: &str, text: String) {
        let path = format!("{path}?fieldManager=test&force=true");
        self.soon(async || {
            let kind = "application/apply-patch+yaml";
            self.send_text(Method::PATCH, &path, kind, text.clone()).await
        })
        .await;
    }

    /// Deletes an object at once.
    ///
    /// # Panics
    /// When the API server refuses it.
    pub async fn delete(&self, path: &str) {
        let gone = self
            .send(Method::DELETE, path, &json!({"gracePeriodSeconds": 0}))
            .await;
        gone.unwrap_or_else(|error| panic!("{error}"));
    }
}

fn serve(folder: &Path, program: &Path, address: SocketAddr, etcd: SocketAddr) -> Child {
    let file = |name: &str| folder.join(name).display().to_string();
    run(
        Command::new(program).args([
            &format!("--etcd-servers=http://{etcd}"),
            "--bind-address=127.0.0.1",
            &format!("--secure-port={}", address.port()),
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
        &folder.join("log"),
    )
}

fn path_of(object: &Object) -> String {
    let version = object.api_version();
    let root = if version.contains('/') { "apis" } else { "api" };
    let namespace = match object.namespace().as_str() {
        "" => String::new(),
        namespace => format!("/namespaces/{namespace}"),
    };
    format!(
        "/{root}/{version}{namespace}/{}/{}",
        plural(object.kind()),
        object.name()
    )
}

/// The word for many of a kind, as paths have it.
fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if kind.ends_with('s') => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_plurals_of_their_paths() {
        for (kind, expect) in [
            ("VirtualService", "virtualservices"),
            ("Gateway", "gateways"),
            ("ServiceEntry", "serviceentries"),
            ("PeerAuthentication", "peerauthentications"),
            ("AuthorizationPolicy", "authorizationpolicies"),
            ("GatewayClass", "gatewayclasses"),
        ] {
            assert_eq!(plural(kind), expect);
        }
    }
}
