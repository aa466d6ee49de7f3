//! What the rules say of the mesh's config, and of config that somebody is about to write.

use axum::{Json, body::Bytes, extract::State};
use vigla_api::{Findings, FindingsQuery, Problem, ValidateQuery, convert::findings_body};
use vigla_config::MeshSettings;
use vigla_model::Scope;
use vigla_validation::{Finding, Report, Selection, Severity, Text};

use super::Asked;
use crate::{caller::Caller, cut::now, error::ApiError, live::Live};

/// `GET /api/v1/findings`: what is wrong with the config in effect.
#[utoipa::path(get, path = "/api/v1/findings", params(FindingsQuery), tag = "config", responses((status = 200, body = Findings), (status = 400, body = Problem)))]
pub async fn get_findings(
    caller: Caller,
    State(live): State<Live>,
    Asked(query): Asked<FindingsQuery>,
) -> Result<Json<Findings>, ApiError> {
    let wanted = caller.readable(query.namespaces.as_deref())?;
    let codes = |list: Option<&str>| -> Vec<String> {
        let list = list.unwrap_or_default().split(',');
        list.filter(|code| !code.is_empty()).map(str::to_owned).collect()
    };
    let selection = Selection::new(&codes(query.only.as_deref()), &codes(query.ignore.as_deref()))
        .map_err(|error| ApiError::BadParameter(error.to_string()))?;
    let least = match query.severity.as_deref() {
        None | Some("info") => Severity::Info,
        Some("warning") => Severity::Warning,
        Some("error") => Severity::Error,
        Some(other) => {
            let message = format!("`severity` is error, warning or info, not `{}`", short(other));
            return Err(ApiError::BadParameter(message));
        }
    };
    let (snapshot, report) = judged(move || live.findings()).await?;
    let mut report = Report {
        findings: report.findings.clone(),
        not_checked: report.not_checked.clone(),
        ..*report
    };
    report.findings.retain(|finding| {
        let namespace = finding.object.as_ref().map_or("", |object| &object.namespace);
        finding.severity >= least
            && selection.takes(finding)
            && wanted.as_ref().is_none_or(|wanted| wanted.contains(namespace))
    });
    cut(&mut report, &caller);
    let files: std::collections::BTreeSet<_> = snapshot
        .objects()
        .iter()
        .map(|object| object.document().file())
        .collect();
    let cluster = snapshot.settings().cluster.to_string();
    Ok(Json(findings_body(&report, files.len(), &cluster)))
}

/// `POST /api/v1/validate`: what would be wrong with config, before it is written.
#[utoipa::path(post, path = "/api/v1/validate", params(ValidateQuery), tag = "config",
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 200, body = Findings), (status = 400, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem)))]
pub async fn post_validate(
    caller: Caller,
    State(live): State<Live>,
    Asked(query): Asked<ValidateQuery>,
    body: Bytes,
) -> Result<Json<Findings>, ApiError> {
    let against_mesh = match query.against.as_deref() {
        None | Some("mesh") => true,
        Some("none") => false,
        Some(other) => {
            let message = format!("`against` is mesh or none, not `{}`", short(other));
            return Err(ApiError::BadParameter(message));
        }
    };
    let text = String::from_utf8(body.into())
        .map_err(|error| ApiError::BadBody(format!("the body is no UTF-8 text: {}", error.utf8_error())))?;
    let (mut report, cluster) = judged(move || {
        let text = Text {
            file: "-",
            text: &text,
        };
        if against_mesh {
            let mesh = live.snapshot();
            let cluster = mesh.settings().cluster.to_string();
            (vigla_validation::validate_against(text, &mesh, now()), cluster)
        } else {
            let settings = MeshSettings::default();
            let cluster = settings.cluster.to_string();
            (vigla_validation::validate(&[text], settings, now()), cluster)
        }
    })
    .await?;
    cut(&mut report, &caller);
    Ok(Json(findings_body(&report, 1, &cluster)))
}

/// Rules over a large mesh take a tenth of a second: other requests do not wait for them.
async fn judged<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(run)
        .await
        .map_err(|_| ApiError::Internal)
}

/// Leaves out what the caller may not read: findings of other namespaces, and places in them.
fn cut(report: &mut Report, caller: &Caller) {
    let scope = caller.scope();
    if *scope == Scope::All {
        return;
    }
    let may_read = |namespace: &str| !namespace.is_empty() && scope.allows(namespace);
    report.findings.retain_mut(|finding: &mut Finding| {
        finding
            .related
            .retain(|related| may_read(&related.object.namespace));
        finding
            .object
            .as_ref()
            .is_none_or(|object| may_read(&object.namespace))
    });
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
