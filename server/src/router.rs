//! Every path of the console, in one place.

use axum::{
    Router,
    middleware::from_fn,
    routing::{delete, get, post},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
};

use crate::{
    assets::get_asset,
    error::ApiError,
    etag::etag,
    guard::guard,
    handlers::{changes, config, findings, graph, health, logs, objects, openapi, scenarios, status, traces},
    state::AppState,
};

/// The console's router: API, browser part, and what stands before both.
pub fn router(state: AppState) -> Router {
    let object = "/namespaces/{namespace}";
    let api = Router::new()
        .route("/openapi.json", get(openapi::get_openapi))
        .route("/status", get(status::get_status))
        .route("/graph", get(graph::get_graph))
        .route("/graph/stream", get(graph::get_graph_stream))
        .route("/graph/export", get(graph::get_graph_export))
        .route("/namespaces", get(objects::get_namespaces))
        .route("/services", get(objects::get_services))
        .route("/workloads", get(objects::get_workloads))
        .route("/apps", get(objects::get_apps))
        .route(&format!("{object}/services/{{name}}"), get(objects::get_service))
        .route(
            &format!("{object}/workloads/{{name}}"),
            get(objects::get_workload),
        )
        .route(&format!("{object}/workloads/{{name}}/logs"), get(logs::get_logs))
        .route(&format!("{object}/apps/{{name}}"), get(objects::get_app))
        .route("/config", get(config::get_config))
        .route(
            "/config/{group}/{kind}/{namespace}/{name}",
            get(config::get_object),
        )
        .route("/changes", get(changes::get_changes))
        .route("/findings", get(findings::get_findings))
        .route("/validate", post(findings::post_validate))
        .route("/traces", get(traces::get_traces))
        .route("/traces/services", get(traces::get_services))
        .route("/traces/operations", get(traces::get_operations))
        .route("/traces/{id}", get(traces::get_trace))
        .route("/scenarios", get(scenarios::get_scenarios))
        .route(
            "/scenarios/{name}",
            post(scenarios::post_scenario).merge(delete(scenarios::delete_scenario)),
        )
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(from_fn(etag))
        .layer(
            CompressionLayer::new()
                .compress_when(SizeAbove::new(1024).and(NotForContentType::const_new("text/event-stream"))),
        );
    let base = state.about.base_path.clone();
    let console = Router::new()
        .route("/healthz", get(health::get_healthz))
        .route("/readyz", get(health::get_readyz))
        .nest("/api/v1", api)
        .fallback(get(get_asset));
    // What stands in front may take the path away or leave it: both are answered.
    let console = match base.as_str() {
        "" => console,
        path => Router::new()
            .nest(path, console.clone())
            .route(&format!("{path}/"), get(get_asset))
            .merge(console),
    };
    console
        .layer(CatchPanicLayer::custom(|_| {
            axum::response::IntoResponse::into_response(ApiError::Internal)
        }))
        .layer(from_fn(guard))
        .with_state(state)
}
