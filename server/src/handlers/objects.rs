//! Namespaces, services, workloads and apps: lists and details, each with its traffic and health.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
};
use vigla_api::{
    ConfigItem, Degraded, DetailQuery, ListQuery, NamespaceItem, ObjectDetail, ObjectItem, Page, Problem,
    convert::{Include, health_body, traffic_body},
    format_time,
};
use vigla_config::{DestinationRule, Node, Snapshot, VirtualService};
use vigla_graph::{Grain, HealthState, View};
use vigla_model::Namespace;

use super::{Asked, page};
use crate::{
    caller::Caller,
    cut::{Question, parse_window},
    error::ApiError,
    handlers::config::config_item,
    live::{Frame, Live},
};

/// `GET /api/v1/namespaces`: those that the caller may read.
#[utoipa::path(get, path = "/api/v1/namespaces", params(ListQuery), tag = "objects", responses((status = 200, body = Page<NamespaceItem>), (status = 400, body = Problem)))]
pub async fn get_namespaces(
    caller: Caller,
    State(live): State<Live>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<NamespaceItem>>, ApiError> {
    let known = Known::read(&caller, &live, Grain::Workload, query.window.as_deref()).await?;
    let (snapshot, view) = (&known.snapshot, &known.view);
    let wanted = caller.readable(query.namespaces.as_deref())?;
    let mut rows: BTreeMap<Namespace, NamespaceItem> = BTreeMap::new();
    for namespace in snapshot.namespaces() {
        let shown = caller.scope().allows(namespace.as_str());
        if shown && wanted.as_ref().is_none_or(|wanted| wanted.contains(namespace)) {
            let item = NamespaceItem {
                name: namespace.to_string(),
                ..NamespaceItem::default()
            };
            rows.insert(namespace.clone(), item);
        }
    }
    for workload in snapshot.workloads() {
        if let Some(row) = rows.get_mut(&workload.namespace) {
            row.workloads += 1;
        }
    }
    for service in snapshot.services() {
        if let Some(row) = rows.get_mut(&service.namespace) {
            row.services += 1;
        }
    }
    for (namespace, row) in &mut rows {
        let nodes = view
            .nodes
            .values()
            .filter(|node| node.namespace.as_ref() == Some(namespace));
        let worst = nodes.clone().max_by_key(|node| severity(node.health.state));
        row.health = worst.map_or_else(|| known.without_traffic(), |node| health_body(&node.health));
        let mut sum = vigla_graph::Side::default();
        nodes.for_each(|node| sum.add(&node.inbound));
        row.inbound = traffic_body(&sum, view.window, Include::default());
    }
    page(
        rows.into_values().collect(),
        |row| row.name.clone(),
        query.limit,
        query.cursor.as_deref(),
        known.degraded(),
    )
    .map(Json)
}

/// `GET /api/v1/services`.
#[utoipa::path(get, path = "/api/v1/services", params(ListQuery), tag = "objects", responses((status = 200, body = Page<ObjectItem>), (status = 400, body = Problem)))]
pub async fn get_services(
    caller: Caller,
    State(live): State<Live>,
    Asked(query): Asked<ListQuery>,
) -> Listed {
    list(Kind::Service, caller, live, query).await
}

/// `GET /api/v1/workloads`.
#[utoipa::path(get, path = "/api/v1/workloads", params(ListQuery), tag = "objects", responses((status = 200, body = Page<ObjectItem>), (status = 400, body = Problem)))]
pub async fn get_workloads(
    caller: Caller,
    State(live): State<Live>,
    Asked(query): Asked<ListQuery>,
) -> Listed {
    list(Kind::Workload, caller, live, query).await
}

/// `GET /api/v1/apps`.
#[utoipa::path(get, path = "/api/v1/apps", params(ListQuery), tag = "objects", responses((status = 200, body = Page<ObjectItem>), (status = 400, body = Problem)))]
pub async fn get_apps(caller: Caller, State(live): State<Live>, Asked(query): Asked<ListQuery>) -> Listed {
    list(Kind::App, caller, live, query).await
}

/// `GET /api/v1/namespaces/{namespace}/services/{name}`.
#[utoipa::path(get, path = "/api/v1/namespaces/{namespace}/services/{name}", params(("namespace" = String, Path), ("name" = String, Path), DetailQuery), tag = "objects",
    responses((status = 200, body = ObjectDetail), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn get_service(
    caller: Caller,
    State(live): State<Live>,
    Path(path): Path<(String, String)>,
    Asked(query): Asked<DetailQuery>,
) -> Result<Json<ObjectDetail>, ApiError> {
    detail(Kind::Service, caller, live, path, query).await
}

/// `GET /api/v1/namespaces/{namespace}/workloads/{name}`.
#[utoipa::path(get, path = "/api/v1/namespaces/{namespace}/workloads/{name}", params(("namespace" = String, Path), ("name" = String, Path), DetailQuery), tag = "objects",
    responses((status = 200, body = ObjectDetail), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn get_workload(
    caller: Caller,
    State(live): State<Live>,
    Path(path): Path<(String, String)>,
    Asked(query): Asked<DetailQuery>,
) -> Result<Json<ObjectDetail>, ApiError> {
    detail(Kind::Workload, caller, live, path, query).await
}

/// `GET /api/v1/namespaces/{namespace}/apps/{name}`.
#[utoipa::path(get, path = "/api/v1/namespaces/{namespace}/apps/{name}", params(("namespace" = String, Path), ("name" = String, Path), DetailQuery), tag = "objects",
    responses((status = 200, body = ObjectDetail), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn get_app(
    caller: Caller,
    State(live): State<Live>,
    Path(path): Path<(String, String)>,
    Asked(query): Asked<DetailQuery>,
) -> Result<Json<ObjectDetail>, ApiError> {
    detail(Kind::App, caller, live, path, query).await
}

type Listed = Result<Json<Page<ObjectItem>>, ApiError>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Service,
    Workload,
    App,
}

impl Kind {
    fn grain(self) -> Grain {
        match self {
            Self::Service => Grain::Service,
            Self::Workload => Grain::Workload,
            Self::App => Grain::App,
        }
    }

    /// Every object of the kind as config and traffic know it, in order of namespace and name.
    fn rows(self, known: &Known) -> BTreeMap<(String, String), ObjectItem> {
        let (snapshot, view) = (&known.snapshot, &known.view);
        let mut rows = BTreeMap::new();
        let mut add = |namespace: &str, name: &str, more: ObjectItem| {
            let key = (namespace.to_owned(), name.to_owned());
            let item = ObjectItem {
                namespace: key.0.clone(),
                name: key.1.clone(),
                health: known.without_traffic(),
                ..more
            };
            rows.entry(key).or_insert(item);
        };
        match self {
            Self::Service => {
                for service in snapshot.services() {
                    add(
                        service.namespace.as_str(),
                        service.name.as_str(),
                        ObjectItem::default(),
                    );
                }
            }
            Self::Workload => {
                for workload in snapshot.workloads() {
                    let more = ObjectItem {
                        app: workload.app.as_ref().map(ToString::to_string),
                        version: workload.version.as_ref().map(ToString::to_string),
                        sidecar: sidecar(snapshot, workload),
                        ..ObjectItem::default()
                    };
                    add(workload.namespace.as_str(), workload.name.as_str(), more);
                }
            }
            Self::App => {
                for workload in snapshot.workloads() {
                    if let Some(app) = &workload.app {
                        add(workload.namespace.as_str(), app.as_str(), ObjectItem::default());
                    }
                }
            }
        }
        for node in view.nodes.values() {
            if let Some(row) = self.key(node).and_then(|key| rows.get_mut(&key)) {
                row.health = health_body(&node.health);
                row.inbound = traffic_body(&node.inbound, view.window, Include::default());
                row.outbound = traffic_body(&node.outbound, view.window, Include::default());
            }
        }
        rows
    }

    fn key(self, node: &vigla_graph::Node) -> Option<(String, String)> {
        let namespace = node.namespace.as_ref()?.to_string();
        let name = match self {
            Self::Service => node.service.as_ref()?.service_parts()?.0.to_owned(),
            Self::Workload => node.workload.as_ref()?.to_string(),
            Self::App => node.app.as_ref()?.to_string(),
        };
        Some((namespace, name))
    }
}

async fn list(kind: Kind, caller: Caller, live: Live, query: ListQuery) -> Listed {
    let known = Known::read(&caller, &live, kind.grain(), query.window.as_deref()).await?;
    let wanted = caller.readable(query.namespaces.as_deref())?;
    let rows = kind.rows(&known).into_values().filter(|row| {
        caller.scope().allows(&row.namespace)
            && wanted
                .as_ref()
                .is_none_or(|wanted| wanted.contains(row.namespace.as_str()))
    });
    let key = |row: &ObjectItem| format!("{}/{}", row.namespace, row.name);
    page(
        rows.collect(),
        key,
        query.limit,
        query.cursor.as_deref(),
        known.degraded(),
    )
    .map(Json)
}

async fn detail(
    kind: Kind,
    caller: Caller,
    live: Live,
    (namespace, name): (String, String),
    query: DetailQuery,
) -> Result<Json<ObjectDetail>, ApiError> {
    let namespace = caller.readable_one(&namespace)?;
    let known = Known::read(&caller, &live, kind.grain(), query.window.as_deref()).await?;
    let (snapshot, view) = (&known.snapshot, &known.view);
    if let Some(cluster) = query
        .cluster
        .filter(|cluster| snapshot.settings().cluster.as_str() != cluster)
    {
        return Err(ApiError::NotFound(format!("cluster `{cluster}` in this mesh")));
    }
    let word = match kind {
        Kind::Service => "service",
        Kind::Workload => "workload",
        Kind::App => "app",
    };
    let item = kind.rows(&known).remove(&(namespace.to_string(), name.clone()));
    let item =
        item.ok_or_else(|| ApiError::NotFound(format!("{word} `{name}` in namespace `{namespace}`")))?;
    let mut detail = ObjectDetail {
        item,
        window_seconds: view.window.as_secs_f64(),
        at: format_time(view.at),
        degraded: known.degraded(),
        ..ObjectDetail::default()
    };
    match kind {
        Kind::Service => describe_service(&mut detail, snapshot, &namespace, &name),
        Kind::Workload => describe_workload(&mut detail, snapshot, &namespace, &name),
        Kind::App => {
            let of_app = |app: &vigla_model::AppName| app.as_str() == name;
            let workloads = snapshot
                .workloads()
                .iter()
                .filter(|w| w.namespace == namespace && w.app.as_ref().is_some_and(of_app));
            detail.related = workloads.map(|workload| workload.name.to_string()).collect();
        }
    }
    Ok(Json(detail))
}

fn describe_service(detail: &mut ObjectDetail, snapshot: &Snapshot, namespace: &Namespace, name: &str) {
    let Some(service) = snapshot.service_named(namespace, &name.into()) else {
        return;
    };
    detail.host = Some(service.fqdn.to_string());
    detail.ports = service
        .ports
        .iter()
        .map(|port| format!("{}/{}", port.port, port.protocol.protocol()))
        .collect();
    detail.related = snapshot
        .workloads_behind(service)
        .map(|workload| workload.name.to_string())
        .collect();
    detail.config = std::iter::once(config_item(&service.object))
        .chain(rules_of(snapshot, &service.fqdn))
        .collect();
}

fn describe_workload(detail: &mut ObjectDetail, snapshot: &Snapshot, namespace: &Namespace, name: &str) {
    let Some(workload) = snapshot.workload(namespace, &name.into()) else {
        return;
    };
    detail.labels = workload.labels.clone();
    detail.service_account = Some(workload.service_account.to_string());
    detail.ports = workload.ports.iter().map(|port| port.port.to_string()).collect();
    let services: Vec<_> = snapshot.services_of(workload).collect();
    detail.related = services.iter().map(|service| service.name.to_string()).collect();
    detail.config = workload.object.iter().map(|object| config_item(object)).collect();
    for service in services {
        detail.config.extend(rules_of(snapshot, &service.fqdn));
    }
    let port = workload.ports.first().map_or(0, |port| port.port);
    let mode = snapshot.peer_authentication(namespace, &workload.labels, port);
    if let Some(object) = mode.origin.and_then(|origin| snapshot.find(&origin.object)) {
        detail.config.push(config_item(object));
    }
}

/// VirtualServices and DestinationRules that act on requests to a host.
fn rules_of(snapshot: &Snapshot, host: &vigla_model::Fqdn) -> Vec<ConfigItem> {
    let virtual_services = snapshot.all_virtual_services().filter(|rule| {
        let mut hosts = rule.hosts().filter_map(Node::text);
        hosts.any(|written| snapshot.resolve(written, rule.object().namespace()) == *host)
    });
    let destination_rules = snapshot.all_destination_rules().filter(|rule| {
        rule.host()
            .is_some_and(|written| snapshot.resolve(written, rule.object().namespace()) == *host)
    });
    let objects = virtual_services
        .map(VirtualService::object)
        .chain(destination_rules.map(DestinationRule::object));
    objects.map(config_item).collect()
}

/// Whether the workload's instances have a sidecar; `None` when there is no instance.
fn sidecar(snapshot: &Snapshot, workload: &vigla_config::Workload) -> Option<bool> {
    let mut instances = snapshot
        .instances_of(&workload.namespace, &workload.name)
        .peekable();
    instances.peek()?;
    Some(instances.all(|instance| instance.sidecar.is_some()))
}

/// What is known now: objects by the newest config, traffic by the newest answer of the metric source. Either may be
/// without the other.
struct Known {
    frame: Arc<Frame>,
    snapshot: Arc<Snapshot>,
    view: View,
}

impl Known {
    async fn read(
        caller: &Caller,
        live: &Live,
        grain: Grain,
        window: Option<&str>,
    ) -> Result<Self, ApiError> {
        let window = parse_window(window)?;
        let frame = live.frame_or_config(window).await?;
        let view = Question::of_list(caller, grain, window).cut(&frame);
        Ok(Self {
            snapshot: live.snapshot(),
            frame,
            view,
        })
    }

    fn degraded(&self) -> Vec<Degraded> {
        self.frame.degraded.iter().map(Into::into).collect()
    }

    /// Health of what no traffic was counted for: none, or nobody knows.
    fn without_traffic(&self) -> vigla_api::Health {
        let state = if self.frame.stale { "unknown" } else { "no_traffic" };
        vigla_api::Health {
            state: state.into(),
            why: Vec::new(),
        }
    }
}

/// For the worst of several: what failed first, then what nobody could tell, then what is well.
fn severity(state: HealthState) -> u8 {
    match state {
        HealthState::NoTraffic => 0,
        HealthState::Ok => 1,
        HealthState::Unknown => 2,
        HealthState::Degraded => 3,
        HealthState::Failing => 4,
    }
}
