//! Rules about fields as such: whether a kind has them, and which values they take.

pub(super) mod unknown_field;
pub(super) mod wrong_value;

use vigla_config::Violation;

use crate::case::Case;

/// Where an object differs from what its kind allows.
fn violations<'a>(case: &Case<'a>) -> Vec<Violation<'a>> {
    let version = case.object.api_version().rsplit('/').next().unwrap_or_default();
    let schema = case
        .mesh
        .schemas()
        .find(case.object.group(), case.object.kind(), version);
    schema.map_or_else(Vec::new, |schema| schema.check(case.object.root()))
}
