//! Rules about texts and objects as such, whatever their kind.

pub(super) mod not_yaml;
pub(super) mod old_field;
pub(super) mod old_version;
pub(super) mod removed_kind;
pub(super) mod repeated_key;
pub(super) mod same_object;
pub(super) mod unknown_kind;
pub(super) mod yaml_trap;
