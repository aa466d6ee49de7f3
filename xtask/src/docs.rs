//! `cargo xtask docs`: the API documentation of our own crates.

use crate::workspace::{Workspace, run};

/// Builds the documentation; a broken link is an error.
pub(crate) fn build_docs(workspace: &Workspace) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo(["doc", "--workspace", "--no-deps", "--exclude", "xtask"]);
    run(cargo.env("RUSTDOCFLAGS", "-D warnings"))?;
    println!(
        "open {}",
        workspace
            .cargo_target
            .join("doc/vigla_model/index.html")
            .display()
    );
    Ok(())
}
