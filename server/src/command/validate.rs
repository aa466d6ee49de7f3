//! `vigla validate`: config from files, folders or standard input, checked as one whole mesh.

mod files;
mod junit;
mod sarif;
mod text;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, ValueEnum};
use vigla_api::convert::findings_body;
use vigla_config::MeshSettings;
use vigla_validation::{Report, Selection, Severity, Text, validate};

use super::say;
use crate::cut::now;

/// What to check, and how to tell.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Files and folders of YAML or JSON; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Format of the answer.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Exit with 1 when a finding is at least so bad.
    #[arg(long, value_enum, default_value_t = FailOn::Error, value_name = "SEVERITY")]
    fail_on: FailOn,
    /// Only these codes: ours (VG1004) or a peer's (KIA1107, IST0101).
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    only: Vec<String>,
    /// All but these codes.
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    ignore: Vec<String>,
    /// MeshConfig: by itself, or in the ConfigMap `istio`.
    #[arg(long, value_name = "FILE")]
    mesh_config: Option<PathBuf>,
    /// Namespace whose policies hold for the whole mesh, before that of the MeshConfig.
    #[arg(long, value_name = "NS")]
    root_namespace: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people: each finding with its line.
    Text,
    /// The API's own answer.
    Json,
    /// For code scanning of repositories.
    Sarif,
    /// For test reports.
    Junit,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
    /// Never.
    Never,
}

/// Checks, prints, and says by the exit code whether something was found: 0 nothing, 1 something.
///
/// # Errors
/// When a file cannot be read or a code is unknown; the exit code is 2 then.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let selection = Selection::new(&arguments.only, &arguments.ignore)?;
    let settings = settings(arguments)?;
    let files = files::read(&arguments.paths)?;
    let texts: Vec<Text<'_>> = files
        .iter()
        .map(|file| Text {
            file: &file.name,
            text: &file.text,
        })
        .collect();
    let cluster = settings.cluster.to_string();
    let mut report = validate(&texts, settings, now());
    report.findings.retain(|finding| selection.takes(finding));
    say(&match arguments.output {
        Output::Text => text::write(&report, &texts),
        Output::Json => serde_json::to_string(&findings_body(&report, texts.len(), &cluster))?,
        Output::Sarif => sarif::write(&report)?,
        Output::Junit => junit::write(&report, &texts),
    });
    Ok(ExitCode::from(u8::from(fails(&report, arguments.fail_on))))
}

fn fails(report: &Report, fail_on: FailOn) -> bool {
    let least = match fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
        FailOn::Info => Severity::Info,
        FailOn::Never => return false,
    };
    report.findings.iter().any(|finding| finding.severity >= least)
}

/// Names of the mesh: from its MeshConfig where one is given.
fn settings(arguments: &Arguments) -> anyhow::Result<MeshSettings> {
    let mut settings = MeshSettings::default();
    if let Some(path) = &arguments.mesh_config {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        files::take_mesh_config(&path.display().to_string(), &text, &mut settings)?;
    }
    if let Some(namespace) = &arguments.root_namespace {
        settings.root_namespace = namespace.as_str().into();
    }
    Ok(settings)
}
