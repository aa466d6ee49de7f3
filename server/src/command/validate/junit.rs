//! Findings as a JUnit report: a suite for each file, a case for each finding.

use std::fmt::Write;

use vigla_validation::{Finding, Report, Severity, Text};

pub(super) fn write(report: &Report, texts: &[Text<'_>]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let failures = report
        .findings
        .iter()
        .filter(|finding| is_failure(finding))
        .count();
    let _ = writeln!(
        out,
        "<testsuites name=\"vigla validate\" tests=\"{}\" failures=\"{failures}\">",
        report.findings.len().max(texts.len())
    );
    for text in texts {
        let of_file = |finding: &&Finding| {
            let location = finding.place.location.as_ref();
            location.is_some_and(|location| &*location.file == text.file)
        };
        let findings: Vec<&Finding> = report.findings.iter().filter(of_file).collect();
        let failures = findings.iter().filter(|finding| is_failure(finding)).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">",
            escape(text.file),
            findings.len().max(1)
        );
        if findings.is_empty() {
            let _ = writeln!(
                out,
                "    <testcase name=\"no findings\" classname=\"{}\"/>",
                escape(text.file)
            );
        }
        for finding in findings {
            case(&mut out, finding);
        }
        out.push_str("  </testsuite>\n");
    }
    out + "</testsuites>"
}

/// Warnings and errors fail a case; what is only good to know does not.
fn is_failure(finding: &Finding) -> bool {
    finding.severity > Severity::Info
}

fn case(out: &mut String, finding: &Finding) {
    let place = finding
        .place
        .location
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let object = finding
        .object
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let name = format!("{} {} {place}", finding.code(), finding.rule.name);
    let text = format!("{place}: {}\n{}", finding.message, finding.consequence);
    let _ = write!(
        out,
        "    <testcase name=\"{}\" classname=\"{}\">",
        escape(&name),
        escape(&object)
    );
    if is_failure(finding) {
        let _ = write!(
            out,
            "<failure type=\"{}\" message=\"{}\">{}</failure>",
            finding.severity,
            escape(&finding.message),
            escape(&text)
        );
    } else {
        let _ = write!(out, "<system-out>{}</system-out>", escape(&text));
    }
    out.push_str("</testcase>\n");
}

/// Text as XML 1.0 can hold it: most control characters cannot stand in it at all.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_xml_cannot_hold_is_escaped() {
        assert_eq!(
            escape("a<b & \"c\"\u{1}\n"),
            "a&lt;b &amp; &quot;c&quot;\u{fffd}\n"
        );
    }
}
