//! Rules about timeouts, retries, faults and endpoints that are taken away.

pub(super) mod dead_weight;
pub(super) mod ejects_all;
pub(super) mod fault_beside_retries;
pub(super) mod try_longer_than_request;
