//! Errors as RFC 9457 problems.

use serde::{Deserialize, Serialize};

/// Body of every error, `application/problem+json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Stable code, such as `unknown-parameter`.
    pub code: String,
    /// What went wrong, in general.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What went wrong here, and what to do.
    pub detail: String,
}
