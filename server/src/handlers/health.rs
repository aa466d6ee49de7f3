//! For machines: is it alive, is it ready.

use axum::extract::State;

use crate::{error::ApiError, live::Live};

/// `GET /healthz`: the process answers.
pub async fn get_healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the first graph is there.
pub async fn get_readyz(State(live): State<Live>) -> Result<&'static str, ApiError> {
    live.newest()
        .map(|_| "ok\n")
        .ok_or(ApiError::NotReady("the service graph"))
}
