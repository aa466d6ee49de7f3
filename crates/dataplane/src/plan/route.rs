//! Route tables: virtual hosts and their routes.

use std::sync::Arc;

use vigla_model::{Fqdn, Origin};

use super::{HeaderEdits, RouteAction, RouteMatch};

/// Where an HTTP listener has its routes from.
#[derive(Debug, Clone, PartialEq)]
pub enum RouteSource {
    /// By name from [`Plan::route_tables`](super::Plan::route_tables), delivered by RDS.
    Named(Arc<str>),
    /// In the listener itself.
    Inline(Arc<RouteTable>),
}

/// A route table (Envoy's RouteConfiguration).
#[derive(Debug, Clone, PartialEq)]
pub struct RouteTable {
    /// Name, such as `9080`.
    pub name: Arc<str>,
    /// Virtual hosts. A domain stands in at most one of them.
    pub virtual_hosts: Vec<VirtualHost>,
}

/// Routes for some domains.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualHost {
    /// Unique name within the table, such as `reviews.bookinfo.svc.cluster.local:9080`.
    pub name: Arc<str>,
    /// Lower-case authorities: exact, `*.suffix`, `prefix.*` or `*`; with and without port.
    pub domains: Vec<Arc<str>>,
    /// Routes in order; the first that matches decides.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Name for logs: the rule's own, or `default`.
    pub name: Arc<str>,
    /// When it applies.
    pub matches: RouteMatch,
    /// What it does.
    pub action: RouteAction,
    /// Service under whose name requests are counted (`destination_service`), whatever becomes of them.
    pub service: Option<Fqdn>,
    /// Changes to the request before it is sent on.
    pub request_headers: HeaderEdits,
    /// Changes to the response.
    pub response_headers: HeaderEdits,
    /// The rule that made it.
    pub origin: Option<Origin>,
}
