//! Conditions of a rule. Those on the caller are decided here: they have no counterpart in a proxy.

use std::fmt;

use vigla_config::{Attachment, HttpMatch, HttpRule, StringMatch as Written, VirtualService};
use vigla_dataplane::{HeaderMatch, PathMatch, Pattern, QueryMatch, RouteMatch, StringMatch};

use super::Scene;
use crate::context::Context;

/// The conditions under which a rule's route applies, one by one; empty when it never does for this proxy.
pub(super) fn build(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    http: HttpRule<'_>,
    scene: &Scene<'_>,
) -> Vec<RouteMatch> {
    let mut conditions = http.matches().peekable();
    if conditions.peek().is_none() {
        return vec![RouteMatch::default()];
    }
    let mut found = Vec::new();
    for condition in conditions {
        if !is_for_proxy(context, rule, condition, scene.attachment, scene.port) {
            continue;
        }
        match compile(condition) {
            Ok(matches) => found.push(matches),
            Err(error) => {
                let message = format!("the expression cannot be used ({error}); this condition never holds");
                context.problem(rule.origin(condition.node()), message);
            }
        }
    }
    found
}

/// Whether the parts of a condition that speak of callers and ports hold for this proxy.
pub(crate) fn is_for_proxy(
    context: &Context<'_, '_>,
    rule: VirtualService<'_>,
    condition: HttpMatch<'_>,
    attachment: Attachment<'_>,
    port: u16,
) -> bool {
    let own = context.instance;
    let mut gateways = condition.gateways().peekable();
    let attached = gateways.peek().is_none()
        || gateways.any(|written| match attachment {
            Attachment::Mesh => written == "mesh",
            Attachment::Gateway { namespace, name } => {
                let (of, written) = written
                    .split_once('/')
                    .unwrap_or((rule.namespace().as_str(), written));
                written == name && of == namespace
            }
        });
    attached
        && condition.port().is_none_or(|wanted| wanted == port)
        && condition
            .source_namespace()
            .is_none_or(|namespace| own.namespace == *namespace)
        && condition
            .source_labels()
            .iter()
            .all(|(key, value)| own.labels.get(key) == Some(value))
}

fn compile(condition: HttpMatch<'_>) -> Result<RouteMatch, BadPattern> {
    let mut matches = RouteMatch {
        path: match condition.string("uri") {
            None => PathMatch::Any,
            Some(Written::Exact(text)) => PathMatch::Exact(text.into()),
            Some(Written::Prefix(text)) => PathMatch::Prefix(text.into()),
            Some(Written::Regex(text)) => PathMatch::Regex(pattern(text)?),
        },
        ignore_path_case: condition.ignore_uri_case(),
        ..RouteMatch::default()
    };
    for key in ["method", "authority", "scheme"] {
        if let Some(written) = condition.string(key) {
            let value = string(written)?;
            matches.headers.push(HeaderMatch {
                name: format!(":{key}").into(),
                value,
                invert: false,
            });
        }
    }
    for (key, invert) in [("headers", false), ("withoutHeaders", true)] {
        for (name, written) in condition.named(key) {
            let value = named(written)?;
            let name = name.to_ascii_lowercase().into();
            matches.headers.push(HeaderMatch { name, value, invert });
        }
    }
    for (name, written) in condition.named("queryParams") {
        matches.query.push(QueryMatch {
            name: name.into(),
            value: named(written)?,
        });
    }
    Ok(matches)
}

/// A condition on something that may be absent.
fn named(written: Option<Written<'_>>) -> Result<StringMatch, BadPattern> {
    match written {
        // `*` alone is no expression; Istio reads it as "any value".
        None | Some(Written::Regex("*")) => Ok(StringMatch::Present),
        Some(written) => string(written),
    }
}

fn string(written: Written<'_>) -> Result<StringMatch, BadPattern> {
    Ok(match written {
        Written::Exact(text) => StringMatch::Exact(text.into()),
        Written::Prefix(text) => StringMatch::Prefix(text.into()),
        Written::Regex(text) => StringMatch::Regex(pattern(text)?),
    })
}

fn pattern(text: &str) -> Result<Pattern, BadPattern> {
    Pattern::new(text).map_err(|error| BadPattern {
        written: text.to_owned(),
        reason: error.to_string(),
    })
}

/// Why an expression was refused, in one line.
struct BadPattern {
    written: String,
    reason: String,
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The library's text draws a picture over several lines; the last one says what is wrong.
        let reason = self.reason.lines().last().unwrap_or_default();
        write!(f, "`{}`: {}", self.written, reason.trim_start_matches("error: "))
    }
}
