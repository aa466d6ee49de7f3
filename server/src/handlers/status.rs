//! How the console and its sources are.

use std::sync::Arc;

use axum::{Json, extract::State};
use vigla_api::{
    Capabilities, ConfigErrorBody, ConfigProblem, ProxyStatus, SourceStatus, Status,
    convert::{object_body, place_body},
    format_time, parse_time,
};
use vigla_control_plane::Connection;
use vigla_demo::Demo;
use vigla_sources::{ConfigSource, ConfigState, traces::TraceSource};

use crate::{
    caller::Caller, cut::now, handlers::traces::Traces, live::Live, sources::SourceBoard, state::About,
    tasks, traces,
};

/// `GET /api/v1/status`: version, sources, tasks, proxies, and what the caller may do.
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses((status = 200, body = Status)))]
pub async fn get_status(
    caller: Caller,
    State(about): State<Arc<About>>,
    State(live): State<Live>,
    State(board): State<SourceBoard>,
    State(config): State<Option<Arc<dyn ConfigSource>>>,
    State(traces): State<Traces>,
    State(demo): State<Option<Arc<Demo>>>,
) -> Json<Status> {
    let mut sources = Vec::new();
    let (mut proxies, mut config_errors, mut config_problems) = (Vec::new(), Vec::new(), Vec::new());
    let mut metrics = board.source(tasks::graph::METRICS, "metrics");
    metrics.age_seconds = live
        .newest()
        .map(|frame| now().since(frame.view.at).as_secs_f64());
    let (name, said) = live.about_metrics();
    (metrics.version, metrics.capabilities) = (said.version, said.capabilities);
    (metrics.detail, metrics.notes) = (said.detail, said.notes);
    if demo.is_none() {
        metrics.name = name.to_owned();
    }
    if let Some(demo) = &demo {
        let store = demo.metrics().status();
        metrics.detail = Some(format!(
            "{} of {} sidecars answer, {} series, {:.1} MB",
            store.up(),
            store.targets.len(),
            store.series,
            store.bytes as f64 / 1e6
        ));
        let first = store.degraded().next();
        if let (Some((since, reason)), "ok") = (first, metrics.state.as_str()) {
            metrics.state = "degraded".into();
            metrics.failing_since = Some(format_time(since));
            metrics.last_error = Some(reason);
        }
        let of_scope =
            |proxy: &vigla_control_plane::ProxyStatus| caller.scope().allows(proxy.proxy.namespace.as_str());
        let mut visible = demo.control_plane().proxies();
        visible.retain(of_scope);
        proxies = visible.iter().map(proxy).collect();
        config_problems = problems(&visible);
        sources.extend(embedded_traces(&board, demo));
    } else if let Some(desk) = &traces {
        sources.push(SourceStatus {
            name: desk.source().name().to_owned(),
            ..board.source(traces::NAME, "traces")
        });
    }
    if let Some(source) = &config {
        let state = source.watch().borrow().clone();
        config_errors = state.errors.iter().map(config_error).collect();
        sources.push(config_source(&board, &**source, &state));
    }
    sources.insert(0, metrics);
    Json(Status {
        version: env!("CARGO_PKG_VERSION").into(),
        mode: about.mode.into(),
        mesh: about.mesh.clone(),
        started: format_time(about.started),
        now: format_time(now()),
        sources,
        tasks: vec![board.task(tasks::graph::NAME)],
        proxies,
        config_errors,
        config_problems,
        capabilities: Capabilities {
            scenarios: demo.is_some(),
        },
    })
}

/// A config source follows changes: what it says is of now, or of the moment since which it fails.
fn config_source(board: &SourceBoard, source: &dyn ConfigSource, state: &ConfigState) -> SourceStatus {
    let told = board.source(tasks::changes::CONFIG, "config");
    let broken = state.errors.first();
    let since = told.failing_since.as_deref().and_then(parse_time);
    SourceStatus {
        name: source.name().into(),
        state: match broken {
            Some(_) if state.files.is_empty() => "failing",
            Some(_) => "degraded",
            None if state.revision == 0 => "starting",
            None => "ok",
        }
        .into(),
        latency_ms: None,
        age_seconds: match broken {
            Some(_) => since.map(|since| now().since(since).as_secs_f64()),
            None => (state.revision > 0).then_some(0.0),
        },
        last_error: match broken {
            Some(error) => Some(format!("{}: {}", error.place, error.message)),
            None => told.last_error.clone(),
        },
        detail: Some(match state.instances.len() {
            0 => format!("{} files, revision {}", state.files.len(), state.revision),
            pods => format!(
                "{} objects, {pods} pods, revision {}",
                state.files.len(),
                state.revision
            ),
        }),
        notes: state.notes.clone(),
        ..told
    }
}

/// What several proxies lack for the same reason is told once.
fn problems(proxies: &[vigla_control_plane::ProxyStatus]) -> Vec<ConfigProblem> {
    let mut found: Vec<(&vigla_compiler::Problem, usize)> = Vec::new();
    for problem in proxies.iter().flat_map(|proxy| proxy.problems.iter()) {
        match found.iter_mut().find(|(known, _)| *known == problem) {
            Some((_, count)) => *count += 1,
            None => found.push((problem, 1)),
        }
    }
    let body = |(problem, proxies): (&vigla_compiler::Problem, usize)| ConfigProblem {
        object: object_body(&problem.origin.object),
        place: place_body(&problem.origin.path, problem.origin.location.as_ref()),
        message: problem.message.clone(),
        proxies,
    };
    found.into_iter().map(body).collect()
}

/// The embedded trace store cannot fail; what it could not take is told.
fn embedded_traces(board: &SourceBoard, demo: &Demo) -> Option<SourceStatus> {
    let kept = demo.traces()?;
    let store = kept.status();
    let rejected = store.last_reason.map(str::to_owned);
    Some(SourceStatus {
        name: kept.name().into(),
        state: "ok".into(),
        age_seconds: store.newest.map(|newest| now().since(newest).as_secs_f64()),
        last_error: store.last_refusal.clone().or(rejected),
        detail: Some(format!(
            "OTLP and Zipkin at {}: {} spans in {} requests kept, {} spans and {} requests not; {} traces, {:.1} MB",
            demo.collector(),
            store.received,
            store.requests,
            store.rejected,
            store.refused,
            store.traces,
            store.bytes as f64 / 1e6
        )),
        ..board.source(traces::NAME, "traces")
    })
}

fn proxy(status: &vigla_control_plane::ProxyStatus) -> ProxyStatus {
    let refused = status.refusals.iter().map(|refusal| match &refusal.origin {
        Some(origin) => format!("{}: {}", origin.object, refusal.text),
        None => refusal.text.to_string(),
    });
    ProxyStatus {
        namespace: status.proxy.namespace.to_string(),
        workload: status.workload.to_string(),
        program: status.program.as_str().into(),
        state: match status.connection {
            Connection::Connected(_) => "connected",
            Connection::Disconnected(_) => "disconnected",
        }
        .into(),
        in_sync: status.in_sync,
        last_push_ms: status
            .last_push
            .as_ref()
            .map(|push| push.took.as_secs_f64() * 1000.0),
        refused: refused.collect(),
    }
}

fn config_error(error: &vigla_sources::ConfigError) -> ConfigErrorBody {
    ConfigErrorBody {
        place: place_body("", Some(&error.place)),
        message: error.message.clone(),
    }
}
