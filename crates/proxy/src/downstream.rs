//! A connection from a caller.

use std::{net::SocketAddr, rc::Rc};

use http::HeaderValue;
use vigla_dataplane::{ConnectionFacts, Direction};
use vigla_model::PeerIdentity;

use crate::{
    http::{HeadWatch, Version},
    listener::Chain,
    worker::Worker,
};

/// What is the same for all requests of one connection.
pub(crate) struct Downstream {
    pub(crate) worker: Rc<Worker>,
    pub(crate) chain: Rc<Chain>,
    pub(crate) direction: Direction,
    /// Who this proxy is.
    pub(crate) local: PeerIdentity,
    /// Number of the listener's labels.
    pub(crate) telemetry: u32,
    /// Number of the listener's own service, for requests that no route names one for.
    pub(crate) listener_service: u32,
    /// Inbound: number of the caller. Elsewhere the endpoint is the other end.
    pub(crate) caller: Option<u32>,
    /// Whether the caller showed a certificate of the mesh.
    pub(crate) is_mutual_tls: bool,
    /// The caller's SPIFFE id by its certificate, with `spiffe://`.
    pub(crate) principal: Option<Box<str>>,
    /// Whether the caller speaks TLS to us.
    pub(crate) is_tls: bool,
    /// Version of HTTP that was agreed on in TLS.
    pub(crate) alpn: Option<Version>,
    /// `x-forwarded-client-cert` for the application, when the caller showed a certificate.
    pub(crate) client_certificate: Option<HeaderValue>,
    /// `WORKLOAD.NAMESPACE` of this proxy, for callees that see no certificate.
    pub(crate) peer_header: Option<HeaderValue>,
    /// What the bytes of the connection tell.
    pub(crate) watch: HeadWatch,
    pub(crate) local_address: SocketAddr,
    pub(crate) remote_address: SocketAddr,
    pub(crate) server_name: Option<Box<str>>,
}

impl Downstream {
    /// The connection as authorization sees it.
    pub(crate) fn facts(&self) -> ConnectionFacts<'_> {
        let source = self.remote_address.ip();
        ConnectionFacts {
            principal: self.principal.as_deref(),
            source,
            // No header is believed: a gateway of ours is the first proxy that callers from outside meet.
            remote: source,
            port: self.local_address.port(),
            server_name: self.server_name.as_deref(),
        }
    }
}
