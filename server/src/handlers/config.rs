//! The mesh's config as it is in effect: objects with their text and place.

use axum::{
    Json,
    extract::{Path, State},
};
use vigla_api::{
    ConfigDetail, ConfigItem, ConfigQuery, Page, Problem,
    convert::{object_body, place_body},
};
use vigla_config::Object;

use super::{Asked, page};
use crate::{caller::Caller, error::ApiError, live::Live};

/// `GET /api/v1/config`: objects of the mesh's config, by namespace, kind and name.
#[utoipa::path(get, path = "/api/v1/config", params(ConfigQuery), tag = "config", responses((status = 200, body = Page<ConfigItem>), (status = 400, body = Problem)))]
pub async fn get_config(
    caller: Caller,
    State(live): State<Live>,
    Asked(query): Asked<ConfigQuery>,
) -> Result<Json<Page<ConfigItem>>, ApiError> {
    let wanted = caller.readable(query.namespaces.as_deref())?;
    let snapshot = live.snapshot();
    let rows = snapshot.objects().iter().filter(|object| {
        let object = object.object_ref();
        may_read(&caller, &object.namespace)
            && wanted
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&*object.namespace))
            && query.kind.as_ref().is_none_or(|kind| **kind == *object.kind)
    });
    let mut rows: Vec<ConfigItem> = rows.map(|object| config_item(object)).collect();
    let key = |item: &ConfigItem| {
        let object = &item.object;
        format!(
            "{}/{}/{}/{}",
            object.namespace, object.kind, object.group, object.name
        )
    };
    rows.sort_by_cached_key(key);
    page(rows, key, query.limit, query.cursor.as_deref(), Vec::new()).map(Json)
}

/// `GET /api/v1/config/{group}/{kind}/{namespace}/{name}`: one object with its text. The core group is `core`, no
/// namespace is `_`.
#[utoipa::path(get, path = "/api/v1/config/{group}/{kind}/{namespace}/{name}", tag = "config",
    params(("group" = String, Path), ("kind" = String, Path), ("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = ConfigDetail), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn get_object(
    caller: Caller,
    State(live): State<Live>,
    Path((group, kind, namespace, name)): Path<(String, String, String, String)>,
) -> Result<Json<ConfigDetail>, ApiError> {
    let namespace = if namespace == "_" {
        String::new()
    } else {
        caller.readable_one(&namespace)?.to_string()
    };
    let group = if group == "core" { "" } else { &group };
    let wanted = vigla_model::ObjectRef::new(group, &kind, &namespace, &name);
    let snapshot = live.snapshot();
    let found = snapshot.find(&wanted).filter(|_| may_read(&caller, &namespace));
    let object = found.ok_or_else(|| ApiError::NotFound(format!("{wanted} in the mesh's config")))?;
    Ok(Json(ConfigDetail {
        item: config_item(object),
        yaml: shown_text(object).to_owned(),
        first_line: object.first_line(),
    }))
}

/// The text of an object; that of a Secret is for proxies alone.
fn shown_text(object: &Object) -> &str {
    match vigla_config::SecretObject::of(object) {
        Some(_) => "# The text of a Secret is not shown.\n",
        None => object.text(),
    }
}

/// Objects of the whole cluster are for callers who may read everything.
fn may_read(caller: &Caller, namespace: &str) -> bool {
    if namespace.is_empty() {
        *caller.scope() == vigla_model::Scope::All
    } else {
        caller.scope().allows(namespace)
    }
}

/// An object as lists name it.
pub fn config_item(object: &Object) -> ConfigItem {
    ConfigItem {
        object: object_body(object.object_ref()),
        api_version: object.api_version().to_owned(),
        place: Some(place_body("", Some(&object.location()))),
    }
}
