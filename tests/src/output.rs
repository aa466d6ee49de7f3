//! Where tests leave what a person wants to see after a failure.

use std::{env, fs, path::PathBuf};

/// Path of a file for logs and pictures: `target/e2e/NAME`.
pub fn output(name: &str) -> PathBuf {
    let folder = env::var_os("VIGLA_TEST_OUTPUT").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/e2e"),
        PathBuf::from,
    );
    fs::create_dir_all(&folder).expect("the folder for test output can be made");
    folder.join(name)
}
