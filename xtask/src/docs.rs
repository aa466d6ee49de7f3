//! `cargo xtask docs`: the API documentation of our own crates, and the pages that are written from code.

use std::{collections::BTreeSet, fs};

use anyhow::Context;

use crate::workspace::{Workspace, run};

/// Builds the documentation; a broken link is an error.
pub(crate) fn build_docs(workspace: &Workspace) -> anyhow::Result<()> {
    write_findings(workspace)?;
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

/// Writes `docs/findings/` from the rules; pages of rules that are gone go too.
pub(crate) fn write_findings(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = workspace.root.join("docs/findings");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let leaves = vigla_validation::book::leaves();
    let names: BTreeSet<&str> = leaves.iter().map(|leaf| leaf.file.as_str()).collect();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let kept = path
            .file_name()
            .is_some_and(|name| names.contains(&*name.to_string_lossy()));
        if !kept {
            fs::remove_file(&path)?;
        }
    }
    for leaf in &leaves {
        let path = folder.join(&leaf.file);
        fs::write(&path, &leaf.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{}: {} pages", folder.display(), leaves.len());
    Ok(())
}
