//! Rules about Istio's Gateways.

pub(super) mod conflict;
pub(super) mod empty_selector;
pub(super) mod missing_credential;
pub(super) mod port_not_on_service;
pub(super) mod shared_certificate;
