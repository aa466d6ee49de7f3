//! Pure crates have no sockets, clock, threads or files, and one crate decides where requests go.

use std::fs;

use crate::{
    files::{source_files, without_tests},
    metadata::WORKSPACE,
    refuse,
};

/// They run in the browser as they run on the server; `cargo xtask test` builds them for both.
const PURE: [&str; 11] = [
    "vigla-model",
    "vigla-config",
    "vigla-dataplane",
    "vigla-validation",
    "vigla-compiler",
    "vigla-graph",
    "vigla-layout",
    "vigla-xds",
    "vigla-insight",
    "vigla-scene",
    "vigla-api",
];

/// Crates that come with a runtime, a socket or the operating system.
const IMPURE: [&str; 12] = [
    "async-std",
    "axum",
    "getrandom",
    "hyper",
    "mio",
    "notify",
    "rayon",
    "reqwest",
    "rustix",
    "smol",
    "socket2",
    "tokio",
];

/// What pure code does not say.
const WORLD: [&str; 9] = [
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os::",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
];

#[test]
fn pure_crates_depend_on_nothing_that_touches_the_world() {
    let mut complaints = Vec::new();
    for name in PURE {
        // The messages of Envoy come with tonic's transport, used or not. Our code in `xds` opens no socket
        // (the next test); the browser gets generated messages in their place on the day it needs them.
        if name == "vigla-xds" {
            continue;
        }
        let compiled = WORKSPACE.compiled_for(&["--edges=normal", "--package", name]);
        for dependency in compiled
            .iter()
            .filter(|dependency| IMPURE.contains(&dependency.name.as_str()))
        {
            complaints.push(format!("{name} brings {}", dependency.name));
        }
    }
    refuse("pure crates with impure dependencies", &complaints);
}

#[test]
fn pure_code_has_no_clock_no_files_no_threads_and_no_sockets() {
    let mut complaints = Vec::new();
    for name in PURE {
        for path in source_files(&WORKSPACE.members[name].folder.join("src")) {
            let source = fs::read_to_string(&path).expect("source files are text");
            for (index, line) in without_tests(&path, &source).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if let Some(word) = WORLD.iter().find(|word| code.contains(**word)) {
                    complaints.push(format!("{}:{}: {word}", path.display(), index + 1));
                }
            }
        }
    }
    refuse(
        "pure code that touches the world: take it as an argument",
        &complaints,
    );
}

/// Both proxies run the same plans: stock Envoy's go through `xds`, ours through `dataplane::decide`.
#[test]
fn only_the_dataplane_crate_matches_routes() {
    let proxy = &WORKSPACE.members["vigla-proxy"];
    let mut complaints = Vec::new();
    if !proxy.needs.contains("vigla-dataplane") {
        complaints.push("vigla-proxy does not use vigla-dataplane".to_owned());
    }
    // Without a library for patterns and without a word on match rules there is nothing to match with.
    for library in ["regex", "globset", "matchit"] {
        if proxy.needs.contains(library) {
            complaints.push(format!("vigla-proxy depends on {library}"));
        }
    }
    for path in source_files(&proxy.folder.join("src")) {
        let source = fs::read_to_string(&path).expect("source files are text");
        for word in [
            "RouteMatch",
            "PathMatch",
            "HeaderMatch",
            "QueryMatch",
            "StringMatch",
        ] {
            if without_tests(&path, &source).contains(word) {
                complaints.push(format!("{} speaks of {word}", path.display()));
            }
        }
    }
    refuse("a second route matcher", &complaints);
}
