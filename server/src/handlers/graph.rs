//! The service graph and its stream.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse,
        sse::{KeepAlive, Sse},
    },
};
use vigla_api::{Graph, GraphQuery, Problem};

use super::Asked;
use crate::{caller::Caller, cut::Question, error::ApiError, live::Live, topics::Topics};

/// `GET /api/v1/graph`: the service graph, cut down to the namespaces that the caller may read.
#[utoipa::path(get, path = "/api/v1/graph", params(GraphQuery), tag = "graph",
    responses((status = 200, body = Graph), (status = 400, body = Problem), (status = 403, body = Problem), (status = 503, body = Problem)))]
pub async fn get_graph(
    caller: Caller,
    State(live): State<Live>,
    Asked(query): Asked<GraphQuery>,
) -> Result<Json<Graph>, ApiError> {
    let (question, at) = Question::parse(&query, &caller)?;
    if live.newest().is_none() {
        return Err(ApiError::NotReady("the service graph"));
    }
    let frame = live.frame(question.window, at).await?;
    let degraded: Vec<_> = frame.degraded.iter().map(Into::into).collect();
    Ok(Json(question.body(
        &question.cut(&frame),
        &live.revision(frame.number),
        &degraded,
    )))
}

/// `GET /api/v1/graph/stream`: the same question, answered anew at every revision as server-sent events
/// (`snapshot`, then `delta`; `gap` when the reader's `Last-Event-ID` is too old, followed by a `snapshot`).
#[utoipa::path(get, path = "/api/v1/graph/stream", params(GraphQuery), tag = "graph",
    responses((status = 200, content_type = "text/event-stream", body = vigla_api::GraphDelta), (status = 400, body = Problem), (status = 429, body = Problem)))]
pub async fn get_graph_stream(
    caller: Caller,
    State(topics): State<Topics>,
    Asked(query): Asked<GraphQuery>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let (question, at) = Question::parse(&query, &caller)?;
    if at.is_some() {
        return Err(ApiError::BadParameter(
            "a stream has no `at`: it follows the present".into(),
        ));
    }
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15)).text("alive");
    Ok(Sse::new(topics.open(question, last)?).keep_alive(keep_alive))
}
