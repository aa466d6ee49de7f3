//! `kubernetes`: the cluster whose API server knows the mesh's config and its pods.

use vigla_config::Node;
use vigla_kube::KubeSettings;

use super::Section;

/// Reads `kubeconfig` and `context`, or `in_pod`.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<KubeSettings> {
    let kubeconfig = section.path("kubeconfig");
    let context = section.text("context", "takes the name of a context of the kubeconfig");
    let in_pod = section.value("in_pod", "takes true or false", Node::as_bool);
    match (&kubeconfig, in_pod.unwrap_or(false)) {
        (Some(_), true) => section.refuse("in_pod", "and `kubeconfig` exclude each other"),
        (None, false) if !section.has("kubeconfig") && !section.has("in_pod") => {
            section.refuse(
                "kubeconfig",
                "needs a `kubeconfig`, or `in_pod: true` in a pod of the cluster",
            );
        }
        (None, true) if context.is_some() => {
            section.refuse("context", "is one of a `kubeconfig`, which is missing");
        }
        _ => (),
    }
    if let Some(missing) = kubeconfig.as_ref().filter(|file| !file.is_file()) {
        section.refuse(
            "kubeconfig",
            &format!("names `{}`, which is no file", missing.display()),
        );
    }
    (kubeconfig.is_some() || in_pod == Some(true)).then(|| KubeSettings {
        kubeconfig,
        context: context.map(str::to_owned),
        namespaces: Vec::new(),
    })
}
