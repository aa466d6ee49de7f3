//! `VG0017`: a scalar is something else than it looks like.

use crate::rule::prelude::*;
use vigla_config::{Scalar, Style};

pub(crate) static RULE: Rule = Rule {
    code: Code(17),
    name: "yaml-trap",
    severity: Severity::Warning,
    says: "A scalar without quotes that Kubernetes reads by the rules of YAML 1.1: `yes`, `no`, `on`, \
           `off`, `y` and `n` are truth values, `017` is fifteen, `1_000` is a thousand. Found where a \
           string is wanted, in labels, annotations and lists of names, and wherever a number with a \
           leading zero stands.",
    consequence: "The API server refuses the object (a truth value where a string is wanted), or takes \
           another number.",
    peers: &[],
    kinds: &[],
    needs: Config,
    fails: "apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: bookinfo
  labels:
    canary: on # here
spec: {selector: {app: productpage}, ports: [{name: http, port: 9080}]}
",
    passes: "apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: bookinfo
  labels:
    canary: 'on'
spec: {selector: {app: productpage}, ports: [{name: http, port: 9080}]}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let mut open = vec![case.object.root()];
    while let Some(node) = open.pop() {
        if found.is_full() {
            return;
        }
        if let Some((text, Style::Plain)) = node.raw() {
            let trap = match node.scalar() {
                Some(Scalar::Bool(_))
                    if !matches!(text, "true" | "false" | "True" | "False" | "TRUE" | "FALSE") =>
                {
                    "a truth value"
                }
                Some(Scalar::Int(_)) if is_odd_number(text) => "a number that is written in an old way",
                _ => continue,
            };
            found
                .at(
                    node,
                    format!("`{text}` is {trap} to Kubernetes; write it in quotes or as it is meant"),
                )
                .fix(quoted(node, text));
            continue;
        }
        open.extend(node.items());
        open.extend(node.entries().map(|(_, value)| value));
    }
}

/// Whether a whole number is written so that its digits mislead: `017`, `1_000`.
fn is_odd_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    text.contains('_')
        || (digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn quoted(node: Node<'_>, text: &str) -> Option<Fix> {
    // `Fix::replace` puts what would be read as something else in quotes only when it has odd characters.
    Fix::verbatim(format!("write '{text}'"), node, &format!("'{text}'"))
}
