//! What operators set in a file: one section a file here, each key with its default, unit and check.
//!
//! The file is read once. Whatever is wrong with it is told with file, line and key, all at once; nothing that was
//! not understood is passed over.

mod config;
mod kubernetes;
mod mesh;
mod metrics;
mod section;
mod server;
mod source;
mod traces;

use std::{fs, path::Path};

use anyhow::{Context, bail};
use vigla_config::{Bounds, read_documents_within};
use vigla_kube::KubeSettings;

pub use config::ConfigSettings;
pub use metrics::{PrometheusSettings, Refresh};
use section::Section;
pub use server::{BasePath, ServerSettings};
pub use traces::TraceSettings;

/// A file of settings is a page or two.
const BOUNDS: Bounds = Bounds {
    bytes: 1 << 20,
    documents: 2,
    nodes: 10_000,
    nodes_in_all: 10_000,
    depth: 20,
    errors: 20,
};

/// Everything that a file sets.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The console itself.
    pub server: ServerSettings,
    /// Names that hold for the whole mesh.
    pub mesh: vigla_config::MeshSettings,
    /// Name of the mesh for people.
    pub mesh_name: Option<String>,
    /// Where numbers come from.
    pub prometheus: Option<PrometheusSettings>,
    /// Where traces come from.
    pub traces: TraceSettings,
    /// Folders that the mesh's config comes from.
    pub config: ConfigSettings,
    /// The cluster that it comes from, with the running instances.
    pub kubernetes: Option<KubeSettings>,
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// All that is wrong with it, a line each, with file, line and key.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let shown = file.display().to_string();
        let text =
            fs::read_to_string(file).with_context(|| format!("settings file {shown} cannot be read"))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Self::parse(&shown, &text, folder)
    }

    /// Reads a text. Relative paths in it start at `folder`.
    ///
    /// # Errors
    /// All that is wrong with it, a line each.
    pub fn parse(file: &str, text: &str, folder: &Path) -> anyhow::Result<Self> {
        let found = read_documents_within(file, text, &BOUNDS);
        let mut problems: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        let mut settings = Self::default();
        if let Some(second) = found.documents.get(1) {
            problems.push(format!(
                "{}: settings are one document: join the two",
                second.root().location()
            ));
        }
        if let Some(document) = found.documents.first() {
            problems.extend(document.duplicates().map(|node| {
                format!(
                    "{}: `{}` stands there twice: remove one",
                    node.location(),
                    node.path()
                )
            }));
            let mut root = Section::root(document.root(), folder, &mut problems);
            settings.read(&mut root);
            root.finish();
        }
        if !problems.is_empty() {
            bail!("{}", problems.join("\n"));
        }
        Ok(settings)
    }

    fn read(&mut self, root: &mut Section<'_, '_>) {
        root.section("server", |section| self.server = ServerSettings::read(section));
        root.section("mesh", |section| {
            (self.mesh_name, self.mesh) = mesh::read(section);
        });
        root.section("metrics", |section| self.prometheus = metrics::read(section));
        root.section("traces", |section| self.traces = TraceSettings::read(section));
        root.section("config", |section| self.config = ConfigSettings::read(section));
        root.section("kubernetes", |section| {
            self.kubernetes = kubernetes::read(section);
        });
        if self.kubernetes.is_some() && !self.config.folders.is_empty() {
            root.refuse(
                "kubernetes",
                "and `config` exclude each other: the mesh's config has one source",
            );
        }
    }
}

#[cfg(test)]
mod tests;
