//! Istio's labels, written once for each series.

use std::fmt::{Display, Write};

use vigla_model::{
    AppName, ClusterName, Fqdn, Namespace, PeerIdentity, Protocol, Reporter, SecurityPolicy, Version,
    WorkloadName,
};

use super::{MessageKey, Metrics, Peer, RefusedKey, RequestKey, TcpKey};

/// What Istio writes where it does not know.
const UNKNOWN: &str = "unknown";
/// Who stands for all callers and callees beyond the bound.
const OVERFLOW_NAME: &str = "overflow";

impl Metrics {
    pub(super) fn request_labels(&self, key: RequestKey) -> String {
        let mut out = self.common_labels(key.telemetry, key.peer, key.service);
        label(&mut out, "request_protocol", &key.protocol);
        label(&mut out, "response_code", &key.status);
        // Istio leaves it empty for what is not gRPC.
        match key.grpc_status {
            Some(status) => label(&mut out, "grpc_response_status", &status),
            None => label(&mut out, "grpc_response_status", &""),
        }
        label(&mut out, "response_flags", &key.flags);
        out
    }

    pub(super) fn message_labels(&self, key: MessageKey) -> String {
        let mut out = self.common_labels(key.telemetry, key.peer, key.service);
        label(&mut out, "request_protocol", &Protocol::Grpc);
        out
    }

    pub(super) fn tcp_labels(&self, key: TcpKey) -> String {
        let mut out = self.common_labels(key.telemetry, key.peer, key.service);
        label(&mut out, "request_protocol", &Protocol::Tcp);
        label(&mut out, "response_flags", &key.flags);
        out
    }

    pub(super) fn refused_labels(&self, key: RefusedKey) -> String {
        let mut out = String::with_capacity(512);
        let telemetry = self.telemetries.value(key.telemetry);
        let local = telemetry.as_ref().map(|telemetry| &telemetry.local);
        label(&mut out, "reporter", &Reporter::Destination.as_str());
        match self.peers.value(key.peer).and_then(|peer| peer.address) {
            Some(address) => label(&mut out, "source_address", &address),
            None => label(&mut out, "source_address", &OVERFLOW_NAME),
        }
        side(
            &mut out,
            "destination",
            local.unwrap_or(&PeerIdentity::default()),
            false,
        );
        service(
            &mut out,
            telemetry
                .as_ref()
                .and_then(|telemetry| telemetry.service.as_ref()),
        );
        label(&mut out, "response_flags", &key.flags);
        out
    }

    fn common_labels(&self, telemetry: u32, peer: u32, service_number: u32) -> String {
        let mut out = String::with_capacity(1024);
        let overflow = Peer {
            identity: PeerIdentity {
                workload: Some(OVERFLOW_NAME.into()),
                ..PeerIdentity::default()
            },
            ..Peer::default()
        };
        let peer = self.peers.value(peer);
        let peer = peer.as_deref().unwrap_or(&overflow);
        let telemetry = self.telemetries.value(telemetry);
        let nobody = PeerIdentity::default();
        let local = telemetry.as_ref().map_or(&nobody, |telemetry| &telemetry.local);
        let reporter = telemetry
            .as_ref()
            .map_or(Reporter::Source, |telemetry| telemetry.reporter);
        label(&mut out, "reporter", &reporter.as_str());
        let (source, destination, policy) = match reporter {
            Reporter::Source => (local, &peer.identity, SecurityPolicy::Unknown),
            Reporter::Destination if peer.mutual_tls => (&peer.identity, local, SecurityPolicy::MutualTls),
            Reporter::Destination => (&peer.identity, local, SecurityPolicy::None),
        };
        side(&mut out, "source", source, peer.mutual_tls);
        side(&mut out, "destination", destination, peer.mutual_tls);
        let by_number = self.services.value(service_number);
        service(&mut out, by_number.as_deref().and_then(Option::as_ref));
        label(&mut out, "connection_security_policy", &policy.as_str());
        if let (Reporter::Destination, Some(address)) = (reporter, peer.address) {
            label(&mut out, "source_address", &address);
        }
        out
    }
}

/// The eight labels of one end. Principals count only when they were shown on the connection.
fn side(out: &mut String, end: &str, identity: &PeerIdentity, mutual_tls: bool) {
    let mut put = |name: &str, value: Option<&str>| {
        let _ = write!(out, "{}{end}_{name}=\"", comma(out));
        escape(out, value.unwrap_or(UNKNOWN));
        out.push('"');
    };
    let app = identity.app.as_ref().map(AppName::as_str);
    let version = identity.version.as_ref().map(Version::as_str);
    put("workload", identity.workload.as_ref().map(WorkloadName::as_str));
    put(
        "workload_namespace",
        identity.namespace.as_ref().map(Namespace::as_str),
    );
    put("canonical_service", app);
    put("canonical_revision", version);
    put("app", app);
    put("version", version);
    let principal = identity
        .principal
        .as_ref()
        .filter(|_| mutual_tls)
        .map(ToString::to_string);
    put("principal", principal.as_deref());
    put("cluster", identity.cluster.as_ref().map(ClusterName::as_str));
}

fn service(out: &mut String, service: Option<&Fqdn>) {
    let host = service.map(Fqdn::as_str);
    let parts = service.and_then(|service| service.service_parts());
    label(out, "destination_service", &host.unwrap_or(UNKNOWN));
    // A host outside the cluster is its own name, as in Istio.
    label(
        out,
        "destination_service_name",
        &parts.map(|parts| parts.0).or(host).unwrap_or(UNKNOWN),
    );
    label(
        out,
        "destination_service_namespace",
        &parts.map_or(UNKNOWN, |parts| parts.1),
    );
}

fn label(out: &mut String, name: &str, value: &dyn Display) {
    let _ = write!(out, "{}{name}=\"", comma(out));
    escape(out, &value.to_string());
    out.push('"');
}

fn comma(out: &str) -> &'static str {
    if out.is_empty() { "" } else { "," }
}

/// Prometheus's text form knows three escapes.
fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}
