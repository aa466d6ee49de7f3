//! Requests that the callee's proxy refused by AuthorizationPolicies. Envoy has no flag for it: 403 without one, or
//! gRPC's 7.

use std::net::{IpAddr, Ipv4Addr};

use vigla_dataplane::{Authorization, ConnectionFacts, NoObserver, Verdict, authorize_connection};
use vigla_graph::{ResponseKey, Why};
use vigla_model::{Origin, Principal};

use crate::case::{Case, likely, list, proved};

/// Whether an answer may be that of a policy.
pub(crate) fn is_refusal(key: &ResponseKey) -> bool {
    key.flags.is_empty() && (key.code == Some(403) || key.grpc_status == Some(7))
}

/// Empty when no policy refuses these callers: the application itself may have answered so.
pub(crate) fn explain(case: &Case<'_>) -> Vec<Why> {
    let Some(plan) = case.callee_plan() else {
        return Vec::new();
    };
    let chains = plan.listeners.values().flat_map(|listener| &listener.chains);
    let all: Vec<&Authorization> = chains
        .filter_map(|chain| chain.authorization.as_deref())
        .collect();
    let principals = case.callers_principals();
    let refused = principals
        .iter()
        .filter_map(|principal| all.iter().find_map(|found| refusal(case, found, principal)));
    refused.collect()
}

fn refusal(case: &Case<'_>, authorization: &Authorization, principal: &Principal) -> Option<Why> {
    let id = principal.to_string();
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let connection = ConnectionFacts {
        principal: Some(&id),
        source: nowhere,
        remote: nowhere,
        port: 0,
        server_name: None,
    };
    let (caller, called) = (case.caller(), case.called());
    let id = id.trim_start_matches("spiffe://");
    match authorize_connection(authorization, &connection, &mut NoObserver) {
        Verdict::Allowed(_) => None,
        Verdict::Denied(Some(rule)) => {
            let origin = rule.origin.as_ref()?;
            let message = format!(
                "{caller} may not call {called}: {} denies it by a rule that fits {id}. The proxy of {called} answers \
                 403 (RBAC).",
                origin.object
            );
            Some(proved(message, origin))
        }
        Verdict::Denied(None) => {
            let policies = allowing(case);
            let origin = policies.first()?;
            let objects = list(policies.iter().map(|origin| &origin.object));
            let message = format!(
                "{caller} may not call {called}: no rule of {objects}, which say who may, lets {id} in. The proxy of \
                 {called} answers 403 (RBAC)."
            );
            // A rule that asks for more than who calls may let some of its requests through.
            let by_caller = |rules: &Vec<_>| {
                rules
                    .iter()
                    .all(|rule: &vigla_dataplane::AuthorizationRule| rule.to.is_empty())
            };
            Some(if authorization.allow.as_ref().is_some_and(by_caller) {
                proved(message, origin)
            } else {
                likely(message, origin)
            })
        }
    }
}

/// Where the rules of the callee's ALLOW policies stand.
fn allowing(case: &Case<'_>) -> Vec<Origin> {
    let Some(callee) = case.callee() else {
        return Vec::new();
    };
    let policies = case
        .mesh
        .authorization_policies(&callee.namespace, &callee.labels);
    let allowing = policies.into_iter().filter(|policy| policy.action() == "ALLOW");
    let origin = |policy: vigla_config::AuthorizationPolicy<'_>| {
        let object = policy.object();
        let rules = object.spec().and_then(|spec| spec.get("rules"));
        rules.map_or_else(|| object.origin(), |rules| object.origin_of(rules))
    };
    allowing.map(origin).collect()
}
