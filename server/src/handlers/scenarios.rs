//! The demo's scenarios: prepared changes of its config that are undone exactly.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
};
use vigla_api::{ApplyScenario, Problem, Scenario, ScenarioApplied, Scenarios, format_time};
use vigla_demo::{Demo, ScenarioError};
use vigla_model::Timestamp;

use crate::error::ApiError;

/// `GET /api/v1/scenarios`: all of them, with the step that is applied.
#[utoipa::path(get, path = "/api/v1/scenarios", tag = "demo", responses((status = 200, body = Scenarios), (status = 404, body = Problem)))]
pub async fn get_scenarios(State(demo): State<Option<Arc<Demo>>>) -> Result<Json<Scenarios>, ApiError> {
    let list = demo.ok_or_else(no_demo)?.scenarios().list().await;
    let scenarios = list.into_iter().map(|info| Scenario {
        name: info.name,
        title: info.title,
        changes: info.changes,
        look: info.look,
        steps: info.steps,
        step: info.applied.map(|(step, _)| step),
        since: info.applied.map(|(_, since)| format_time(since_epoch(since))),
    });
    Ok(Json(Scenarios {
        scenarios: scenarios.collect(),
    }))
}

/// `POST /api/v1/scenarios/{name}`: applies a step; the same again changes nothing.
#[utoipa::path(post, path = "/api/v1/scenarios/{name}", tag = "demo", params(("name" = String, Path)), request_body = ApplyScenario,
    responses((status = 200, body = ScenarioApplied), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn post_scenario(
    State(demo): State<Option<Arc<Demo>>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<ScenarioApplied>, ApiError> {
    let asked: ApplyScenario = if body.is_empty() {
        ApplyScenario::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| ApiError::BadBody(format!("the body is {{\"step\": n}}: {error}")))?
    };
    let demo = demo.ok_or_else(no_demo)?;
    let applied = demo
        .scenarios()
        .apply(&name, asked.step.unwrap_or(1))
        .await
        .map_err(refused)?;
    Ok(Json(answer(applied)))
}

/// `DELETE /api/v1/scenarios/{name}`: undoes it to the byte; undone already changes nothing.
#[utoipa::path(delete, path = "/api/v1/scenarios/{name}", tag = "demo", params(("name" = String, Path)),
    responses((status = 200, body = ScenarioApplied), (status = 404, body = Problem)))]
pub async fn delete_scenario(
    State(demo): State<Option<Arc<Demo>>>,
    Path(name): Path<String>,
) -> Result<Json<ScenarioApplied>, ApiError> {
    let demo = demo.ok_or_else(no_demo)?;
    Ok(Json(answer(demo.scenarios().undo(&name).await.map_err(refused)?)))
}

fn answer(applied: vigla_demo::Applied) -> ScenarioApplied {
    ScenarioApplied {
        name: applied.name,
        step: applied.step,
        steps: applied.steps,
        revision: applied.revision,
    }
}

fn no_demo() -> ApiError {
    ApiError::NotFound("scenario here: only `vigla demo` has scenarios".into())
}

fn since_epoch(at: SystemTime) -> Timestamp {
    let millis = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}

fn refused(error: ScenarioError) -> ApiError {
    match error {
        ScenarioError::Unknown { name, known } => {
            ApiError::NotFound(format!("scenario `{name}`; there are {}", known.join(", ")))
        }
        ScenarioError::NoStep { .. } => ApiError::BadBody(error.to_string()),
        ScenarioError::Conflict { .. } => ApiError::Conflict(error.to_string()),
        ScenarioError::Overlay(_) => {
            tracing::error!(%error, "a scenario could not be changed");
            ApiError::Internal
        }
    }
}
