//! Certificates and plans of a caller's and a callee's sidecar.

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use vigla_dataplane::*;
use vigla_identity::Authority;
use vigla_model::{Principal, Timestamp};
use vigla_xds::Secret;

use crate::world::*;

/// Now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

/// The secrets of a workload.
pub(crate) fn secrets(authority: &Authority, app: &str, workload: &str) -> Secrets {
    let principal = Principal::new("cluster.local", "bookinfo", app);
    let issued = authority.issue(&principal, workload, now()).unwrap();
    let certificate = Secret::Certificate {
        chain_pem: issued.chain_pem,
        key_pem: issued.key_pem,
    };
    let roots = Secret::Roots {
        pem: authority.roots_pem().to_owned(),
    };
    [
        (WORKLOAD_SECRET.into(), certificate),
        (ROOTS_SECRET.into(), roots),
    ]
    .into()
}

/// How the callee takes callers.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Strict,
    Permissive,
}

/// The inbound listener of reviews-v1 in front of its application.
pub(crate) fn inbound(world: &mut World, app: SocketAddr, mode: Mode) -> SocketAddr {
    let name: Arc<str> = "inbound|9080||".into();
    let table = Arc::new(RouteTable {
        name: name.clone(),
        virtual_hosts: vec![VirtualHost {
            name: "inbound|http|9080".into(),
            domains: vec!["*".into()],
            routes: vec![route(RouteAction::Forward(Forward {
                clusters: vec![weighted(&name, 1)],
                ..Forward::default()
            }))],
        }],
    });
    let network = Network::Http(RouteSource::Inline(table));
    let tls = DownstreamTls {
        certificate: WORKLOAD_SECRET.into(),
        client_roots: Some(ROOTS_SECRET.into()),
    };
    let mut chains = vec![chain("tls", Some(true), Some(tls), network.clone())];
    if mode == Mode::Permissive {
        chains.push(chain("plaintext", Some(false), None, network));
    }
    let mut to_app = cluster(&name);
    to_app.discovery = Discovery::Static(vec![endpoint(app)]);
    world.plan.clusters.insert(name, Arc::new(to_app));
    let mut listener = listener(
        "inbound|9080",
        Direction::Inbound,
        identity("reviews-v1", "reviews", "v1"),
        chains,
    );
    if let Some(before) = world.plan.listeners.get("inbound|9080") {
        listener.address = before.address;
    }
    world.listen(listener)
}

/// The outbound listener of productpage, towards a callee with a sidecar.
pub(crate) fn outbound_to(world: &mut World, callee: SocketAddr, allowed: &str) -> SocketAddr {
    let address = world.listen(outbound());
    world.routes(vec![to_v1()]);
    let mut reviews = cluster("v1");
    reviews.tls = UpstreamTls::Mesh {
        auto: true,
        sni: "outbound_.9080_._.reviews.bookinfo.svc.cluster.local".into(),
        principals: vec![Principal::new("cluster.local", "bookinfo", allowed)],
    };
    let with_sidecar = Endpoint {
        mesh_tls: true,
        ..endpoint(callee)
    };
    world.cluster(reviews, vec![with_sidecar]);
    address
}
