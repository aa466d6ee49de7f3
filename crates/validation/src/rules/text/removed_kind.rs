//! `VG0011`: a kind left Istio.

use std::fmt::Write;

use crate::case::{at, items};
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(11),
    name: "removed-kind",
    severity: Severity::Error,
    says: "The kind belongs to an API that Istio no longer has: Mixer's handlers, instances and rules \
           (config.istio.io, gone with 1.8), the first authorization and authentication policies \
           (rbac.istio.io, authentication.istio.io, gone with 1.6). The finding names what stands in its \
           place.",
    consequence: "No version of Istio in use reads it: it limits, refuses and reports nothing, and no error \
           says so.",
    peers: &["IST0002"],
    kinds: &[],
    needs: Config,
    fails: "apiVersion: config.istio.io/v1alpha2
kind: handler # here
metadata:
  name: quotahandler
spec:
  compiledAdapter: memquota
  params:
    quotas:
    - name: requestcount.instance.istio-system
      maxAmount: 5000
      validDuration: 1s
      overrides:
      - dimensions:
          destination: httpbin
        maxAmount: 100
        validDuration: 1s
",
    passes: "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: httpbin-limit, namespace: bookinfo}
spec:
  workloadSelector: {labels: {app: ratings}}
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.local_ratelimit
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
          stat_prefix: http_local_rate_limiter
          token_bucket: {max_tokens: 100, tokens_per_fill: 100, fill_interval: 1s}
          filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}
          filter_enforced: {default_value: {numerator: 100, denominator: HUNDRED}}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let object = case.object;
    let Some(node) = object.root().get("kind").filter(|_| is_removed(object)) else {
        return;
    };
    let message = match object.group() {
        "config.istio.io" => mixer(object),
        "rbac.istio.io" => format!(
            "`{}` left Istio with version 1.6; write an AuthorizationPolicy",
            object.kind()
        ),
        _ => format!(
            "`{}` left Istio with version 1.6; write a PeerAuthentication, and a RequestAuthentication for tokens",
            object.kind()
        ),
    };
    let finding = found.at(node, message);
    if object.group() != "rbac.istio.io" {
        finding.peers(&[]);
    }
    if adapter(object).is_some_and(|adapter| matches!(adapter, "memquota" | "redisquota")) {
        finding.consequence(
            "No version of Istio in use reads it, so nothing is limited. Even then a handler alone limited nothing: it \
             took an instance, a rule and a QuotaSpec with its binding besides.",
        );
        finding.fix(limit(object));
    }
}

/// Whether an object's API is gone.
pub(super) fn is_removed(object: &Object) -> bool {
    matches!(
        object.group(),
        "config.istio.io" | "rbac.istio.io" | "authentication.istio.io"
    )
}

fn adapter(object: &Object) -> Option<&str> {
    let spec = object.spec()?;
    at(spec, "compiledAdapter")
        .or_else(|| at(spec, "adapter"))?
        .text()
}

/// What an object of Mixer was, and what does its work today.
fn mixer(object: &Object) -> String {
    let gone = format!(
        "`{}` of config.istio.io left Istio with Mixer in version 1.8",
        object.kind()
    );
    let Some(adapter) = adapter(object) else {
        return match object.kind() {
            "QuotaSpec" | "QuotaSpecBinding" => {
                format!("{gone}; limits of requests are local rate limits of Envoy today")
            }
            _ => format!("{gone}; metrics and logs come from the proxies today (Telemetry)"),
        };
    };
    match adapter {
        "memquota" | "redisquota" => {
            let meant = meaning(object);
            format!(
                "{gone}; this `{adapter}` was meant to allow {meant}. What comes nearest is Envoy's local rate limit, \
                 by an EnvoyFilter: it counts in each proxy by itself, not for the whole mesh"
            )
        }
        "denier" | "listchecker" | "rbac" => {
            format!("{gone}; write an AuthorizationPolicy in place of `{adapter}`")
        }
        _ => format!("{gone}; write a Telemetry in place of `{adapter}`"),
    }
}

/// What the quotas of a handler allow, in words.
fn meaning(object: &Object) -> String {
    let mut text = String::new();
    let quotas = object.spec().and_then(|spec| at(spec, "params.quotas"));
    for quota in quotas.into_iter().flat_map(Node::items) {
        let amount = |node: Node<'_>| {
            let most = at(node, "maxAmount")
                .and_then(Node::text)
                .unwrap_or("no")
                .to_owned();
            let time = at(node, "validDuration")
                .and_then(Node::text)
                .unwrap_or("1s")
                .to_owned();
            format!("{most} requests in {time}")
        };
        let and = if text.is_empty() { "" } else { ", and " };
        let _ = write!(text, "{and}{} for each set of dimensions", amount(quota));
        for other in items(Some(quota), "overrides") {
            let dimensions: Vec<String> = other
                .get("dimensions")
                .into_iter()
                .flat_map(Node::entries)
                .map(|(key, value)| format!("{key} `{}`", value.text().unwrap_or_default()))
                .collect();
            let _ = write!(text, ", {} for {}", amount(other), dimensions.join(" and "));
        }
    }
    if text.is_empty() {
        "nothing that is written here".to_owned()
    } else {
        text
    }
}

/// An EnvoyFilter in the handler's place: the limit of the first override that names a destination, at its pods.
fn limit(object: &Object) -> Option<Fix> {
    let quota = object
        .spec()
        .and_then(|spec| at(spec, "params.quotas"))?
        .items()
        .next()?;
    let narrow = items(Some(quota), "overrides")
        .find_map(|other| Some((other, at(other, "dimensions.destination")?.text()?)));
    let (limit, app) = narrow.map_or((quota, None), |(other, app)| (other, Some(app)));
    let most = at(limit, "maxAmount")?.as_i64()?;
    let time = at(limit, "validDuration").and_then(Node::text).unwrap_or("1s");
    let name = app.unwrap_or("all");
    let selector = app.map_or_else(String::new, |app| {
        format!("  workloadSelector:\n    labels:\n      app: {app}\n")
    });
    let text = format!(
        "apiVersion: networking.istio.io/v1alpha3\n\
         kind: EnvoyFilter\n\
         metadata:\n  name: {name}-limit\n\
         spec:\n{selector}\
         \x20 configPatches:\n\
         \x20 - applyTo: HTTP_FILTER\n\
         \x20   match:\n\
         \x20     context: SIDECAR_INBOUND\n\
         \x20     listener:\n\
         \x20       filterChain:\n\
         \x20         filter:\n\
         \x20           name: envoy.filters.network.http_connection_manager\n\
         \x20   patch:\n\
         \x20     operation: INSERT_BEFORE\n\
         \x20     value:\n\
         \x20       name: envoy.filters.http.local_ratelimit\n\
         \x20       typed_config:\n\
         \x20         '@type': type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit\n\
         \x20         stat_prefix: http_local_rate_limiter\n\
         \x20         token_bucket:\n\
         \x20           max_tokens: {most}\n\
         \x20           tokens_per_fill: {most}\n\
         \x20           fill_interval: {time}\n\
         \x20         filter_enabled:\n\
         \x20           default_value:\n\
         \x20             numerator: 100\n\
         \x20             denominator: HUNDRED\n\
         \x20         filter_enforced:\n\
         \x20           default_value:\n\
         \x20             numerator: 100\n\
         \x20             denominator: HUNDRED"
    );
    let whom = app.map_or_else(
        || "every proxy".to_owned(),
        |app| format!("each proxy of `{app}`"),
    );
    Fix::whole(
        format!("limit {whom} to {most} requests in {time} by itself (per proxy, not per mesh)"),
        object,
        text,
    )
}
