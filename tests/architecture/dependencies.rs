//! What comes into the tree: held to `deny.toml` here, so that a machine without cargo-deny checks it too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde::Deserialize;

use crate::{
    metadata::{Compiled, WORKSPACE},
    refuse,
};

/// Packages that carry state or types across crates: two versions of one do not fit together.
const ONE_VERSION: [&str; 8] = ["axum", "bytes", "h2", "http", "hyper", "rustls", "tokio", "tonic"];

/// What ships.
const PROGRAMS: [&str; 5] = [
    "--edges=normal",
    "--package",
    "vigla-server",
    "--package",
    "vigla-proxy",
];

/// Everything that is compiled here or in a browser's build, tests included.
const EVERYTHING: [&str; 6] = [
    "--workspace",
    "--edges=normal,build,dev",
    "--target",
    "x86_64-unknown-linux-gnu",
    "--target",
    "wasm32-unknown-unknown",
];

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
    /// Packages that may bring it all the same.
    #[serde(default)]
    wrappers: Vec<String>,
}

#[derive(Deserialize)]
struct Sources {
    #[serde(rename = "allow-registry")]
    allow_registry: Vec<String>,
}

impl Deny {
    fn read() -> Self {
        let text = fs::read_to_string(WORKSPACE.root.join("deny.toml")).expect("deny.toml lies in the root");
        toml::from_str(&text).expect("deny.toml is well formed")
    }

    fn allows(&self, package: &Compiled) -> bool {
        let exception = self
            .licenses
            .exceptions
            .iter()
            .find(|exception| exception.name == package.name);
        let allowed = |license: &str| {
            self.licenses.allow.contains(license)
                || exception.is_some_and(|exception| exception.allow.contains(license))
        };
        fits(&package.license, &allowed)
    }
}

/// Whether a licence expression can be met: all sides of `AND`, one side of `OR` (older packages write `/`).
fn fits(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let expression = expression.replace('/', " OR ");
    if let Some(sides) = split_outside(&expression, " AND ") {
        return sides.iter().all(|side| fits(side, allowed));
    }
    if let Some(sides) = split_outside(&expression, " OR ") {
        return sides.iter().any(|side| fits(side, allowed));
    }
    let inner = expression.trim();
    match inner.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => fits(inner, allowed),
        None => allowed(inner),
    }
}

/// The parts between separators that are in no parentheses; `None` when there is no such separator.
fn split_outside(expression: &str, separator: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut depth = 0_i32;
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        if depth == 0
            && let Some(after) = rest.strip_prefix(separator)
        {
            parts.push(String::new());
            rest = after;
            continue;
        }
        depth += i32::from(first == '(') - i32::from(first == ')');
        parts.last_mut().expect("starts with one part").push(first);
        rest = &rest[first.len_utf8()..];
    }
    (parts.len() > 1).then_some(parts)
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    let allowed = |license: &str| ["MIT", "ISC"].contains(&license);
    for (expression, fit) in [
        ("MIT", true),
        ("GPL-3.0 OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND Apache-2.0", false),
        ("ISC AND (Apache-2.0 OR MIT)", true),
        ("(MIT OR ISC) AND Unicode-3.0", false),
        ("", false),
    ] {
        assert_eq!(fits(expression, &allowed), fit, "{expression}");
    }
}

#[test]
fn every_licence_is_on_the_list() {
    let deny = Deny::read();
    let refused: Vec<String> = WORKSPACE
        .compiled_for(&EVERYTHING)
        .iter()
        .filter(|package| !deny.allows(package))
        .map(|package| format!("{} {}: `{}`", package.name, package.version, package.license))
        .collect();
    refuse("licences that deny.toml does not allow", &refused);
}

#[test]
fn what_is_banned_is_not_there() {
    let compiled = WORKSPACE.compiled_for(&EVERYTHING);
    let mut complaints = Vec::new();
    for ban in Deny::read().bans.deny {
        if !compiled.iter().any(|package| package.name == ban.name) {
            continue;
        }
        let users =
            WORKSPACE.compiled_for(&[&EVERYTHING[..], &["--depth=1", "--invert", &ban.name]].concat());
        for user in users
            .iter()
            .filter(|user| user.name != ban.name && !ban.wrappers.contains(&user.name))
        {
            complaints.push(format!("{} brings {} ({})", user.name, ban.name, ban.reason));
        }
    }
    refuse("banned packages", &complaints);
}

#[test]
fn packages_come_from_one_registry() {
    let allowed = Deny::read().sources.allow_registry;
    let lock = fs::read_to_string(WORKSPACE.root.join("Cargo.lock")).expect("Cargo.lock is checked in");
    let foreign: Vec<String> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = \""))
        .filter(|source| {
            !allowed
                .iter()
                .any(|allowed| source.trim_end_matches('"') == format!("registry+{allowed}"))
        })
        .map(str::to_owned)
        .collect();
    refuse("sources that deny.toml does not allow", &foreign);
}

#[test]
fn what_ships_has_one_version_of_each_foundation() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in WORKSPACE.compiled_for(&PROGRAMS) {
        if ONE_VERSION.contains(&package.name.as_str()) {
            versions.entry(package.name).or_default().insert(package.version);
        }
    }
    let doubled: Vec<String> = versions
        .iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, versions)| format!("{name}: {}", Vec::from_iter(versions.iter().cloned()).join(", ")))
        .collect();
    refuse("two versions of a foundation", &doubled);
}
