//! The browser part, embedded; built by `cargo xtask wasm` into `target/web`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use crate::{error::ApiError, settings::BasePath, state::About};

/// Read so that cargo builds this file again when a file joins the folder: of those that it knows already it
/// sees every change. `cargo xtask build` sets it to a digest of the folder.
const _: Option<&str> = option_env!("VIGLA_WEB_DIGEST");

#[derive(RustEmbed)]
#[folder = "../target/web"]
#[allow_missing = true]
struct Web;

/// Answers a file of the browser part; every other path of a page gets `index.html`, since routes live in the browser.
pub async fn get_asset(State(about): State<Arc<About>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    if path.starts_with("api/") {
        return ApiError::NotFound(format!("path /{path} in this API: see /api/v1/openapi.json"))
            .into_response();
    }
    let is_page = is_page(path);
    let name = if is_page { "index.html" } else { path };
    if is_page && let Some(page) = page_below(&about.base_path) {
        return page;
    }
    match find(name, request.headers()) {
        Some(response) => response,
        None if is_page => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the browser part is not in this build: `cargo xtask build` makes it; the API is at /api/v1/",
        )
            .into_response(),
        None => ApiError::NotFound(format!("file /{path}")).into_response(),
    }
}

/// A file of the browser part has one of the endings that it consists of; a name of an object in a page's path may
/// have dots too (`/config/ServiceEntry.networking.istio.io/shop/api.example.com`).
fn is_page(path: &str) -> bool {
    content_type(path).is_none()
}

/// The page for a console below a path: all its links are relative to its base. `None` where files go out as they are.
fn page_below(base: &BasePath) -> Option<Response> {
    if base.as_str().is_empty() {
        return None;
    }
    let page = Web::get("index.html")?;
    let page = with_base(&String::from_utf8_lossy(&page.data), base);
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    Some(([kind, (header::CACHE_CONTROL, "no-cache")], page).into_response())
}

fn with_base(page: &str, base: &BasePath) -> String {
    page.replace(r#"<base href="/">"#, &format!(r#"<base href="{base}">"#))
}

fn find(name: &str, headers: &HeaderMap) -> Option<Response> {
    let accepts = |coding: &str| {
        let accepted = headers
            .get(header::ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        accepted
            .split(',')
            .any(|one| one.split(';').next().is_some_and(|one| one.trim() == coding))
    };
    let codings = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(coding));
    let compressed = codings
        .filter_map(|(coding, end)| Some((coding, Web::get(&format!("{name}{end}"))?)))
        .next();
    let (coding, file) = match compressed {
        Some((coding, file)) => (Some(coding), file),
        None => (None, Web::get(name)?),
    };
    let tag: String = file
        .metadata
        .sha256_hash()
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{tag}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(file.data))
    };
    let out = response.headers_mut();
    out.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type(name)?),
    );
    out.insert(header::ETAG, HeaderValue::from_str(&tag).ok()?);
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    Some(response)
}

fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "wasm" => Some("application/wasm"),
        "svg" => Some("image/svg+xml"),
        "ico" => Some("image/x-icon"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_the_path_below_which_the_console_is() {
        let page = include_str!("../../assets/web/index.html");
        let base = BasePath::parse("/tools/vigla").unwrap();
        assert!(with_base(page, &base).contains(r#"<base href="/tools/vigla/">"#));
    }

    #[test]
    fn a_page_stays_a_page_when_an_object_has_a_dot_in_its_name() {
        for page in [
            "",
            "map",
            "config/ServiceEntry.networking.istio.io/shop/api.example.com",
        ] {
            assert!(is_page(page), "{page}");
        }
        for file in ["app.js", "app_bg.wasm", "assets/missing.js", "favicon.ico"] {
            assert!(!is_page(file), "{file}");
        }
    }
}
