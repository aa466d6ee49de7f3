//! Authorization by Envoy's RBAC filters: one that refuses what matches, one that lets through what matches.

mod conditions;

use std::collections::HashMap;

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::Metadata,
            rbac::v3::{Permission, Policy, Principal, Rbac, permission, principal, rbac::Action},
        },
        extensions::filters::{http::rbac::v3::Rbac as HttpRbac, network::rbac::v3::Rbac as NetworkRbac},
    },
    google::protobuf::{Struct, Value, value::Kind},
};
use vigla_dataplane::{Authorization, AuthorizationRule, Condition};

use super::{Reason, metadata};

/// Istio's name of the filter for requests.
pub(crate) const HTTP_FILTER: &str = "envoy.filters.http.rbac";
/// Istio's name of the filter for connections.
pub(crate) const NETWORK_FILTER: &str = "envoy.filters.network.rbac";
/// Where the origins of rules stand in a chain's metadata, by the rules' names: a policy of Envoy has no metadata.
const ORIGINS: &str = "vigla.origin.rules";

/// The rules of both filters, DENY first.
fn write(authorization: &Authorization) -> impl Iterator<Item = Rbac> {
    let deny = (!authorization.deny.is_empty()).then(|| write_rules(&authorization.deny, Action::Deny));
    let allow = authorization
        .allow
        .as_ref()
        .map(|rules| write_rules(rules, Action::Allow));
    deny.into_iter().chain(allow)
}

/// Filters for requests.
pub(crate) fn write_http(authorization: &Authorization) -> impl Iterator<Item = HttpRbac> {
    write(authorization).map(|rules| HttpRbac {
        rules: Some(rules),
        ..HttpRbac::default()
    })
}

/// Filters for connections.
pub(crate) fn write_network(authorization: &Authorization) -> impl Iterator<Item = NetworkRbac> {
    write(authorization).map(|rules| NetworkRbac {
        rules: Some(rules),
        stat_prefix: "tcp.".to_owned(),
        ..NetworkRbac::default()
    })
}

fn write_rules(rules: &[AuthorizationRule], action: Action) -> Rbac {
    Rbac {
        action: action.into(),
        policies: rules
            .iter()
            .map(|rule| (rule.name.to_string(), write_rule(rule)))
            .collect(),
        ..Rbac::default()
    }
}

fn write_rule(rule: &AuthorizationRule) -> Policy {
    let permission = |rule| Permission { rule: Some(rule) };
    let principal = |identifier| Principal {
        identifier: Some(identifier),
    };
    let to = rule.to.iter().map(|all| {
        permission(permission::Rule::AndRules(permission::Set {
            rules: all.iter().map(conditions::write_permission).collect(),
        }))
    });
    let from = rule.from.iter().map(|all| {
        principal(principal::Identifier::AndIds(principal::Set {
            ids: all.iter().map(conditions::write_principal).collect(),
        }))
    });
    let mut policy = Policy {
        permissions: to.collect(),
        principals: from.collect(),
        ..Policy::default()
    };
    if policy.permissions.is_empty() {
        policy.permissions.push(permission(permission::Rule::Any(true)));
    }
    if policy.principals.is_empty() {
        policy
            .principals
            .push(principal(principal::Identifier::Any(true)));
    }
    policy
}

/// Adds the filters' rules that were read to what is known; `shadow` rules decide nothing.
pub(crate) fn read(rules: Option<&Rbac>, into: &mut Authorization) -> Result<(), Reason> {
    let Some(rules) = rules else {
        return Ok(());
    };
    let mut read: Vec<AuthorizationRule> = rules
        .policies
        .iter()
        .map(|(name, policy)| {
            read_rule(name, policy).map_err(|reason| format!("authorization `{name}`: {reason}"))
        })
        .collect::<Result<_, _>>()?;
    read.sort_by(|a, b| a.name.cmp(&b.name));
    match Action::try_from(rules.action) {
        Ok(Action::Deny) => into.deny.extend(read),
        Ok(Action::Allow) if into.allow.is_none() => into.allow = Some(read),
        _ => return Err("authorization acts in a way that is not supported".to_owned()),
    }
    Ok(())
}

fn read_rule(name: &str, policy: &Policy) -> Result<AuthorizationRule, Reason> {
    if policy.condition.is_some() || policy.checked_condition.is_some() {
        return Err("has a condition in CEL: not supported".to_owned());
    }
    let to = policy
        .permissions
        .iter()
        .map(|permission| match &permission.rule {
            Some(permission::Rule::Any(true)) => Ok(Vec::new()),
            Some(permission::Rule::AndRules(set)) => {
                set.rules.iter().map(conditions::read_permission).collect()
            }
            _ => Ok(vec![conditions::read_permission(permission)?]),
        });
    let from = policy
        .principals
        .iter()
        .map(|principal| match &principal.identifier {
            Some(principal::Identifier::Any(true)) => Ok(Vec::new()),
            Some(principal::Identifier::AndIds(set)) => {
                set.ids.iter().map(conditions::read_principal).collect()
            }
            _ => Ok(vec![conditions::read_principal(principal)?]),
        });
    Ok(AuthorizationRule {
        name: name.into(),
        from: alternatives(from.collect::<Result<_, Reason>>()?),
        to: alternatives(to.collect::<Result<_, Reason>>()?),
        origin: None,
    })
}

/// One without conditions takes everything, so the others say nothing.
fn alternatives(found: Vec<Vec<Condition>>) -> Vec<Vec<Condition>> {
    if found.iter().any(Vec::is_empty) {
        Vec::new()
    } else {
        found
    }
}

/// Adds the origins of rules to a chain's metadata.
pub(crate) fn write_origins(
    metadata: Option<Metadata>,
    authorization: Option<&Authorization>,
) -> Option<Metadata> {
    let rules = authorization.into_iter().flat_map(all_rules);
    let fields: HashMap<String, Value> = rules
        .filter_map(|rule| {
            let kind = Kind::StructValue(metadata::write_origin(rule.origin.as_ref()?));
            Some((rule.name.to_string(), Value { kind: Some(kind) }))
        })
        .collect();
    if fields.is_empty() {
        return metadata;
    }
    let mut metadata = metadata.unwrap_or_default();
    metadata
        .filter_metadata
        .insert(ORIGINS.to_owned(), Struct { fields });
    Some(metadata)
}

/// Gives rules that were read their origins.
pub(crate) fn read_origins(metadata: Option<&Metadata>, authorization: &mut Authorization) {
    let Some(origins) = metadata.and_then(|metadata| metadata.filter_metadata.get(ORIGINS)) else {
        return;
    };
    let allow = authorization.allow.iter_mut().flatten();
    for rule in authorization.deny.iter_mut().chain(allow) {
        if let Some(Value {
            kind: Some(Kind::StructValue(fields)),
        }) = origins.fields.get(&*rule.name)
        {
            rule.origin = metadata::read_exact_origin(fields);
        }
    }
}

fn all_rules(authorization: &Authorization) -> impl Iterator<Item = &AuthorizationRule> {
    authorization
        .deny
        .iter()
        .chain(authorization.allow.iter().flatten())
}
