//! All rules, one in each file, in order of their codes.

mod annotation;
mod authorization_policy;
mod destination_rule;
mod envoy_filter;
mod gateway;
mod kubernetes_gateway;
mod peer_authentication;
mod request_authentication;
mod resilience;
mod schema;
mod selection;
mod semantic;
mod service;
mod service_entry;
mod sidecar;
mod telemetry;
mod text;
mod virtual_service;
mod workload;

use vigla_config::Trouble;

use crate::{Code, Rule};

static RULES: &[&Rule] = &[
    &text::not_yaml::RULE,
    &text::repeated_key::RULE,
    &text::same_object::RULE,
    &text::unknown_kind::RULE,
    &schema::unknown_field::RULE,
    &schema::wrong_value::RULE,
    &semantic::refused::RULE,
    &semantic::warned::RULE,
    &text::old_version::RULE,
    &text::removed_kind::RULE,
    &text::old_field::RULE,
    &annotation::unknown::RULE,
    &annotation::invalid::RULE,
    &annotation::old::RULE,
    &text::yaml_trap::RULE,
    &virtual_service::unknown_host::RULE,
    &virtual_service::unknown_port::RULE,
    &virtual_service::port_needed::RULE,
    &virtual_service::unknown_subset::RULE,
    &virtual_service::unknown_gateway::RULE,
    &virtual_service::host_not_on_gateway::RULE,
    &virtual_service::internal_gateway::RULE,
    &virtual_service::old_gateway_name::RULE,
    &virtual_service::same_host::RULE,
    &virtual_service::lone_weight::RULE,
    &virtual_service::repeated_destination::RULE,
    &virtual_service::bypassed_subsets::RULE,
    &virtual_service::claims_without_authentication::RULE,
    &virtual_service::weights_sum::RULE,
    &virtual_service::unreachable_rule::RULE,
    &virtual_service::repeated_condition::RULE,
    &virtual_service::shadowed_condition::RULE,
    &virtual_service::shadowed_by_catch_all::RULE,
    &virtual_service::empty_condition::RULE,
    &virtual_service::prefix_boundary::RULE,
    &destination_rule::unknown_host::RULE,
    &destination_rule::empty_subset::RULE,
    &destination_rule::subset_without_labels::RULE,
    &destination_rule::overlapping_rules::RULE,
    &destination_rule::tls_without_ca::RULE,
    &destination_rule::third_namespace::RULE,
    &destination_rule::hidden_by_nearer_rule::RULE,
    &destination_rule::tls_twice::RULE,
    &gateway::empty_selector::RULE,
    &gateway::port_not_on_service::RULE,
    &gateway::conflict::RULE,
    &gateway::missing_credential::RULE,
    &gateway::shared_certificate::RULE,
    &virtual_service::route_type::RULE,
    &kubernetes_gateway::listener_conflict::RULE,
    &kubernetes_gateway::shared_address::RULE,
    &service_entry::conflict::RULE,
    &service_entry::other_protocol::RULE,
    &service_entry::tcp_without_address::RULE,
    &service_entry::wildcard_dns::RULE,
    &sidecar::shared_pod::RULE,
    &sidecar::two_wide::RULE,
    &sidecar::no_pod::RULE,
    &sidecar::unknown_egress::RULE,
    &sidecar::root_selector::RULE,
    &sidecar::ambiguous_mode::RULE,
    &sidecar::unknown_export::RULE,
    &sidecar::hidden_host::RULE,
    &resilience::try_longer_than_request::RULE,
    &resilience::fault_beside_retries::RULE,
    &resilience::ejects_all::RULE,
    &resilience::dead_weight::RULE,
    &kubernetes_gateway::unknown_parent::RULE,
    &kubernetes_gateway::unknown_backend::RULE,
    &kubernetes_gateway::unknown_grantee::RULE,
    &virtual_service::missing_delegate::RULE,
    &virtual_service::orphan_delegate::RULE,
    &authorization_policy::no_pod::RULE,
    &authorization_policy::unknown_namespace::RULE,
    &authorization_policy::unknown_method::RULE,
    &authorization_policy::unknown_principal::RULE,
    &authorization_policy::not_on_gateway::RULE,
    &authorization_policy::allows_nobody::RULE,
    &authorization_policy::or_for_and::RULE,
    &peer_authentication::shared_pod::RULE,
    &peer_authentication::two_wide::RULE,
    &peer_authentication::no_pod::RULE,
    &peer_authentication::plain_to_strict::RULE,
    &request_authentication::no_policy::RULE,
    &workload::not_injected::RULE,
    &workload::two_modes::RULE,
    &workload::without_proxy::RULE,
    &workload::image_auto::RULE,
    &workload::proxy_user::RULE,
    &service::underivable_protocol::RULE,
    &service::unknown_app_protocol::RULE,
    &service::unknown_target_port::RULE,
    &service::clash::RULE,
    &service::no_pods::RULE,
    &telemetry::shared_pod::RULE,
    &telemetry::two_wide::RULE,
    &telemetry::lightstep::RULE,
    &telemetry::no_pod::RULE,
    &envoy_filter::relative_without_priority::RULE,
    &envoy_filter::replace_elsewhere::RULE,
    &envoy_filter::add_elsewhere::RULE,
    &envoy_filter::remove_elsewhere::RULE,
    &kubernetes_gateway::old_definitions::RULE,
];

/// All rules, in order of their codes.
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// The rule with a code.
pub fn find_rule(code: Code) -> Option<&'static Rule> {
    rules().iter().copied().find(|rule| rule.code == code)
}

/// The rule that tells of text that could not be used as it stands.
pub(crate) fn text_rule(trouble: Trouble) -> &'static Rule {
    match trouble {
        Trouble::Broken => &text::not_yaml::RULE,
        Trouble::RepeatedKey => &text::repeated_key::RULE,
        Trouble::NoObject => &text::unknown_kind::RULE,
    }
}
