//! `mesh`: names that hold for the whole mesh and that no object holds.

use vigla_config::MeshSettings;

use super::Section;

/// Name for people, and the names that config and metrics are read with.
pub(super) fn read(section: &mut Section<'_, '_>) -> (Option<String>, MeshSettings) {
    let name = section.text("name", "takes a name for people").map(str::to_owned);
    let mut settings = MeshSettings::default();
    if let Some(cluster) = section.text("cluster", "takes the name of the Kubernetes cluster") {
        settings.cluster = cluster.into();
    }
    if let Some(domain) = section.text("domain", "takes a DNS domain such as cluster.local") {
        settings.domain = domain.to_owned();
    }
    if let Some(domain) = section.text("trust_domain", "takes a trust domain such as cluster.local") {
        settings.trust_domain = domain.to_owned();
    }
    if let Some(namespace) = section.text("root_namespace", "takes a namespace such as istio-system") {
        settings.root_namespace = namespace.into();
    }
    (name, settings)
}
