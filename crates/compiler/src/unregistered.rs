//! Calls to hosts that nobody registered: let through, or refused (`outboundTrafficPolicy`).

use std::{sync::Arc, time::Duration};

use vigla_config::OutboundMode;
use vigla_dataplane::{
    BLACK_HOLE_CLUSTER, Balancer, Cluster, ConnectionPool, Discovery, Forward, HeaderEdits, HttpVersion,
    PASSTHROUGH_CLUSTER, Route, RouteAction, RouteMatch, UpstreamTls, WeightedCluster,
};
use vigla_model::{Fqdn, Protocol};

use crate::context::Context;

/// Istio's answer to a call that may not leave.
const BLOCKED: u16 = 502;

/// The route of requests that no virtual host takes, and Istio's name for its virtual host.
pub(crate) fn route(context: &mut Context<'_, '_>) -> (&'static str, Route) {
    let instance = context.instance;
    let policy = context
        .mesh
        .outbound_policy(&instance.namespace, &instance.labels);
    let (name, service, action) = match policy.mode {
        OutboundMode::AllowAny => {
            context.add_cluster(cluster(), None);
            let destination = WeightedCluster {
                cluster: PASSTHROUGH_CLUSTER.into(),
                weight: 100,
                request_headers: HeaderEdits::default(),
                response_headers: HeaderEdits::default(),
                origin: policy.origin.clone(),
            };
            let forward = Forward {
                clusters: vec![destination],
                ..Forward::default()
            };
            ("allow_any", PASSTHROUGH_CLUSTER, RouteAction::Forward(forward))
        }
        OutboundMode::RegistryOnly => {
            let action = RouteAction::Respond {
                status: BLOCKED,
                body: Arc::default(),
            };
            ("block_all", BLACK_HOLE_CLUSTER, action)
        }
    };
    let route = Route {
        name: name.into(),
        matches: RouteMatch::default(),
        action,
        service: Some(Fqdn::new(service)),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: policy.origin,
    };
    (name, route)
}

fn cluster() -> Cluster {
    Cluster {
        name: PASSTHROUGH_CLUSTER.into(),
        discovery: Discovery::Passthrough,
        balancer: Balancer::LeastRequest,
        connect_timeout: Duration::from_secs(10),
        connection_pool: ConnectionPool::default(),
        outlier: None,
        tls: UpstreamTls::None,
        service: Some(Fqdn::new(PASSTHROUGH_CLUSTER)),
        protocol: Protocol::Http,
        http: HttpVersion::AsCaller,
        origin: None,
    }
}
