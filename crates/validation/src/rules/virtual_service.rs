//! Rules about VirtualServices.

pub(super) mod bypassed_subsets;
pub(super) mod claims_without_authentication;
mod conditions;
pub(super) mod empty_condition;
pub(crate) mod gateways;
pub(super) mod host_not_on_gateway;
pub(super) mod internal_gateway;
pub(super) mod lone_weight;
pub(super) mod missing_delegate;
pub(super) mod old_gateway_name;
pub(super) mod orphan_delegate;
pub(super) mod port_needed;
pub(super) mod prefix_boundary;
pub(super) mod repeated_condition;
pub(super) mod repeated_destination;
pub(super) mod route_type;
pub(super) mod same_host;
pub(super) mod shadowed_by_catch_all;
pub(super) mod shadowed_condition;
pub(super) mod unknown_gateway;
pub(super) mod unknown_host;
pub(super) mod unknown_port;
pub(super) mod unknown_subset;
pub(super) mod unreachable_rule;
pub(super) mod weights_sum;

use vigla_config::{VirtualService, WeightedDestination};

use crate::case::items;

/// The destinations of each route, of all protocols.
fn routes<'a>(rule: VirtualService<'a>) -> impl Iterator<Item = Vec<WeightedDestination<'a>>> {
    let spec = rule.object().spec();
    ["http", "tls", "tcp"]
        .into_iter()
        .flat_map(move |protocol| items(spec, protocol))
        .map(|rule| items(Some(rule), "route").map(WeightedDestination::of).collect())
}

/// Puts a rule that never decides before the one that takes its requests, both written in blocks.
fn unreachable_rule_fix(rule: vigla_config::Node<'_>, earlier: vigla_config::Node<'_>) -> Option<crate::Fix> {
    crate::Fix::move_before("put the rule first", rule, earlier)
}
