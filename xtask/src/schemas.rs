//! `cargo xtask schemas`: the table of fields that findings are judged by, from the definitions that Istio and the
//! Gateway API publish.
//!
//! The definitions come as Go modules, whose sums Go checks. Their prose stays behind: the table has names, types,
//! bounds and words only. It is checked in, so that nobody needs Go to build; this command is run when a version
//! below changes.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use vigla_config::{Node, read_documents};

use crate::workspace::{Workspace, find_program};

/// Module, version, and where its definitions lie.
const MODULES: [(&str, &str, &str); 2] = [
    (
        "istio.io/api",
        "v1.31.4",
        "kubernetes/customresourcedefinitions.gen.yaml",
    ),
    ("sigs.k8s.io/gateway-api", "v1.6.3", "config/crd/experimental"),
];

/// Groups of kinds that meshes are made of.
const GROUPS: [&str; 5] = [
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
    "gateway.networking.k8s.io",
];

/// Writes the table.
pub(crate) fn derive(workspace: &Workspace) -> anyhow::Result<()> {
    let go = find_program("go").context("the definitions are Go modules: install Go")?;
    let mut table = String::from(
        "# Fields of the kinds that meshes are made of; `cargo xtask schemas` writes this file. See `schema.rs`.\n",
    );
    for (module, version, place) in MODULES {
        let folder = download(&go, module, version)?;
        let _ = writeln!(table, "# {module} {version}");
        for file in definitions(&folder.join(place))? {
            let text =
                fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let found = read_documents(&file.display().to_string(), &text);
            if let Some(error) = found.errors.first() {
                bail!("{error}");
            }
            for document in &found.documents {
                write_definition(&mut table, document.root());
            }
        }
    }
    ensure!(
        table.lines().count() > 1000,
        "the definitions are not where they were: only {} lines came out",
        table.lines().count()
    );
    let path = workspace.root.join("crates/config/src/schema/table.txt");
    fs::write(&path, &table).with_context(|| format!("cannot write {}", path.display()))?;
    println!(
        "{}: {} lines, {} bytes",
        path.display(),
        table.lines().count(),
        table.len()
    );
    Ok(())
}

/// The folder of a module's sources.
fn download(go: &Path, module: &str, version: &str) -> anyhow::Result<PathBuf> {
    let run = Command::new(go)
        .args(["mod", "download", "-json", &format!("{module}@{version}")])
        .current_dir(std::env::temp_dir())
        .output()
        .context("cannot start go")?;
    let answer: Value = serde_json::from_slice(&run.stdout).context("go answered with no JSON")?;
    match (&answer["Dir"], &answer["Error"]) {
        (Value::String(folder), _) => Ok(folder.into()),
        (_, error) => bail!("go cannot fetch {module}@{version}: {error}"),
    }
}

/// The files of a place: itself, or what lies in it, in order of names.
fn definitions(place: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if place.is_file() {
        return Ok(vec![place.to_owned()]);
    }
    let entries = fs::read_dir(place).with_context(|| format!("cannot read {}", place.display()))?;
    let mut files: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    Ok(files)
}

/// One definition: a block for each set of versions that say the same.
fn write_definition(table: &mut String, root: Node<'_>) {
    let Some(spec) = root
        .get("spec")
        .filter(|_| text(root, "kind") == Some("CustomResourceDefinition"))
    else {
        return;
    };
    let group = text(spec, "group").unwrap_or_default();
    let kind = spec
        .get("names")
        .and_then(|names| text(names, "kind"))
        .unwrap_or_default();
    if !GROUPS.contains(&group) {
        return;
    }
    let mut blocks: Vec<(String, Vec<&str>)> = Vec::new();
    for version in spec.get("versions").into_iter().flat_map(Node::items) {
        let schema = version
            .get("schema")
            .and_then(|schema| schema.get("openAPIV3Schema"));
        let (Some(name), Some(schema)) = (text(version, "name"), schema) else {
            continue;
        };
        if version.get("served").and_then(Node::as_bool) == Some(false) {
            continue;
        }
        let mut block = String::new();
        let needs_spec = requires(schema, "spec");
        for (name, node) in schema.get("properties").into_iter().flat_map(Node::entries) {
            match name {
                "apiVersion" | "kind" | "metadata" => (),
                // The cluster writes it.
                "status" => block.push_str(" status x\n"),
                _ => write_node(&mut block, 1, name, needs_spec && name == "spec", node),
            }
        }
        match blocks.iter_mut().find(|(other, _)| *other == block) {
            Some((_, versions)) => versions.push(name),
            None => blocks.push((block, vec![name])),
        }
    }
    for (block, versions) in blocks {
        let _ = writeln!(table, "{group} {kind} {}", versions.join(" "));
        table.push_str(&block);
    }
}

fn text<'a>(node: Node<'a>, key: &str) -> Option<&'a str> {
    node.get(key)?.text()
}

fn requires(schema: Node<'_>, name: &str) -> bool {
    let required = schema.get("required").into_iter().flat_map(Node::items);
    required.into_iter().any(|node| node.text() == Some(name))
}

/// A field and what is below it: indentation, name, `!` where it is required, type, bounds.
fn write_node(table: &mut String, depth: usize, name: &str, required: bool, schema: Node<'_>) {
    let says = |key: &str| schema.get(key).and_then(Node::as_bool) == Some(true);
    let map = schema
        .get("additionalProperties")
        .filter(|node| node.is_mapping());
    let fields = schema.get("properties");
    let kind = if says("x-kubernetes-int-or-string") {
        "I"
    } else if says("x-kubernetes-preserve-unknown-fields") && fields.is_none() {
        "x"
    } else {
        match text(schema, "type") {
            Some("object") if map.is_some() => "m",
            Some("object") if fields.is_some() && says("x-kubernetes-preserve-unknown-fields") => "O",
            Some("object") => "o",
            Some("array") => "[",
            Some("string") => "s",
            Some("integer") => "i",
            Some("number") => "n",
            Some("boolean") => "b",
            _ => "x",
        }
    };
    let _ = write!(
        table,
        "{}{name}{} {kind}",
        " ".repeat(depth),
        if required { "!" } else { "" }
    );
    for (key, word) in [
        ("minimum", "min"),
        ("maximum", "max"),
        ("minLength", "minlen"),
        ("maxLength", "maxlen"),
        ("minItems", "minitems"),
        ("maxItems", "maxitems"),
        ("maxProperties", "maxitems"),
    ] {
        if let Some(bound) = text(schema, key) {
            let _ = write!(table, " {word}={bound}");
        }
    }
    let words: Vec<&str> = schema
        .get("enum")
        .into_iter()
        .flat_map(Node::items)
        .filter_map(Node::text)
        .collect();
    if !words.is_empty() {
        let _ = write!(table, " enum={}", words.join("|"));
    }
    let mut choices = choices(schema);
    choices.dedup();
    for choice in choices {
        let _ = write!(table, " one={}", choice.join("|"));
    }
    table.push('\n');
    if let Some(items) = schema.get("items") {
        write_node(table, depth + 1, "-", false, items);
    }
    if let Some(values) = map {
        write_node(table, depth + 1, "*", false, values);
    }
    for (name, node) in fields.into_iter().flat_map(Node::entries) {
        write_node(table, depth + 1, name, requires(schema, name), node);
    }
}

/// Fields of which one may be written: `oneOf` with a `required` each, and the case that none of them is.
fn choices(schema: Node<'_>) -> Vec<Vec<String>> {
    let of = |node: Node<'_>| -> Option<Vec<String>> {
        let mut names = Vec::new();
        for case in node.get("oneOf")?.items() {
            if case.get("not").is_some() {
                continue;
            }
            let mut required = case.get("required")?.items();
            names.push(required.next()?.text()?.to_owned());
            // More than one field in a case is another matter.
            required.next().is_none().then_some(())?;
        }
        (names.len() > 1).then_some(names)
    };
    let all = schema.get("allOf").into_iter().flat_map(Node::items);
    std::iter::once(schema).chain(all).filter_map(of).collect()
}
