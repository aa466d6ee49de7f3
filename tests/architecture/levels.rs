//! Crates stand on levels, and arrows only point down. ARCHITECTURE.md draws the same picture.

use crate::{metadata::WORKSPACE, refuse};

/// From the ground up. A crate may need what stands on a lower level, nothing beside or above it.
const LEVELS: [&[&str]; 8] = [
    &["vigla-model"],
    &["vigla-config", "vigla-dataplane", "vigla-promql"],
    &[
        "vigla-validation",
        "vigla-compiler",
        "vigla-graph",
        "vigla-layout",
        "vigla-xds",
    ],
    &["vigla-insight", "vigla-scene"],
    &["vigla-sources", "vigla-identity", "vigla-api"],
    &[
        "vigla-control-plane",
        "vigla-proxy",
        "vigla-kube",
        "vigla-store",
        "vigla-db",
    ],
    &["vigla-demo"],
    &[
        "vigla-server",
        "vigla-frontend",
        "vigla-worker",
        "vigla-tests",
        "xtask",
    ],
];

/// Stands beside the levels: only tests use it.
const TESTING: &str = "vigla-testing";

fn level_of(name: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&name))
}

#[test]
fn every_crate_has_a_level() {
    let homeless: Vec<String> = WORKSPACE
        .members
        .keys()
        .filter(|name| *name != TESTING && level_of(name).is_none())
        .cloned()
        .collect();
    refuse(
        "crates without a level; give them one here and in ARCHITECTURE.md",
        &homeless,
    );
}

#[test]
fn arrows_only_point_down() {
    let mut upward = Vec::new();
    for name in WORKSPACE.members.keys() {
        let Some(level) = level_of(name) else { continue };
        for need in WORKSPACE.arrows_of(name) {
            if level_of(need).is_none_or(|below| below >= level) {
                upward.push(format!("{name} needs {need}"));
            }
        }
    }
    refuse("arrows that do not point down", &upward);
}

#[test]
fn the_testing_crate_stands_on_levels_that_do_not_test_with_it() {
    let above: Vec<String> = WORKSPACE
        .arrows_of(TESTING)
        .filter(|need| level_of(need).is_none_or(|level| level > 1))
        .map(str::to_owned)
        .collect();
    refuse(
        "vigla-testing must stand on levels 0 and 1 only, or its users are built twice",
        &above,
    );
}
