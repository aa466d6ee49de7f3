//! Access logs of a workload's sidecars.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use vigla_api::{Logs, LogsQuery, Problem};
use vigla_demo::{Demo, LogsError};

use super::Asked;
use crate::{caller::Caller, error::ApiError, live::Live};

/// Lines of one answer when the caller does not say, and at most.
const LINES: (usize, usize) = (100, 1000);

/// `GET /api/v1/namespaces/{namespace}/workloads/{name}/logs`: the newest lines, oldest first.
#[utoipa::path(get, path = "/api/v1/namespaces/{namespace}/workloads/{name}/logs", tag = "objects",
    params(("namespace" = String, Path), ("name" = String, Path), LogsQuery),
    responses((status = 200, body = Logs), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn get_logs(
    caller: Caller,
    State(live): State<Live>,
    State(demo): State<Option<Arc<Demo>>>,
    Path((namespace, name)): Path<(String, String)>,
    Asked(query): Asked<LogsQuery>,
) -> Result<Json<Logs>, ApiError> {
    let namespace = caller.readable_one(&namespace)?;
    let tail = query.tail.unwrap_or(LINES.0);
    if !(1..=LINES.1).contains(&tail) {
        return Err(ApiError::BadParameter(format!("`tail` is from 1 to {}", LINES.1)));
    }
    // The name is looked up before anything is opened: it never becomes a path as it came.
    let snapshot = live.snapshot();
    let missing = || ApiError::NotFound(format!("workload `{name}` with a log in namespace `{namespace}`"));
    let workload = snapshot
        .workload(&namespace, &name.as_str().into())
        .ok_or_else(missing)?;
    let demo = demo.ok_or_else(missing)?;
    let tail = demo.logs(namespace.as_str(), workload.name.as_str(), tail).await.map_err(|error| match error {
        LogsError::NoSidecar { .. } => missing(),
        LogsError::Read(error) => {
            tracing::error!(%error, %namespace, workload = %workload.name, "an access log cannot be read");
            ApiError::Internal
        }
    })?;
    let line = |line: String| serde_json::from_str(&line).unwrap_or(serde_json::Value::String(line));
    Ok(Json(Logs {
        lines: tail.lines.into_iter().map(line).collect(),
        truncated: tail.truncated,
    }))
}
