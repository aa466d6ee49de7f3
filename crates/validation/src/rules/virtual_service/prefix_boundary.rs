//! `VG1114`: a prefix takes siblings too.

use vigla_config::{StringMatch, VirtualService};

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1114),
    name: "prefix-without-boundary",
    severity: Severity::Info,
    says: "A path is rewritten by a prefix, and either only one of the two ends in `/`, or neither does and the \
           prefix also fits longer names: `/test` fits `/test2`. Only what the prefix took is replaced.",
    consequence: "Paths come out as `//reviews` or `/newreviews`, or requests for siblings are rewritten too.",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /v1}}]
    rewrite:
      uri: / # here
    route: [{destination: {host: reviews, subset: v1}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /v1/}}]
    rewrite:
      uri: /
    route: [{destination: {host: reviews, subset: v1}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(service) = VirtualService::of(case.object) else {
        return;
    };
    for rule in service.http() {
        let Some(node) = rule.rewrite().and_then(|rewrite| rewrite.field("uri")) else {
            continue;
        };
        let Some(new) = node.text() else { continue };
        for condition in rule.matches() {
            let (Some(StringMatch::Prefix(prefix)), Some(place)) =
                (condition.string("uri"), condition.field("uri"))
            else {
                continue;
            };
            let example = match (prefix.ends_with('/'), new.ends_with('/')) {
                (false, true) => format!("`{prefix}/a` becomes `{new}/a`"),
                (true, false) => format!("`{prefix}a` becomes `{new}a`"),
                _ => continue,
            };
            found
                .at(
                    node,
                    format!("prefix `{prefix}` is replaced by `{new}`: {example}"),
                )
                .related(case.object, place, "the prefix that is replaced");
            break;
        }
    }
}
