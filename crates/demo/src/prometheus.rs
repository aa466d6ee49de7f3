//! A ready `prometheus.yml` in the run directory: a real Prometheus that is started with it scrapes what the embedded
//! store scrapes, and has the same labels.

use std::{fmt::Write, fs, io, path::Path};

use vigla_store::Target;

/// Name of the file in the run directory, and of the list of targets beside it.
const CONFIG: &str = "prometheus.yml";
const TARGETS: &str = "prometheus-targets.json";

/// Writes the file and the list of targets. Prometheus follows changes of the list by itself.
///
/// # Errors
/// When the directory cannot be written to.
pub fn write_config(run_dir: &Path, targets: &[Target]) -> io::Result<()> {
    replace(&run_dir.join(TARGETS), &targets_json(targets))?;
    replace(&run_dir.join(CONFIG), &config_yaml())
}

/// A reader sees the old file or the new one, never half of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, text)?;
    fs::rename(draft, path)
}

/// The scrape configuration.
///
/// Stock Envoy puts `envoy_` before all names and cannot take its caller's certificate name apart: both are put right
/// while scraping, so that queries need not know who counted. Labels that Prometheus itself adds (`instance`, `job`)
/// stay: they tell series of several instances apart, as they must.
fn config_yaml() -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        r#"# Written by `vigla demo`; try:  prometheus --config.file={CONFIG} --web.listen-address=127.0.0.1:9090
global:
  scrape_interval: 2s
  scrape_timeout: 1s
scrape_configs:
  - job_name: vigla-demo
    metrics_path: /stats/prometheus
    file_sd_configs:
      - files: [{TARGETS}]
        refresh_interval: 5s
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: envoy_((?:istio|vigla)_.*)
        target_label: __name__
        replacement: $1
      - source_labels: [__name__]
        regex: (?:istio|vigla)_.*
        action: keep
      - source_labels: [source_workload, source_peer]
        regex: (?:-|unknown)?;(?:.*,)?\s*([^,]+)\.([^.,]+)\.pod\.vigla(?:,.*)?
        target_label: source_workload_namespace
        replacement: $2
      - source_labels: [source_workload, source_peer]
        regex: (?:-|unknown)?;(?:.*,)?\s*([^,]+)\.([^.,]+)\.pod\.vigla(?:,.*)?
        target_label: source_workload
        replacement: $1
      - regex: source_peer
        action: labeldrop
"#
    );
    text
}

/// Targets in the form of Prometheus's file discovery.
fn targets_json(targets: &[Target]) -> String {
    let groups: Vec<serde_json::Value> = targets
        .iter()
        .map(|target| {
            serde_json::json!({
                "targets": [target.address.to_string()],
                "labels": {"vigla_target": &*target.name},
            })
        })
        .collect();
    serde_json::Value::Array(groups).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_directory_gets_a_config_and_its_targets() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target {
            name: "shop/cart-0".into(),
            address: ([127, 64, 0, 9], 15090).into(),
        };
        write_config(folder.path(), &[target]).unwrap();
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(
            read(TARGETS),
            r#"[{"labels":{"vigla_target":"shop/cart-0"},"targets":["127.64.0.9:15090"]}]"#
        );
        assert!(read(CONFIG).contains("refresh_interval: 5s"));
    }
}
