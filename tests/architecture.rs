//! The shape of the house, checked: levels and arrows, pure crates, one matcher, dependencies, files.
//!
//! What is checked is asked of cargo and git, so a new crate or file is covered from its first commit.

#[path = "architecture/dependencies.rs"]
mod dependencies;
#[path = "architecture/files.rs"]
mod files;
#[path = "architecture/levels.rs"]
mod levels;
#[path = "architecture/metadata.rs"]
mod metadata;
#[path = "architecture/purity.rs"]
mod purity;

/// Fails with all complaints at once.
fn refuse(what: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{what}:\n  {}", complaints.join("\n  "));
}
