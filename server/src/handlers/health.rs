//! For machines: is it alive, is it ready.

use axum::extract::State;

use crate::{error::ApiError, live::Live};

/// `GET /healthz`: the process answers.
pub async fn get_healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the first graph is there, or it is known why not: the rest of the console works all the same.
pub async fn get_readyz(State(live): State<Live>) -> Result<&'static str, ApiError> {
    if live.newest().is_some() || live.trouble().is_some() {
        Ok("ok\n")
    } else {
        Err(ApiError::NotReady("the service graph"))
    }
}
