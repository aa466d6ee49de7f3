//! `VG1113`: an item of `match` asks for nothing.

use vigla_config::VirtualService;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1113),
    name: "empty-condition",
    severity: Severity::Warning,
    says: "An item of `match` has nothing in it, or nothing that asks for anything. Mostly a line is indented one \
           level too little or too much, so that `- uri:` holds nothing and what follows it stands beside it.",
    consequence: "The rule takes every request, and rules behind it are never used.",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match:
    - uri: # here
    route: [{destination: {host: reviews, subset: v2}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match:
    - uri: {prefix: /reviews}
    route: [{destination: {host: reviews, subset: v2}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    for condition in rule.http().flat_map(vigla_config::HttpRule::matches) {
        let node = condition.node();
        let mut said = node
            .entries()
            .filter(|(key, _)| !matches!(*key, "name" | "statPrefix" | "ignoreUriCase"))
            .peekable();
        let first = said.peek().copied();
        if !said.all(|(_, value)| value.is_null() || (value.is_mapping() && value.entries().next().is_none()))
        {
            continue;
        }
        match first {
            Some((key, value)) => found.at_key(
                value,
                format!("`{key}` has nothing in it, so the condition asks for nothing"),
            ),
            None => found.at(node, "the condition asks for nothing"),
        };
    }
}
