//! The service graph and its stream.

use std::{str::FromStr, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response,
        sse::{KeepAlive, Sse},
    },
};
use vigla_api::{Graph, GraphQuery, Problem};
use vigla_graph::View;
use vigla_scene::{TableMeasure, Theme};

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
    only_export_has_formats(&query)?;
    let (question, at) = Question::parse(&query, &caller)?;
    ready(&live)?;
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
    only_export_has_formats(&query)?;
    let (question, at) = Question::parse(&query, &caller)?;
    if at.is_some() {
        return Err(ApiError::BadParameter(
            "a stream has no `at`: it follows the present".into(),
        ));
    }
    if question.finds() {
        return Err(ApiError::BadParameter(
            "a stream has no `find`: ask the graph for it, or the stream to `hide`".into(),
        ));
    }
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15)).text("alive");
    Ok(Sse::new(topics.open(question, last)?).keep_alive(keep_alive))
}

/// `GET /api/v1/graph/export`: the same question, answered in a format for other programs.
#[utoipa::path(get, path = "/api/v1/graph/export", params(GraphQuery), tag = "graph",
    responses((status = 200, description = "The graph in the format asked for"), (status = 400, body = Problem), (status = 403, body = Problem), (status = 503, body = Problem)))]
pub async fn get_graph_export(
    caller: Caller,
    State(live): State<Live>,
    Asked(query): Asked<GraphQuery>,
) -> Result<Response, ApiError> {
    let format: Format = query.format.as_deref().unwrap_or("json").parse()?;
    let (question, at) = Question::parse(&query, &caller)?;
    ready(&live)?;
    let frame = live.frame(question.window, at).await?;
    let view = question.cut(&frame);
    let degraded: Vec<_> = frame.degraded.iter().map(Into::into).collect();
    let text = match format {
        Format::Json => question
            .encode(&view, &live.revision(frame.number), &degraded)
            .to_string(),
        Format::Csv => vigla_scene::to_csv(&view),
        Format::Dot => vigla_scene::to_dot(&view),
        Format::Mermaid => vigla_scene::to_mermaid(&view),
        Format::Svg => svg(view).await?,
    };
    let (kind, ending) = format.kind();
    let file = format!("attachment; filename=\"vigla-map.{ending}\"");
    Ok((
        [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, &file)],
        text,
    )
        .into_response())
}

/// Layout takes some 40 ms a thousand nodes: not on a thread that answers others.
async fn svg(view: View) -> Result<String, ApiError> {
    let draw = move || {
        let picture = vigla_layout::layout(&vigla_scene::build_input(&view, &TableMeasure)).ok()?;
        let scene = vigla_scene::build(&view, &picture, &vigla_scene::Options::default(), &TableMeasure);
        Some(vigla_scene::to_svg(&scene, Theme::Light, "Traffic map"))
    };
    let drawn = tokio::task::spawn_blocking(draw).await;
    drawn.ok().flatten().ok_or(ApiError::Internal)
}

/// Before the first frame there is no answer: because the console has just started, or the source gives none.
fn ready(live: &Live) -> Result<(), ApiError> {
    match (live.newest(), live.trouble()) {
        (Some(_), _) => Ok(()),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(ApiError::NotReady("the service graph")),
    }
}

fn only_export_has_formats(query: &GraphQuery) -> Result<(), ApiError> {
    match query.format {
        None => Ok(()),
        Some(_) => Err(ApiError::BadParameter(
            "`format` is for /api/v1/graph/export; here the answer is JSON".into(),
        )),
    }
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Json,
    Csv,
    Dot,
    Mermaid,
    Svg,
}

impl Format {
    /// Media type, and ending of a file's name.
    fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application/json", "json"),
            Self::Csv => ("text/csv; charset=utf-8", "csv"),
            Self::Dot => ("text/vnd.graphviz; charset=utf-8", "dot"),
            Self::Mermaid => ("text/vnd.mermaid; charset=utf-8", "mmd"),
            Self::Svg => ("image/svg+xml", "svg"),
        }
    }
}

impl FromStr for Format {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        match text {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            "dot" => Ok(Self::Dot),
            "mermaid" => Ok(Self::Mermaid),
            "svg" => Ok(Self::Svg),
            other => Err(ApiError::BadParameter(format!(
                "`format` takes json, csv, dot, mermaid and svg, not `{other}`"
            ))),
        }
    }
}
