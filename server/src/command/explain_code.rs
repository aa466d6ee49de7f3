//! `vigla explain-code`: what a finding means.

use anyhow::bail;
use clap::Args;
use vigla_validation::{Need, Rule, rules};

use super::say;

/// Which code.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A code of ours (VG1004), of Kiali (KIA1107) or of `istioctl analyze` (IST0101), or a rule's name. Without one,
    /// all rules are listed.
    code: Option<String>,
}

/// Prints the explanation.
///
/// # Errors
/// When no rule has that code.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Some(code) = &arguments.code else {
        for rule in rules() {
            say(&format!("{} {:7} {}", rule.code, rule.severity, rule.name));
        }
        return Ok(());
    };
    let wanted = code.to_ascii_uppercase();
    let found: Vec<&Rule> = rules()
        .iter()
        .copied()
        .filter(|rule| {
            rule.code.to_string() == wanted
                || rule.peers.contains(&wanted.as_str())
                || rule.name.eq_ignore_ascii_case(code)
        })
        .collect();
    if found.is_empty() {
        bail!("no rule has the code `{code}`: `vigla explain-code` without a code lists them");
    }
    for rule in found {
        say(&explain(rule));
    }
    Ok(())
}

fn explain(rule: &Rule) -> String {
    let mut text = format!(
        "{} {} ({})\n\n{}\n\nIn traffic: {}\n",
        rule.code, rule.name, rule.severity, rule.says, rule.consequence
    );
    if !rule.peers.is_empty() {
        text += &format!("\nThe same at peers: {}.\n", rule.peers.join(", "));
    }
    if rule.needs == Need::Traffic {
        text += "\nIt needs the traffic of a running mesh; offline it says nothing.\n";
    }
    text + &format!(
        "\nFound here:\n\n{}\nNot here:\n\n{}",
        indented(rule.fails),
        indented(rule.passes)
    )
}

fn indented(yaml: &str) -> String {
    yaml.lines().map(|line| format!("    {line}\n")).collect()
}
