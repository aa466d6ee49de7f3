//! Rules about EnvoyFilters.

pub(super) mod add_elsewhere;
pub(super) mod relative_without_priority;
pub(super) mod remove_elsewhere;
pub(super) mod replace_elsewhere;
