//! Findings for people: each with its line of the text and a mark below it.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write,
};

use vigla_validation::{Confidence, Finding, Place, Report, Severity, Text};

/// Lines of a text are looked up again and again: split once for each file.
type Lines<'t> = HashMap<&'t str, Vec<&'t str>>;

pub(super) fn write(report: &Report, texts: &[Text<'_>]) -> String {
    let named: BTreeSet<&str> = report
        .findings
        .iter()
        .filter_map(|finding| Some(&*finding.place.location.as_ref()?.file))
        .collect();
    let lines: Lines<'_> = texts
        .iter()
        .filter(|text| named.contains(text.file))
        .map(|text| (text.file, text.text.lines().collect()))
        .collect();
    let mut out = String::new();
    for finding in &report.findings {
        one(&mut out, finding, &lines);
    }
    out + &summary(report, texts.len())
}

fn one(out: &mut String, finding: &Finding, lines: &Lines<'_>) {
    let likely = if finding.confidence == Confidence::Likely {
        ", likely"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "{}[{}] {}{likely}: {}",
        finding.severity,
        finding.code(),
        finding.rule.name,
        finding.message
    );
    let object = finding
        .object
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let place = finding
        .place
        .location
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let _ = writeln!(
        out,
        "{}",
        format!("  --> {place}  {object}  {}", finding.place.path).trim_end()
    );
    excerpt(out, &finding.place, lines);
    let _ = writeln!(out, "   = {}", finding.consequence);
    for related in &finding.related {
        let place = related
            .place
            .location
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let _ = writeln!(out, "   = {place}: {} ({})", related.message, related.object);
    }
    if let Some(fix) = &finding.fix {
        let _ = writeln!(out, "   = fix: {}", fix.title);
    }
    if !finding.peers.is_empty() {
        let _ = writeln!(out, "   = also: {}", finding.peers.join(", "));
    }
    out.push('\n');
}

/// Characters of a line that are shown; what is longer is cut around the place.
const WIDTH: usize = 120;

fn excerpt(out: &mut String, place: &Place, lines: &Lines<'_>) {
    let Some(location) = &place.location else { return };
    let Some(line) = lines
        .get(&*location.file)
        .and_then(|lines| lines.get(location.line as usize - 1))
    else {
        return;
    };
    // Tabs and other controls would move the mark: one blank each.
    let chars: Vec<char> = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let column = (location.column as usize - 1).min(chars.len());
    let from = if chars.len() > WIDTH {
        column.saturating_sub(WIDTH / 2)
    } else {
        0
    };
    let shown: String = chars.iter().skip(from).take(WIDTH).collect();
    let length = (place.length as usize)
        .min(chars.len().saturating_sub(column))
        .clamp(1, WIDTH);
    let number = location.line.to_string();
    let blank = " ".repeat(number.len());
    let _ = writeln!(out, " {blank} |");
    let _ = writeln!(out, " {number} | {}", shown.trim_end());
    let _ = writeln!(
        out,
        " {blank} | {}{}",
        " ".repeat(column - from),
        "^".repeat(length)
    );
}

fn summary(report: &Report, files: usize) -> String {
    let count = |severity| {
        report
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let many = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let parts: Vec<String> = [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
    ]
    .into_iter()
    .map(|(number, word)| many(number, word))
    .collect();
    let mut text = format!(
        "{}, {} info in {} of {}",
        parts.join(", "),
        count(Severity::Info),
        many(report.objects, "object"),
        many(files, "file"),
    );
    if report.suppressed > 0 {
        let _ = write!(text, "; {} left out by annotations", report.suppressed);
    }
    if !report.not_checked.is_empty() {
        let _ = write!(
            text,
            "; {} not checked for want of traffic",
            many(report.not_checked.len(), "rule")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use vigla_config::MeshSettings;
    use vigla_model::Timestamp;
    use vigla_validation::validate;

    use super::*;

    #[test]
    fn a_finding_is_shown_with_its_line_and_a_mark_below_the_value() {
        let texts = [Text {
            file: "a.yaml",
            text: "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  hosts: [a.example]\n  \
                   http:\n  - route:\n    - destination: {host: nobody}\n",
        }];
        let report = validate(&texts, MeshSettings::default(), Timestamp(0));
        insta::assert_snapshot!(write(&report, &texts), @"
        error[VG1001] unknown-host: no Service and no ServiceEntry has the host `nobody` (`nobody.default.svc.cluster.local`)
          --> a.yaml:8:27  VirtualService default/a  spec.http[0].route[0].destination.host
           |
         8 |     - destination: {host: nobody}
           |                           ^^^^^^
           = Requests that take this route are answered with 503 (no cluster, flag NC); TCP connections are closed.
           = also: KIA1101, IST0101

        1 error, 0 warnings, 0 info in 1 object of 1 file
        ");
    }
}
