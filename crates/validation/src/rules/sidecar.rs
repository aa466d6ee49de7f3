//! Rules about Sidecars, and about who sees an object.

pub(super) mod ambiguous_mode;
pub(super) mod hidden_host;
pub(super) mod no_pod;
pub(super) mod root_selector;
pub(super) mod shared_pod;
pub(super) mod two_wide;
pub(super) mod unknown_egress;
pub(super) mod unknown_export;
