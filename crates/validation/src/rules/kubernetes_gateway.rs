//! Rules about the Gateway API.

pub(super) mod listener_conflict;
pub(super) mod old_definitions;
pub(super) mod shared_address;
pub(super) mod unknown_backend;
pub(super) mod unknown_grantee;
pub(super) mod unknown_parent;
