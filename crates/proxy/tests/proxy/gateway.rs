//! TLS at the edge: servers told apart by name, callers that must show who they are, TLS that is passed through.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use vigla_dataplane::*;
use vigla_identity::{Authority, Roots, WorkloadIdentity, origination_config};
use vigla_model::{PeerIdentity, Principal, Protocol};
use vigla_xds::Secret;

use crate::{control_plane::ControlPlane, mesh::now, peer::Envoy, world::*};

/// A key and chain for `NAME.outside.pod.vigla`, from an authority outside the mesh.
fn issue(authority: &Authority, name: &str) -> Secret {
    let principal = Principal::new("edge.example", "outside", name);
    let issued = authority.issue(&principal, name, now()).unwrap();
    Secret::Certificate {
        chain_pem: issued.chain_pem,
        key_pem: issued.key_pem,
    }
}

fn identity_of(secret: &Secret) -> WorkloadIdentity {
    let Secret::Certificate { chain_pem, key_pem } = secret else {
        panic!("no certificate")
    };
    WorkloadIdentity::from_pem(chain_pem, key_pem).unwrap()
}

/// Calls a gateway by TLS under a name; gives the answer's body, or why there is none.
async fn call(
    address: SocketAddr,
    sni: &str,
    certificate: &str,
    roots: &Roots,
    client: Option<&WorkloadIdentity>,
) -> Result<String, String> {
    let names = [PeerIdentity::dns_san(certificate, "outside").into()];
    let config = origination_config(Some(roots), &names, client, &["http/1.1"]).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(sni.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector
        .connect(name, stream)
        .await
        .map_err(|error| error.to_string())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let answer = sender.send_request(get(sni, "/a")).await;
    let body = answer.map_err(|error| error.to_string())?.into_body();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

fn terminated(credential: &str, names: &[&str], mutual: bool, table: &str) -> FilterChain {
    let tls = DownstreamTls {
        certificate: credential_secret(credential),
        client_roots: mutual.then(|| credential_roots_secret(credential)),
    };
    let mut chain = chain(
        table,
        None,
        Some(tls),
        Network::Http(RouteSource::Named(table.into())),
    );
    chain.matches.server_names = names.iter().map(|name| (*name).into()).collect();
    chain
}

fn answering(name: &str) -> RouteTable {
    RouteTable {
        name: name.into(),
        virtual_hosts: vec![VirtualHost {
            name: name.into(),
            domains: vec!["*".into()],
            routes: vec![route(RouteAction::Respond {
                status: 200,
                body: name.into(),
            })],
        }],
    }
}

#[tokio::test]
async fn servers_of_one_port_have_their_own_certificates_callers_and_routes() {
    let authority = Authority::create("edge.example", now()).unwrap();
    // Behind the passed-through name stands another gateway, which ends TLS.
    let mut inner = World::new();
    inner.secrets = [(credential_secret("bank"), issue(&authority, "bank"))].into();
    inner
        .plan
        .route_tables
        .insert("bank".into(), Arc::new(answering("bank")));
    let bank = listener(
        "gateway|443",
        Direction::Gateway,
        identity("edge", "edge", "v1"),
        vec![terminated("bank", &[], false, "bank")],
    );
    let bank = inner.listen(bank);
    inner.apply().await;

    let anchors = Secret::Roots {
        pem: authority.roots_pem().to_owned(),
    };
    let mut world = World::new();
    world.secrets = [
        (credential_secret("shop"), issue(&authority, "shop")),
        (credential_secret("partners"), issue(&authority, "partners")),
        (credential_roots_secret("partners"), anchors),
    ]
    .into();
    let address = edge(&mut world.plan, bank);
    world.apply().await;
    check(address, &authority).await;
    let labels = ["reporter=\"source\"", "response_code=\"200\""];
    assert_eq!(world.metric("istio_requests_total", &labels).await, 4);
    assert_eq!(world.metric("istio_tcp_connections_opened_total", &[]).await, 1);

    let Some(envoy) = Envoy::start() else {
        println!("skipped: VIGLA_ENVOY does not name an Envoy");
        return;
    };
    let mut theirs = Plan::default();
    let address = edge(&mut theirs, bank);
    let control_plane = ControlPlane::start(&envoy.socket(), &theirs, &world.secrets);
    let limit = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).await.is_err() {
        assert!(Instant::now() < limit, "{:?}", control_plane.refusals());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    check(address, &authority).await;
}

/// A gateway of four servers: by its own certificates, and through to `bank`.
fn edge(plan: &mut Plan, bank: SocketAddr) -> SocketAddr {
    for name in ["shop", "partners", "rest"] {
        let table = answering(name);
        plan.route_tables.insert(table.name.clone(), Arc::new(table));
    }
    let mut through = chain("bank", None, None, Network::tcp("bank".into()));
    through.matches.server_names = vec!["*.bank.example".into()];
    let mut chains = vec![
        terminated("shop", &[], false, "rest"),
        terminated("shop", &["shop.example", "*.shop.example"], false, "shop"),
        terminated("partners", &["partners.example"], true, "partners"),
        through,
    ];
    chains[0].name = "rest".into();
    let to_bank = Cluster {
        protocol: Protocol::Tcp,
        discovery: Discovery::Static(vec![endpoint(bank)]),
        ..cluster("bank")
    };
    plan.clusters.insert("bank".into(), Arc::new(to_bank));
    let edge = listener(
        "gateway|443",
        Direction::Gateway,
        identity("edge", "edge", "v1"),
        chains,
    );
    let address = edge.address;
    plan.listeners.insert(edge.name.clone(), Arc::new(edge));
    address
}

/// Calls all servers, as callers who may and who may not.
async fn check(address: SocketAddr, authority: &Authority) {
    let roots = Roots::from_pem(authority.roots_pem()).unwrap();
    let client = identity_of(&issue(authority, "friend"));
    let other = Authority::create("edge.example", now()).unwrap();
    let stranger = identity_of(&issue(&other, "friend"));
    for (sni, certificate, client, want) in [
        ("shop.example", "shop", None, Some("shop")),
        ("www.shop.example", "shop", None, Some("shop")),
        ("other.example", "shop", None, Some("rest")),
        ("login.bank.example", "bank", None, Some("bank")),
        ("partners.example", "partners", Some(&client), Some("partners")),
        ("partners.example", "partners", Some(&stranger), None),
        ("partners.example", "partners", None, None),
    ] {
        let answer = call(address, sni, certificate, &roots, client).await;
        assert_eq!(answer.as_deref().ok(), want, "{sni}: {answer:?}");
    }
}

#[tokio::test]
async fn a_renewed_credential_is_shown_from_the_next_connection_on() {
    let (before, after) = (
        Authority::create("edge.example", now()).unwrap(),
        Authority::create("edge.example", now()).unwrap(),
    );
    let mut world = World::new();
    world.secrets = [(credential_secret("shop"), issue(&before, "shop"))].into();
    world
        .plan
        .route_tables
        .insert("shop".into(), Arc::new(answering("shop")));
    let edge = listener(
        "gateway|443",
        Direction::Gateway,
        identity("edge", "edge", "v1"),
        vec![terminated("shop", &["shop.example"], false, "shop")],
    );
    let address = world.listen(edge);
    for authority in [&before, &after] {
        world.secrets = [(credential_secret("shop"), issue(authority, "shop"))].into();
        world.apply().await;
        let roots = Roots::from_pem(authority.roots_pem()).unwrap();
        let answer = call(address, "shop.example", "shop", &roots, None).await;
        assert_eq!(answer.as_deref(), Ok("shop"));
    }
}
