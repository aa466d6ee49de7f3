//! Findings as SARIF 2.1.0, which code scanning of repositories reads.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vigla_validation::{Place, Report, Rule, Severity};

pub(super) fn write(report: &Report) -> anyhow::Result<String> {
    // Only rules that are used; their order is that of their codes.
    let used: BTreeMap<_, &Rule> = report
        .findings
        .iter()
        .map(|finding| (finding.code(), finding.rule))
        .collect();
    let index = |code| used.keys().position(|used| *used == code);
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let mut result = json!({
                "ruleId": finding.code().to_string(),
                "ruleIndex": index(finding.code()),
                "level": level(finding.severity),
                "message": {"text": format!("{}\n{}", finding.message, finding.consequence)},
                "locations": [location(&finding.place, None)],
                "relatedLocations": finding.related.iter()
                    .map(|related| location(&related.place, Some(&related.message)))
                    .collect::<Vec<_>>(),
                "partialFingerprints": {"vigla/v1": format!(
                    "{}:{}:{}",
                    finding.code(),
                    finding.object.as_ref().map(ToString::to_string).unwrap_or_default(),
                    finding.place.path
                )},
            });
            if let Some(fix) = &finding.fix {
                result["fixes"] = json!([{
                    "description": {"text": fix.title},
                    "artifactChanges": fix.edits.iter().map(|edit| json!({
                        "artifactLocation": {"uri": &*edit.file},
                        "replacements": [{
                            "deletedRegion": {
                                "startLine": edit.start.line, "startColumn": edit.start.column,
                                "endLine": edit.end.line, "endColumn": edit.end.column,
                            },
                            "insertedContent": {"text": edit.text},
                        }],
                    })).collect::<Vec<_>>(),
                }]);
            }
            result
        })
        .collect();
    let rules: Vec<Value> = used
        .values()
        .map(|rule| {
            json!({
                "id": rule.code.to_string(),
                "name": rule.name,
                "shortDescription": {"text": rule.says},
                "help": {"text": rule.consequence},
                "defaultConfiguration": {"level": level(rule.severity)},
            })
        })
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "vigla", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    Ok(serde_json::to_string_pretty(&log)?)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn location(place: &Place, message: Option<&str>) -> Value {
    let mut value = json!({"logicalLocations": [{"fullyQualifiedName": place.path}]});
    if let Some(at) = &place.location {
        value["physicalLocation"] = json!({
            "artifactLocation": {"uri": &*at.file},
            "region": {"startLine": at.line, "startColumn": at.column, "endColumn": at.column.saturating_add(place.length)},
        });
    }
    if let Some(message) = message {
        value["message"] = json!({"text": message});
    }
    value
}
