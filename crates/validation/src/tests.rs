//! What holds for every rule, and the answers to whole files.

mod mission;

use std::{collections::BTreeSet, fs, path::Path};

use vigla_config::MeshSettings;
use vigla_model::Timestamp;

use crate::{Finding, Report, Rule, Severity, Text, examples::BOOKINFO, fix::apply, rules, validate};

/// 2026-11-24 00:00 UTC.
const NOW: Timestamp = Timestamp(1_795_478_400_000);

fn run(yaml: &str) -> Report {
    let texts = [
        Text {
            file: "bookinfo.yaml",
            text: BOOKINFO,
        },
        Text {
            file: "example.yaml",
            text: yaml,
        },
    ];
    validate(&texts, MeshSettings::default(), NOW)
}

fn of<'r>(report: &'r Report, rule: &Rule) -> Vec<&'r Finding> {
    report
        .findings
        .iter()
        .filter(|finding| finding.rule == rule)
        .collect()
}

fn told(findings: &[&Finding]) -> String {
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| {
            let place = finding.place.location.as_ref().map(ToString::to_string);
            format!(
                "{} {} {}: {}",
                place.unwrap_or_default(),
                finding.code(),
                finding.severity,
                finding.message
            )
        })
        .collect();
    lines.join("\n")
}

fn lines(findings: &[&Finding]) -> BTreeSet<u32> {
    findings
        .iter()
        .map(|finding| finding.place.location.as_ref().expect("examples are texts").line)
        .collect()
}

#[test]
fn no_rule_finds_anything_in_the_mesh_of_the_examples() {
    let report = run("");
    let all: Vec<&Finding> = report.findings.iter().collect();
    assert!(all.is_empty(), "{}", told(&all));
    assert!(report.objects > 10);
}

#[test]
fn every_rule_finds_what_is_marked_in_its_example_and_nothing_else() {
    let mut wrong = Vec::new();
    for rule in rules() {
        let report = run(rule.fails);
        let marked: BTreeSet<u32> = (1..)
            .zip(rule.fails.lines())
            .filter(|(_, line)| line.ends_with("# here"))
            .map(|(number, _)| number)
            .collect();
        let found = of(&report, rule);
        if marked.is_empty() || lines(&found) != marked {
            let all: Vec<&Finding> = report.findings.iter().collect();
            wrong.push(format!("{rule:?}: marked {marked:?}, found\n{}", told(&all)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn no_rule_finds_an_error_in_an_example_that_passes() {
    let mut wrong = Vec::new();
    for rule in rules() {
        let report = run(rule.passes);
        let bad: Vec<&Finding> = report
            .findings
            .iter()
            .filter(|finding| finding.rule == *rule || finding.severity == Severity::Error)
            .collect();
        if !bad.is_empty() {
            wrong.push(format!("{rule:?}:\n{}", told(&bad)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_fix_mends_what_it_is_for() {
    let mut wrong = Vec::new();
    let mut fixes = 0;
    for rule in rules() {
        let before = run(rule.fails);
        for finding in of(&before, rule) {
            let Some(fix) = &finding.fix else { continue };
            fixes += 1;
            assert!(!fix.title.is_empty() && !fix.edits.is_empty(), "{rule:?}");
            if fix.edits.iter().any(|edit| &*edit.file != "example.yaml") {
                continue;
            }
            let Some(text) = apply(rule.fails, fix) else {
                wrong.push(format!("{rule:?}: the edits are outside of the text: {fix:?}"));
                continue;
            };
            let after = run(&text);
            let broken = |report: &Report| {
                let codes = report.findings.iter().filter(|finding| finding.code().0 <= 8);
                codes.count()
            };
            if of(&after, rule).len() >= of(&before, rule).len() || broken(&after) > broken(&before) {
                let all: Vec<&Finding> = after.findings.iter().collect();
                wrong.push(format!("{rule:?}: `{}` gives\n{text}\n{}", fix.title, told(&all)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(fixes > 20, "only {fixes} fixes were tried");
}

#[test]
fn every_rule_is_explained_and_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for rule in rules() {
        assert!(names.insert(rule.name), "{rule:?} has the name of another");
        assert!(codes.insert(rule.code), "{rule:?} has the code of another");
        for text in [rule.says, rule.consequence] {
            assert!(text.ends_with(['.', ')']), "{rule:?}: `{text}` is no sentence");
        }
        for code in rule.peers {
            let (prefix, digits) = code.split_at(3);
            assert!(
                matches!(prefix, "KIA" | "IST") && digits.len() == 4,
                "{rule:?}: {code}"
            );
        }
    }
}

#[test]
fn every_file_below_rules_with_a_rule_is_registered() {
    fn count(folder: &Path) -> usize {
        let entries = fs::read_dir(folder).expect("the folder is part of the crate");
        entries
            .map(|entry| entry.expect("readable").path())
            .map(|path| {
                if path.is_dir() {
                    count(&path)
                } else {
                    let text = fs::read_to_string(&path).expect("readable");
                    text.matches("pub(crate) static RULE: Rule").count()
                }
            })
            .sum()
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    assert_eq!(count(&folder), rules().len());
}

#[test]
fn the_demo_mesh_is_clean_and_its_broken_scenario_is_not() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo");
    let read = |folder: &str| -> Vec<(String, String)> {
        let entries = fs::read_dir(assets.join(folder)).expect("the demo's files are part of the repository");
        let mut files: Vec<(String, String)> = entries
            .map(|entry| entry.expect("readable").path())
            .map(|path| {
                let name = path
                    .file_name()
                    .expect("it is a file")
                    .to_string_lossy()
                    .into_owned();
                (name, fs::read_to_string(&path).expect("readable"))
            })
            .collect();
        files.sort();
        files
    };
    let check = |files: &[(String, String)]| {
        let texts: Vec<Text<'_>> = files.iter().map(|(file, text)| Text { file, text }).collect();
        let report = validate(&texts, MeshSettings::default(), NOW);
        let all: Vec<&Finding> = report.findings.iter().collect();
        told(&all)
    };
    let mut files = read("mesh");
    // Its namespace `legacy` is there to show callers without a proxy.
    let legacy =
        "namespaces.yaml:18:9 VG3001 info: nothing says whether pods of namespace `legacy` get proxies";
    assert_eq!(check(&files), legacy);
    for (name, text) in read("scenarios/broken-subset/step-1") {
        files.retain(|(other, _)| *other != name);
        files.push((name, text));
    }
    let found = check(&files);
    let errors: Vec<&str> = found.lines().filter(|line| *line != legacy).collect();
    assert!(
        !errors.is_empty() && errors.iter().all(|line| line.contains("VG1004 error")),
        "{found}"
    );
}

#[test]
fn the_pages_of_the_findings_are_as_the_rules_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/findings");
    let leaves = crate::book::leaves();
    let old: Vec<&str> = leaves
        .iter()
        .filter(|leaf| fs::read_to_string(folder.join(&leaf.file)).ok().as_ref() != Some(&leaf.text))
        .map(|leaf| leaf.file.as_str())
        .collect();
    let there = fs::read_dir(&folder).map_or(0, Iterator::count);
    assert!(
        old.is_empty() && there == leaves.len(),
        "run `cargo xtask docs`: {there} pages, old are {old:?}"
    );
}

/// Texts of a megabyte that would take long if rules compared everything with everything.
#[test]
fn hostile_texts_are_answered_soon_and_with_few_words() {
    let object = |kind: &str, spec: &str| {
        format!("apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n")
    };
    let many = |item: &str, number: usize| vec![item; number].join(", ");
    let texts = [
        "[".repeat(1 << 20),
        "a:\n".repeat(1 << 18),
        format!(
            "a: &a [{}]\nb: &b [{}]\nc: [{}]",
            many("1", 1000),
            many("*a", 1000),
            many("*b", 1000)
        ),
        format!("kind: x\n{}", "on: yes\n".repeat(1 << 17)),
        object(
            "VirtualService",
            &format!(
                "{{hosts: [{}], http: [{}]}}",
                many("a", 20_000),
                many(
                    "{match: [{uri: {prefix: /a}}], route: [{destination: {host: b}}]}",
                    5000
                )
            ),
        ),
        object(
            "VirtualService",
            &format!(
                "{{hosts: [a], exportTo: [{}], http: [{{route: [{}]}}]}}",
                many("b", 50_000),
                many("{destination: {host: c}, weight: 1}", 10_000)
            ),
        ),
        object(
            "Gateway",
            &format!(
                "{{servers: [{}]}}",
                many(
                    "{port: {number: 80, name: a, protocol: HTTP}, hosts: [a.b]}",
                    10_000
                )
            ),
        ),
        object(
            "Sidecar",
            &format!("{{egress: [{{hosts: [{}]}}]}}", many("./a", 50_000)),
        ),
        object(
            "DestinationRule",
            &format!(
                "{{host: a, wrong: [{}], b: {{{}}}}}",
                many("yes", 50_000),
                many("no: 017", 20_000)
            ),
        ),
        object("Sidecar", "{workloadSelector: {labels: {a: b}}}\n---\n").repeat(5000),
        "\u{feff}\0\t: [\r\n".repeat(1 << 16),
    ];
    for text in texts {
        let start = std::time::Instant::now();
        let shown: String = text.chars().take(60).collect();
        let report = validate(
            &[Text {
                file: "-",
                text: &text,
            }],
            MeshSettings::default(),
            NOW,
        );
        assert!(!report.findings.is_empty(), "{shown}");
        for finding in &report.findings {
            let place = finding.place.location.as_ref().expect("it is a text");
            assert!(place.line >= 1 && place.column >= 1);
        }
        // Unoptimised and on a machine with other work; what is compared with everything takes minutes.
        assert!(start.elapsed().as_secs() < 30, "{shown}: {:?}", start.elapsed());
    }
}

#[test]
fn an_annotation_leaves_a_finding_out() {
    let rule = |annotations: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\n\
             metadata: {{name: a, namespace: bookinfo, annotations: {{{annotations}}}}}\n\
             spec: {{hosts: [reviews], http: [{{route: [{{destination: {{host: nobody, subset: x}}}}]}}]}}\n"
        )
    };
    let codes = |annotations: &str| {
        let report = run(&rule(annotations));
        let codes: Vec<String> = report
            .findings
            .iter()
            .map(|finding| finding.code().to_string())
            .collect();
        (codes.join(" "), report.suppressed)
    };
    assert_eq!(codes(""), ("VG1001 VG1004".to_owned(), 0));
    assert_eq!(codes("vigla.io/ignore: VG1001"), ("VG1004".to_owned(), 1));
    assert_eq!(codes("vigla.io/ignore: '*'"), (String::new(), 2));
    assert_eq!(codes("kiali.io/ignore-validations: ''"), (String::new(), 2));
    assert_eq!(
        codes("kiali.io/ignore-validations: KIA1107"),
        ("VG1001".to_owned(), 1)
    );
    assert_eq!(
        codes("galley.istio.io/analyze-suppress: 'IST0101, IST0112'"),
        (String::new(), 2)
    );
    assert_eq!(
        codes("galley.istio.io/analyze-suppress: IST0104"),
        ("VG1001 VG1004".to_owned(), 0)
    );
}
