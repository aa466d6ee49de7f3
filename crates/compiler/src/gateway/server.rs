//! What a server of a Gateway speaks.

use vigla_config::{Attachment, Gateway, Server, ServerTls};
use vigla_dataplane::{
    DownstreamTls, ROOTS_SECRET, WORKLOAD_SECRET, credential_roots_secret, credential_secret,
};
use vigla_model::Origin;

use crate::context::Context;

/// A server that is served.
pub(super) struct Served<'a> {
    pub(super) gateway: Gateway<'a>,
    pub(super) server: Server<'a>,
    pub(super) port: u16,
    pub(super) kind: Kind,
}

/// How it is served.
pub(super) enum Kind {
    /// Plain HTTP.
    Http,
    /// TLS that ends here, with HTTP in it or bytes.
    Terminated { tls: DownstreamTls, is_http: bool },
    /// TLS that goes on as it is, by the name in its hello.
    Passthrough,
    /// Bytes.
    Bytes,
}

/// What one socket can speak at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Http,
    Tls,
    Bytes,
}

impl<'a> Served<'a> {
    pub(super) fn family(&self) -> Family {
        match self.kind {
            Kind::Http => Family::Http,
            Kind::Terminated { .. } | Kind::Passthrough => Family::Tls,
            Kind::Bytes => Family::Bytes,
        }
    }

    pub(super) fn origin(&self) -> Origin {
        self.gateway.origin(self.server.node())
    }

    pub(super) fn attachment(&self) -> Attachment<'a> {
        Attachment::Gateway {
            namespace: self.gateway.namespace().as_str(),
            name: self.gateway.object().name(),
        }
    }
}

/// How a server is served; `None`: it cannot be, and is told as a problem.
pub(super) fn kind(context: &mut Context<'_, '_>, gateway: Gateway<'_>, server: Server<'_>) -> Option<Kind> {
    let protocol = server.protocol().unwrap_or("HTTP").to_ascii_uppercase();
    match protocol.as_str() {
        "HTTP" | "HTTP2" | "GRPC" => Some(Kind::Http),
        "HTTPS" | "TLS" => {
            let Some(tls) = server.tls() else {
                let message = "the server has no `tls`; it is left out";
                context.problem(gateway.origin(server.node()), message);
                return None;
            };
            let is_http = protocol == "HTTPS";
            // What is not written is the first of Istio's modes.
            match tls.mode().unwrap_or("PASSTHROUGH") {
                "PASSTHROUGH" => Some(Kind::Passthrough),
                mode => Some(Kind::Terminated {
                    tls: terminated(context, gateway, tls, mode)?,
                    is_http,
                }),
            }
        }
        "TCP" | "MONGO" | "MYSQL" | "REDIS" => Some(Kind::Bytes),
        other => {
            let message = format!("`{other}` is not served; the server is left out");
            context.problem(gateway.origin(server.node()), message);
            None
        }
    }
}

fn terminated(
    context: &mut Context<'_, '_>,
    gateway: Gateway<'_>,
    tls: ServerTls<'_>,
    mode: &str,
) -> Option<DownstreamTls> {
    let wants_client = match mode {
        "ISTIO_MUTUAL" => {
            return Some(DownstreamTls {
                certificate: WORKLOAD_SECRET.into(),
                client_roots: Some(ROOTS_SECRET.into()),
            });
        }
        "SIMPLE" => false,
        "MUTUAL" => true,
        other => {
            let message = format!("the mode `{other}` is not served; the server is left out");
            context.problem(gateway.origin(tls.node()), message);
            return None;
        }
    };
    let Some(name) = tls.credential_name() else {
        let message =
            "keys of a gateway come from the Secret that `credentialName` names; the server is left out";
        context.problem(gateway.origin(tls.node()), message);
        return None;
    };
    let own = &context.instance.namespace;
    let node = tls.node().get("credentialName").unwrap_or(tls.node());
    let missing = if context.mesh.credential(own, name).is_none() {
        Some("`tls.crt` and `tls.key`")
    } else if wants_client && context.mesh.credential_roots(own, name).is_none() {
        Some("`ca.crt`")
    } else {
        None
    };
    if let Some(missing) = missing {
        let message = format!(
            "there is no Secret `{name}` with {missing} in namespace `{own}`; the server is left out"
        );
        context.problem(gateway.origin(node), message);
        return None;
    }
    Some(DownstreamTls {
        certificate: credential_secret(name),
        client_roots: wants_client.then(|| credential_roots_secret(name)),
    })
}
