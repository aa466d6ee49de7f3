//! Running the rules.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use vigla_config::{MeshSettings, Object, ReadError, Snapshot, read_objects};
use vigla_model::{ObjectRef, Timestamp};

use crate::{
    Evidence, Finding, Need, Place, Rule,
    case::Case,
    found::Found,
    mesh::Mesh,
    rule::Kind,
    rules::{rules, text_rule},
    suppress::is_suppressed,
};

/// A text with the name that places in it are told with.
#[derive(Debug, Clone, Copy)]
pub struct Text<'t> {
    /// Name of the file; `-` for text without one.
    pub file: &'t str,
    /// Its text.
    pub text: &'t str,
}

/// What all rules say of a mesh.
#[derive(Debug, Default)]
pub struct Report {
    /// What was found, by file, line, column and code.
    pub findings: Vec<Finding>,
    /// Findings that annotations of their objects left out.
    pub suppressed: usize,
    /// Rules that had no evidence to judge by.
    pub not_checked: Vec<&'static Rule>,
    /// Objects that were looked at.
    pub objects: usize,
}

/// Findings of one run. A mesh with more has one cause for most of them; the first ones tell it.
const MOST_FINDINGS: usize = 20_000;

/// Reads texts as one whole mesh and checks it. What is not in them does not exist.
pub fn validate(texts: &[Text<'_>], settings: MeshSettings, now: Timestamp) -> Report {
    let mut objects: Vec<Arc<Object>> = Vec::new();
    let mut errors = Vec::new();
    for text in texts {
        let read = read_objects(text.file, text.text);
        objects.extend(read.objects);
        errors.extend(read.errors);
    }
    let snapshot = Snapshot::build(objects, Vec::new(), settings);
    let mut report = check(&snapshot, &Evidence::default(), now);
    report.findings.extend(errors.into_iter().map(of_read_error));
    sort(&mut report.findings);
    report
}

/// Checks a text as part of a mesh: its objects replace those of the same name, or join them. Tells what is wrong
/// with the text's own objects.
pub fn validate_against(text: Text<'_>, mesh: &Snapshot, now: Timestamp) -> Report {
    let read = read_objects(text.file, text.text);
    let written: BTreeSet<ObjectRef> = read
        .objects
        .iter()
        .map(|object| object.object_ref().clone())
        .collect();
    let rest = mesh
        .objects()
        .iter()
        .filter(|object| !written.contains(object.object_ref()));
    let snapshot = Snapshot::build(
        rest.cloned().chain(read.objects),
        mesh.instances().to_vec(),
        mesh.settings().clone(),
    );
    let mut report = check(&snapshot, &Evidence::default(), now);
    let is_written = |finding: &Finding| {
        finding
            .object
            .as_ref()
            .is_some_and(|object| written.contains(object))
    };
    report.findings.retain(is_written);
    report.findings.extend(read.errors.into_iter().map(of_read_error));
    sort(&mut report.findings);
    report.objects = written.len();
    report
}

/// A finding about text that could not be used as it stands.
fn of_read_error(error: ReadError) -> Finding {
    let place = Place {
        location: Some(error.place),
        path: String::new(),
        length: 1,
    };
    Finding::new(text_rule(error.trouble), None, place, error.message)
}

/// Checks a mesh. Files that could not be read are not in it; [`validate`] tells of them too.
pub fn check(snapshot: &Snapshot, evidence: &Evidence, now: Timestamp) -> Report {
    let mesh = Mesh::new(snapshot, evidence, now);
    let (ready, not_checked): (Vec<_>, Vec<_>) = rules().iter().copied().partition(|rule| match rule.needs {
        Need::Config => true,
        Need::Traffic => evidence.traffic.is_some(),
    });
    let mut report = Report {
        not_checked,
        objects: snapshot.objects().len(),
        ..Report::default()
    };
    let mut by_kind: HashMap<Kind, Vec<&'static Rule>> = HashMap::new();
    let mut for_all = Vec::new();
    for rule in ready {
        if rule.kinds.is_empty() {
            for_all.push(rule);
        }
        for &kind in rule.kinds {
            by_kind.entry(kind).or_default().push(rule);
        }
    }
    let mut found = Vec::new();
    for object in snapshot.objects() {
        let case = Case { mesh: &mesh, object };
        // A `Kind` holds static names, which the object's cannot be compared with by hash: kinds are few.
        let of_kind = by_kind
            .iter()
            .find(|(kind, _)| kind.is_of(object))
            .map(|(_, rules)| rules.as_slice());
        for &rule in for_all.iter().chain(of_kind.into_iter().flatten()) {
            (rule.check)(&case, &mut Found::new(rule, object, &mut found));
        }
        for finding in found.drain(..) {
            if is_suppressed(object, &finding) {
                report.suppressed += 1;
            } else if report.findings.len() < MOST_FINDINGS {
                report.findings.push(finding);
            }
        }
    }
    sort(&mut report.findings);
    report
}

/// By place, then by code: the order in which a reader meets them in the text. Equal ones are one.
fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| finding.code();
        (&a.place, key(a), &a.object, &a.message).cmp(&(&b.place, key(b), &b.object, &b.message))
    });
    let mut seen = BTreeSet::new();
    findings.retain(|finding| {
        seen.insert((
            finding.place.clone(),
            finding.code(),
            finding.object.clone(),
            finding.message.clone(),
        ))
    });
}
