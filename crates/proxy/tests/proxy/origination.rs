//! Servers outside the mesh: found by DNS, spoken to by TLS that starts in the proxy.

use std::{net::SocketAddr, path::Path, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use vigla_dataplane::*;
use vigla_identity::{Authority, Roots, WorkloadIdentity, server_config};
use vigla_model::{PeerIdentity, Principal};
use vigla_xds::Secret;

use crate::{mesh::now, world::*};

/// A server that wants a client certificate and answers with the name that it was called by.
async fn start(authority: &Authority) -> SocketAddr {
    let principal = Principal::new("cluster.local", "outside", "books");
    let issued = authority.issue(&principal, "books", now()).unwrap();
    let identity = WorkloadIdentity::from_pem(&issued.chain_pem, &issued.key_pem).unwrap();
    let roots = Roots::from_pem(authority.roots_pem()).unwrap();
    let config = server_config(&identity, Some(&roots), &["http/1.1"]).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let name = stream.get_ref().1.server_name().unwrap_or("none").to_owned();
            let service = service_fn(move |_| {
                let body = http_body_util::Full::new(bytes::Bytes::from(name.clone()));
                async { Ok::<_, std::convert::Infallible>(hyper::Response::new(body)) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

fn write(folder: &Path, name: &str, text: &str) -> Arc<str> {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().into()
}

#[tokio::test]
async fn a_server_found_by_dns_is_checked_by_its_names_and_told_who_calls() {
    let (authority, other) = (
        Authority::create("cluster.local", now()).unwrap(),
        Authority::create("cluster.local", now()).unwrap(),
    );
    let server = start(&authority).await;
    let folder = tempfile::tempdir().unwrap();
    let issued = authority
        .issue(
            &Principal::new("cluster.local", "istio-system", "egress"),
            "egress",
            now(),
        )
        .unwrap();
    let by_name: Secrets = [
        (
            credential_secret("books"),
            Secret::Certificate {
                chain_pem: issued.chain_pem.clone(),
                key_pem: issued.key_pem.clone(),
            },
        ),
        (
            credential_roots_secret("books"),
            Secret::Roots {
                pem: authority.roots_pem().to_owned(),
            },
        ),
    ]
    .into();
    let client = ClientCertificate::Files {
        chain: write(folder.path(), "chain.pem", &issued.chain_pem),
        key: write(folder.path(), "key.pem", &issued.key_pem),
    };
    let right = write(folder.path(), "roots.pem", authority.roots_pem());
    let wrong = write(folder.path(), "other.pem", other.roots_pem());
    let (dns, uri) = (
        PeerIdentity::dns_san("books", "outside"),
        "spiffe://cluster.local/ns/outside/sa/books",
    );
    let file = TlsRoots::File;
    let secret = TlsRoots::Secret(credential_roots_secret("books"));
    for (names, roots, with_client, want, reason) in [
        (vec![dns.as_str()], secret.clone(), true, 200, ""),
        (vec!["a.example"], secret.clone(), true, 503, "a.example"),
        (vec![dns.as_str()], file(right.clone()), true, 200, ""),
        (vec!["a.example", uri], file(right.clone()), true, 200, ""),
        (vec![], TlsRoots::Unchecked, true, 200, ""),
        (vec!["a.example"], file(right.clone()), true, 503, "a.example"),
        (
            vec![dns.as_str()],
            file(wrong),
            true,
            503,
            "invalid peer certificate",
        ),
        (vec![dns.as_str()], file(right.clone()), false, 503, ""),
        (
            vec![dns.as_str()],
            file("/nowhere.pem".into()),
            true,
            503,
            "/nowhere.pem",
        ),
    ] {
        let mut world = World::new();
        let address = world.listen(outbound());
        world.secrets = by_name.clone();
        world.routes(vec![to_v1()]);
        let mut books = cluster("v1");
        books.discovery = Discovery::Dns(vec![DnsEndpoint {
            host: "localhost".into(),
            port: server.port(),
            identity: PeerIdentity::default(),
            weight: 1,
        }]);
        books.tls = UpstreamTls::Simple(Origination {
            sni: Some("books.example".into()),
            subject_alt_names: names.iter().map(|name| (*name).into()).collect(),
            roots: roots.clone(),
            client: with_client.then(|| match &roots {
                TlsRoots::Secret(_) => ClientCertificate::Secret(credential_secret("books")),
                _ => client.clone(),
            }),
        });
        world.plan.clusters.insert("v1".into(), Arc::new(books));
        world.apply().await;
        let answer = Caller::new(address).await.get("/").await;
        assert_eq!(answer.status, want, "{names:?}: {}", answer.body);
        if want == 200 {
            assert_eq!(answer.body, "books.example");
            let labels = [
                "destination_principal=\"unknown\"",
                "destination_workload=\"unknown\"",
            ];
            assert_eq!(world.metric("istio_requests_total", &labels).await, 1);
        }
        let line = &world.end().await[0];
        let said = line["upstream_transport_failure_reason"]
            .as_str()
            .unwrap_or_default();
        assert!(said.contains(reason), "{names:?}: {said}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_has_no_endpoints() {
    let mut world = World::new();
    let address = world.listen(outbound());
    world.routes(vec![to_v1()]);
    let mut books = cluster("v1");
    books.discovery = Discovery::Dns(vec![DnsEndpoint {
        host: "books.invalid".into(),
        port: 80,
        identity: PeerIdentity::default(),
        weight: 1,
    }]);
    world.plan.clusters.insert("v1".into(), Arc::new(books));
    world.apply().await;
    assert_eq!(Caller::new(address).await.get("/").await.status, 503);
    assert_eq!(world.end().await[0]["response_flags"], "UH");
}
