//! Rules about DestinationRules.

pub(super) mod empty_subset;
pub(super) mod hidden_by_nearer_rule;
pub(super) mod overlapping_rules;
pub(super) mod subset_without_labels;
pub(super) mod third_namespace;
pub(super) mod tls_twice;
pub(super) mod tls_without_ca;
pub(super) mod unknown_host;

use vigla_config::{DestinationRule, Node};

/// Every `trafficPolicy` of a rule: its own, those of its subsets, and the settings of ports in each.
pub(super) fn policies<'a>(rule: DestinationRule<'a>) -> impl Iterator<Item = Node<'a>> {
    let own = rule.traffic_policy().map(vigla_config::TrafficPolicy::node);
    let of_subsets = rule
        .subsets()
        .filter_map(vigla_config::Subset::traffic_policy)
        .map(vigla_config::TrafficPolicy::node);
    own.into_iter().chain(of_subsets).flat_map(|policy| {
        std::iter::once(policy).chain(crate::case::items(Some(policy), "portLevelSettings"))
    })
}
