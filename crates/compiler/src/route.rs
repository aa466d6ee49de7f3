//! HTTP rules of a VirtualService as routes for one proxy.

mod action;
mod extra;
mod hash;
mod headers;
mod matching;

use vigla_config::{Attachment, HttpRule, Service, ServicePort, VirtualService};
use vigla_dataplane::{
    Forward, HeaderEdits, PathMatch, PathRewrite, Route, RouteAction, RouteMatch, WeightedCluster,
};
use vigla_model::Fqdn;

pub(crate) use matching::is_for_proxy;

use crate::{context::Context, names};

/// Where routes are going to stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// Port of the listener.
    pub(crate) port: u16,
    /// To what the rules are attached.
    pub(crate) attachment: Attachment<'a>,
    /// The service that callers name.
    pub(crate) host: Option<&'a Fqdn>,
}

/// The routes that a VirtualService makes for this proxy, in order. A rule that takes everything ends them.
pub(crate) fn build(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    scene: &Scene<'_>,
) -> Vec<Route> {
    let mut routes = Vec::new();
    for http in rule.http() {
        for matches in matching::build(context, rule, http, scene) {
            let all = takes_all(&matches);
            routes.extend(route(context, rule, http, matches, scene));
            if all {
                return routes;
            }
        }
    }
    routes
}

fn takes_all(matches: &RouteMatch) -> bool {
    let path = match &matches.path {
        PathMatch::Any => true,
        PathMatch::Prefix(prefix) => &**prefix == "/",
        _ => false,
    };
    path && matches.headers.is_empty() && matches.query.is_empty()
}

fn route(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    http: HttpRule<'_>,
    mut matches: RouteMatch,
    scene: &Scene<'_>,
) -> Option<Route> {
    let (action, service) = action::build(context, rule, http, scene)?;
    if let RouteAction::Forward(Forward {
        path: Some(PathRewrite::Prefix(_)),
        ..
    }) = &action
        && matches.path == PathMatch::Any
    {
        // What is rewritten is what the match took: without one that is the first slash, as in Istio.
        matches.path = PathMatch::Prefix("/".into());
    }
    let edits = headers::build(http.headers());
    let mut route = Route {
        name: http.name().unwrap_or("default").into(),
        matches,
        action,
        service,
        request_headers: edits.request,
        response_headers: edits.response,
        origin: Some(rule.origin(http.node())),
    };
    if let (RouteAction::Forward(forward), Some(authority)) = (&mut route.action, edits.authority) {
        forward.authority.get_or_insert(authority);
    }
    Some(route)
}

/// The route of a service for which nobody wrote rules.
pub(crate) fn default_route(context: &mut Context<'_, '_>, service: &Service, port: &ServicePort) -> Route {
    let hash = hash::key(context, &service.fqdn, port.port, None);
    let destination = WeightedCluster {
        cluster: names::cluster(port.port, None, service.fqdn.as_str()),
        weight: 100,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: Some(port.origin.clone()),
    };
    Route {
        name: "default".into(),
        matches: RouteMatch::default(),
        action: RouteAction::Forward(Forward {
            clusters: vec![destination],
            retry: Some(action::default_retry()),
            hash: hash.into_iter().collect(),
            ..Forward::default()
        }),
        service: Some(service.fqdn.clone()),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: Some(port.origin.clone()),
    }
}
