//! Findings as bodies: command line, REST and browser write them with this and nothing else.

use vigla_validation::{Edit, Finding, Place, Point, Report};

use super::{object_body, place_body};
use crate::{self as api, FindingObject, RelatedPlace, TextEdit, TextPoint};

/// The body of a whole run over so many files.
pub fn findings_body(report: &Report, files: usize, cluster: &str) -> api::Findings {
    api::Findings {
        findings: report
            .findings
            .iter()
            .map(|finding| finding_body(finding, cluster))
            .collect(),
        objects: report.objects,
        files,
        suppressed: report.suppressed,
        not_checked: report
            .not_checked
            .iter()
            .map(|rule| rule.code.to_string())
            .collect(),
    }
}

/// The body of one finding.
pub fn finding_body(finding: &Finding, cluster: &str) -> api::Finding {
    api::Finding {
        code: finding.code().to_string(),
        name: finding.rule.name.to_owned(),
        reason: finding.reason.map(str::to_owned),
        severity: finding.severity.as_str().to_owned(),
        confidence: finding.confidence.as_str().to_owned(),
        message: finding.message.clone(),
        consequence: finding.consequence.clone().into_owned(),
        object: finding.object.as_ref().map(|object| FindingObject {
            group: object.group.to_string(),
            version: finding.version.clone(),
            kind: object.kind.to_string(),
            namespace: object.namespace.to_string(),
            name: object.name.to_string(),
            cluster: cluster.to_owned(),
        }),
        place: place(&finding.place),
        related: finding
            .related
            .iter()
            .map(|related| RelatedPlace {
                object: object_body(&related.object),
                place: place(&related.place),
                message: related.message.clone(),
            })
            .collect(),
        fix: finding.fix.as_ref().map(|fix| api::Fix {
            title: fix.title.clone(),
            edits: fix.edits.iter().map(edit).collect(),
        }),
        peers: finding.peers.iter().map(|&code| code.to_owned()).collect(),
    }
}

fn place(place: &Place) -> api::Place {
    place_body(&place.path, place.location.as_ref())
}

fn edit(edit: &Edit) -> TextEdit {
    let point = |point: Point| TextPoint {
        line: point.line,
        column: point.column,
    };
    TextEdit {
        file: edit.file.to_string(),
        start: point(edit.start),
        end: point(edit.end),
        text: edit.text.clone(),
    }
}
