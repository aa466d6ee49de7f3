//! Stock Envoy judges what we write. `VIGLA_ENVOY` names its binary; without it these tests say "skipped".
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panic and says what it skips"
)]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use vigla_xds::{BootstrapOptions, bootstrap};

fn envoy() -> Option<PathBuf> {
    let path = std::env::var_os("VIGLA_ENVOY").map(PathBuf::from);
    if path.is_none() {
        eprintln!("skipped: VIGLA_ENVOY does not name an Envoy");
    }
    path
}

fn validate(envoy: &Path, config: &Path) {
    let output = Command::new(envoy)
        .args(["--mode", "validate", "--use-dynamic-base-id", "-l", "warn", "-c"])
        .arg(config)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn envoy_accepts_the_bootstrap() {
    let Some(envoy) = envoy() else { return };
    let dir = tempfile::tempdir().unwrap();
    let options = BootstrapOptions {
        node_id: "reviews-v1-0.bookinfo",
        ads_socket: &dir.path().join("ads.sock"),
        token: "t0ken",
        admin_socket: &dir.path().join("admin.sock"),
        admin_address: "127.0.0.1:15000".parse().unwrap(),
    };
    let path = dir.path().join("bootstrap.json");
    std::fs::write(&path, bootstrap(&options).to_string()).unwrap();
    validate(&envoy, &path);
}
