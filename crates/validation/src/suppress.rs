//! Annotations by which an object says that a finding about it is known.

use vigla_config::Object;

use crate::{Finding, selection::is_named};

/// Ours, Kiali's, and that of `istioctl analyze`: a list of codes with commas.
const ANNOTATIONS: [(&str, &str); 3] = [
    ("vigla.io/ignore", "*"),
    // An empty list means all of them.
    ("kiali.io/ignore-validations", ""),
    ("galley.istio.io/analyze-suppress", "*"),
];

/// Whether the object says that a finding about it is to be left out.
pub(crate) fn is_suppressed(object: &Object, finding: &Finding) -> bool {
    ANNOTATIONS.iter().any(|&(annotation, all)| {
        let Some(list) = object.annotations().get(annotation) else {
            return false;
        };
        let mut codes = list.split(',').map(str::trim);
        codes.any(|code| code == all || is_named(finding, &code.to_ascii_uppercase()))
    })
}
