//! Who may call: HTTP requests and TCP connections.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use vigla_dataplane::*;
use vigla_identity::Authority;
use vigla_model::{Principal, Protocol};

use crate::{
    app::App,
    echo::{Echo, Stub},
    mesh::{Mode, inbound, now, outbound_to, secrets},
    tcp::{echo, tcp_listener},
    world::*,
};

const NAME: &str = "ns[bookinfo]-policy[reviews]-rule[0]";

fn rule(wanted: Wanted) -> AuthorizationRule {
    let is_of_caller = wanted.is_of_caller();
    let conditions = vec![vec![Condition {
        wanted,
        invert: false,
    }]];
    let (from, to) = if is_of_caller {
        (conditions, Vec::new())
    } else {
        (Vec::new(), conditions)
    };
    AuthorizationRule {
        name: NAME.into(),
        from,
        to,
        origin: None,
    }
}

fn from(account: &str) -> Wanted {
    Wanted::Principal(vec![TextMatch::Exact(
        format!("cluster.local/ns/bookinfo/sa/{account}").into(),
    )])
}

/// Puts an authorization on all chains of a listener.
fn authorize(world: &mut World, listener: &str, authorization: Authorization) {
    let listener = Arc::make_mut(world.plan.listeners.get_mut(listener).unwrap());
    for chain in &mut listener.chains {
        chain.authorization = Some(Arc::new(authorization.clone()));
    }
}

#[tokio::test]
async fn requests_are_refused_by_path_and_by_certificate_and_the_log_says_by_which_rule() {
    let app = App::start().await;
    let authority = Authority::create("cluster.local", now()).unwrap();
    let mut callee = World::new();
    callee.secrets = secrets(&authority, "reviews", "reviews-v1");
    let address = inbound(&mut callee, app.address, Mode::Strict);
    callee.apply().await;
    let mut caller = World::new();
    caller.secrets = secrets(&authority, "productpage", "productpage-v1");
    let entry = outbound_to(&mut caller, address, "reviews");
    caller.apply().await;
    let mut client = Caller::new(entry).await;
    let path = Wanted::Path(vec![TextMatch::Prefix("/secret".into())]);
    let allow = |wanted| Authorization {
        deny: Vec::new(),
        allow: Some(vec![rule(wanted)]),
    };
    let deny = Authorization {
        deny: vec![rule(path)],
        allow: None,
    };
    let denied = format!("rbac_access_denied_matched_policy[{NAME}]");
    let nobody = "rbac_access_denied_matched_policy[none]";
    let null = serde_json::Value::Null;
    // Each takes effect on the connection that is open already.
    let mut want = Vec::new();
    for (authorization, path, status, details, policy) in [
        (allow(from("productpage")), "/a", 200, "via_upstream", NAME.into()),
        (allow(from("ratings")), "/b", 403, nobody, null.clone()),
        (deny.clone(), "/c", 200, "via_upstream", null.clone()),
        (deny, "/secret?d", 403, &denied, NAME.into()),
    ] {
        authorize(&mut callee, "inbound|9080", authorization);
        callee.apply().await;
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        if status == 403 {
            assert_eq!(answer.body, "RBAC: access denied");
        }
        want.push((path, status, details.to_owned(), policy));
    }
    assert_eq!(app.count(), 2);
    let labels = [
        "response_code=\"403\"",
        "response_flags=\"-\"",
        "source_workload=\"productpage-v1\"",
        "destination_service_name=\"reviews\"",
    ];
    assert_eq!(callee.metric("istio_requests_total", &labels).await, 2);
    let lines = callee.end().await;
    for (line, (path, status, details, policy)) in lines.iter().zip(want) {
        assert_eq!(
            (&line["path"], &line["response_code"]),
            (&path.into(), &status.into())
        );
        assert_eq!(
            (&line["response_code_details"], &line["policy"]),
            (&details.into(), &policy)
        );
    }
}

#[tokio::test]
async fn a_refused_call_gets_the_status_of_grpc() {
    let echo = Echo::start(100).await;
    let (mut world, address) = World::to_app(echo.address, to_v1()).await;
    authorize(
        &mut world,
        "outbound|9080",
        Authorization {
            deny: Vec::new(),
            allow: Some(Vec::new()),
        },
    );
    world.apply().await;
    let reply = Stub::new(address)
        .await
        .call("/a.B/C", &[], &[b"a"])
        .await
        .unwrap();
    assert_eq!((reply.status, reply.grpc_status()), (200, Some("7")));
    assert_eq!(reply.headers["grpc-message"], "RBAC: access denied");
    assert_eq!(echo.count(), 0);
}

#[tokio::test]
async fn tcp_connections_go_through_mutual_tls_and_are_refused_by_certificate() {
    let upstream = echo().await;
    let authority = Authority::create("cluster.local", now()).unwrap();
    let mut callee = World::new();
    callee.secrets = secrets(&authority, "reviews", "reviews-v1");
    let mut inbound = tcp_listener("inbound|27017", Direction::Inbound, Network::tcp("app".into()));
    inbound.chains[0].tls = Some(DownstreamTls {
        certificate: WORKLOAD_SECRET.into(),
        client_roots: Some(ROOTS_SECRET.into()),
    });
    let address = callee.listen(inbound);
    callee.cluster(cluster("app"), vec![endpoint(upstream)]);
    callee.apply().await;
    let mut caller = World::new();
    caller.secrets = secrets(&authority, "ratings", "ratings-v2");
    let entry = caller.listen(tcp_listener(
        "outbound|27017",
        Direction::Outbound,
        Network::tcp("mongo".into()),
    ));
    let mut mongo = cluster("mongo");
    mongo.protocol = Protocol::Tcp;
    mongo.tls = UpstreamTls::Mesh {
        auto: false,
        sni: "outbound_.27017_._.mongo.bookinfo.svc.cluster.local".into(),
        principals: vec![Principal::new("cluster.local", "bookinfo", "reviews")],
    };
    caller.cluster(mongo, vec![endpoint(address)]);
    caller.apply().await;
    for (account, want) in [("ratings", "hello"), ("productpage", "")] {
        let allow = Authorization {
            deny: Vec::new(),
            allow: Some(vec![rule(from(account))]),
        };
        authorize(&mut callee, "inbound|27017", allow);
        callee.apply().await;
        let mut stream = TcpStream::connect(entry).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut back = [0; 5];
        let got = stream.read(&mut back).await.unwrap_or(0);
        assert_eq!(&back[..got], want.as_bytes(), "{account}");
    }
    let labels = [
        "connection_security_policy=\"mutual_tls\"",
        "source_workload=\"ratings-v2\"",
        "response_flags=\"-\"",
    ];
    assert_eq!(
        callee.metric("istio_tcp_connections_opened_total", &labels).await,
        2
    );
    assert_eq!(callee.metric("istio_tcp_received_bytes_total", &labels).await, 5);
    drop(caller);
    let lines = callee.end().await;
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| line["connection_termination_details"] == "rbac_access_denied_matched_policy[none]")
        .collect();
    assert_eq!((lines.len(), refused.len()), (2, 1));
}
