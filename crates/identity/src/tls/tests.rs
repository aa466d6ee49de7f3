//! Handshakes in memory: who is let in, and who is not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::{ClientConnection, ServerConnection, pki_types::ServerName};
use vigla_model::Timestamp;

use super::*;
use crate::{Authority, peer_identity};

struct Mesh {
    authority: Authority,
    roots: Roots,
}

impl Mesh {
    fn new() -> Self {
        let authority = Authority::create("cluster.local", now()).unwrap();
        let roots = Roots::from_pem(authority.roots_pem()).unwrap();
        Self { authority, roots }
    }

    fn workload(&self, name: &str, issued: Timestamp) -> WorkloadIdentity {
        let issued = self.authority.issue(&principal(name), name, issued).unwrap();
        WorkloadIdentity::from_pem(&issued.chain_pem, &issued.key_pem).unwrap()
    }
}

// rustls checks lives against the real clock.
fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(now.as_millis()).unwrap())
}

fn principal(name: &str) -> Principal {
    Principal::new("cluster.local", "bookinfo", name)
}

const SNI: &str = "outbound_.9080_._.reviews.bookinfo.svc.cluster.local";

/// Runs the handshake to its end; gives the server's view of the client.
fn shake(client: ClientConfig, server: ServerConfig) -> Result<Option<Principal>, rustls::Error> {
    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(SNI).unwrap())?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        wire.clear();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert_eq!(server.server_name(), Some(SNI));
    Ok(server
        .peer_certificates()
        .and_then(|chain| peer_identity(&chain[0]).principal))
}

#[test]
fn both_ends_learn_who_the_other_is() {
    let mesh = Mesh::new();
    let (caller, callee) = (
        mesh.workload("productpage", now()),
        mesh.workload("reviews", now()),
    );
    let client = client_config(&caller, &mesh.roots, &[principal("reviews")], &["http/1.1"]).unwrap();
    let server = server_config(&callee, Some(&mesh.roots), &["http/1.1"]).unwrap();
    assert_eq!(shake(client, server).unwrap(), Some(principal("productpage")));
}

#[test]
fn an_endpoint_with_another_id_is_refused() {
    let mesh = Mesh::new();
    let (caller, callee) = (
        mesh.workload("productpage", now()),
        mesh.workload("ratings", now()),
    );
    let client = client_config(&caller, &mesh.roots, &[principal("reviews")], &[]).unwrap();
    let error = shake(client, server_config(&callee, Some(&mesh.roots), &[]).unwrap()).unwrap_err();
    assert!(error.to_string().contains("sa/ratings"), "{error}");
}

#[test]
fn a_caller_of_another_mesh_is_refused() {
    let (mesh, other) = (Mesh::new(), Mesh::new());
    let (caller, callee) = (
        other.workload("productpage", now()),
        mesh.workload("reviews", now()),
    );
    let client = client_config(&caller, &mesh.roots, &[principal("reviews")], &[]).unwrap();
    let error = shake(client, server_config(&callee, Some(&mesh.roots), &[]).unwrap()).unwrap_err();
    assert!(matches!(error, rustls::Error::InvalidCertificate(_)), "{error}");
}

#[test]
fn an_expired_certificate_is_refused() {
    let mesh = Mesh::new();
    let long_ago = now().minus(Duration::from_secs(25 * 3600));
    let (caller, callee) = (
        mesh.workload("productpage", long_ago),
        mesh.workload("reviews", now()),
    );
    let client = client_config(&caller, &mesh.roots, &[principal("reviews")], &[]).unwrap();
    let error = shake(client, server_config(&callee, Some(&mesh.roots), &[]).unwrap()).unwrap_err();
    assert!(matches!(error, rustls::Error::InvalidCertificate(_)), "{error}");
}

#[test]
fn keys_do_not_show() {
    let mesh = Mesh::new();
    let identity = mesh.workload("reviews", now());
    assert_eq!(format!("{identity:?}"), "WorkloadIdentity(1 certificates)");
}
