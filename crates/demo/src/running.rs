//! What runs, as Pods: `running/pods.yaml` in the run directory. With it beside the mesh's folders, whoever reads them
//! (`vigla serve`, a test's cluster) knows addresses as the demo does.

use std::{fmt::Write as _, fs, io, path::Path};

use serde_json::{Value, json};
use vigla_config::SIDECAR_CONTAINER;

use crate::mesh::{Member, Mesh};

/// Folder in the run directory, of its own so that it can lie over the mesh's.
const FOLDER: &str = "running";

/// Writes all instances.
///
/// # Errors
/// When the directory cannot be written to.
pub(crate) fn write_pods(run_dir: &Path, mesh: &Mesh) -> io::Result<()> {
    let folder = run_dir.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let mut text =
        String::from("# What runs in this demo, as Pods; written by `vigla demo` at each change.\n");
    for member in &mesh.members {
        // JSON is YAML, and quotes what must be quoted.
        let _ = writeln!(text, "---\n{:#}", pod(mesh, member));
    }
    // A reader sees the old file or the new one, never half of it.
    let draft = folder.join(".pods.draft");
    fs::write(&draft, text)?;
    fs::rename(draft, folder.join("pods.yaml"))
}

fn pod(mesh: &Mesh, member: &Member) -> Value {
    let instance = &member.instance;
    let workload = mesh.snapshot.workload(&instance.namespace, &instance.workload);
    let kind = workload
        .and_then(|workload| Some(workload.object.as_ref()?.kind()))
        .unwrap_or("Deployment");
    let app = (!member.gateway).then_some("app");
    let sidecar = instance.sidecar.as_ref().map(|_| SIDECAR_CONTAINER);
    let containers: Vec<Value> = app
        .into_iter()
        .chain(sidecar)
        .map(|name| json!({"name": name, "image": "demo.vigla/app"}))
        .collect();
    let address = instance.address.to_string();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": &*instance.name,
            "namespace": instance.namespace.as_str(),
            "labels": &instance.labels,
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": kind, "name": instance.workload.as_str(), "uid": "demo", "controller": true,
            }],
        },
        "spec": {"nodeName": "laptop", "serviceAccountName": &*instance.service_account, "containers": containers},
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": if instance.ready { "True" } else { "False" }}],
        },
    })
}
