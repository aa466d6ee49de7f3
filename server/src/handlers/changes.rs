//! What changed in the mesh's config, and when.

use axum::{Json, extract::State};
use vigla_api::{ChangeItem, ChangesQuery, Page, Problem};

use super::Asked;
use crate::{caller::Caller, changes::Changes, cut::parse_time, error::ApiError};

/// `GET /api/v1/changes`: changes between `from` and `to`, newest first. Kept since the console started.
#[utoipa::path(get, path = "/api/v1/changes", params(ChangesQuery), tag = "config", responses((status = 200, body = Page<ChangeItem>), (status = 400, body = Problem)))]
pub async fn get_changes(
    caller: Caller,
    State(changes): State<Changes>,
    Asked(query): Asked<ChangesQuery>,
) -> Result<Json<Page<ChangeItem>>, ApiError> {
    let from = query.from.as_deref().map(parse_time).transpose()?;
    let to = query.to.as_deref().map(parse_time).transpose()?;
    let items = changes.between(from, to, caller.scope());
    Ok(Json(Page {
        total: items.len(),
        items,
        next: None,
        degraded: Vec::new(),
    }))
}
