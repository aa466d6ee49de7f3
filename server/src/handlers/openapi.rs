//! The API's description of itself.

use axum::Json;
use utoipa::OpenApi;

/// Everything that the API answers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vigla",
        description = "Observability console for Istio-compatible service meshes."
    ),
    paths(
        super::status::get_status,
        super::graph::get_graph,
        super::graph::get_graph_stream,
        super::graph::get_graph_export,
        super::objects::get_namespaces,
        super::objects::get_services,
        super::objects::get_workloads,
        super::objects::get_apps,
        super::objects::get_service,
        super::objects::get_workload,
        super::objects::get_app,
        super::logs::get_logs,
        super::config::get_config,
        super::config::get_object,
        super::changes::get_changes,
        super::findings::get_findings,
        super::findings::post_validate,
        super::traces::get_traces,
        super::traces::get_services,
        super::traces::get_operations,
        super::traces::get_trace,
        super::scenarios::get_scenarios,
        super::scenarios::post_scenario,
        super::scenarios::delete_scenario,
    )
)]
pub struct Api;

/// `GET /api/v1/openapi.json`: OpenAPI 3.1.
pub async fn get_openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(Api::openapi())
}
