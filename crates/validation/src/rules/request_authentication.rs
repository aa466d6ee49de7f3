//! Rules about RequestAuthentications.

pub(super) mod no_policy;
