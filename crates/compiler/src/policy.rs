//! What a DestinationRule asks of a cluster: bounds, ejection, TLS of one's own.

use std::{sync::Arc, time::Duration};

use vigla_config::{ClientTls, DestinationPolicy, DestinationRule, Service};
use vigla_dataplane::{
    ClientCertificate, ConnectionPool, HttpVersion, Keepalive, Origination, Outlier, TlsRoots, UpstreamTls,
    credential_roots_secret, credential_secret,
};

use crate::context::{Context, is_gateway};

/// Istio's default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The rules in effect for one port, and the subset of it.
#[derive(Clone, Copy)]
pub(crate) struct InEffect<'r, 'a> {
    pub(crate) policy: Option<&'r DestinationPolicy<'a>>,
    pub(crate) port: u16,
    pub(crate) subset: Option<&'r str>,
}

impl<'a> InEffect<'_, 'a> {
    fn pool(&self) -> Option<(DestinationRule<'a>, vigla_config::ConnectionPoolSettings<'a>)> {
        self.policy?.connection_pool(self.port, self.subset)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        let written = self.pool().and_then(|(_, pool)| pool.connect_timeout());
        written.unwrap_or(CONNECT_TIMEOUT)
    }

    /// The version of HTTP, where the port speaks this one by itself.
    pub(crate) fn http_version(&self, own: HttpVersion) -> HttpVersion {
        match self.pool().and_then(|(_, pool)| pool.h2_upgrade_policy()) {
            Some("UPGRADE") => HttpVersion::Http2,
            _ => own,
        }
    }

    pub(crate) fn connection_pool(&self) -> ConnectionPool {
        let Some((rule, pool)) = self.pool() else {
            return ConnectionPool::default();
        };
        ConnectionPool {
            max_connections: pool.tcp_number("maxConnections"),
            max_pending_requests: pool.http_number("http1MaxPendingRequests"),
            max_requests: pool.http_number("http2MaxRequests"),
            max_retries: pool.http_number("maxRetries"),
            max_requests_per_connection: pool.http_number("maxRequestsPerConnection"),
            idle_timeout: pool.idle_timeout(),
            keepalive: pool.keepalive().map(|(probes, time, interval)| Keepalive {
                probes,
                time,
                interval,
            }),
            origin: Some(rule.origin(pool.node())),
        }
    }

    pub(crate) fn outlier(&self) -> Option<Outlier> {
        let (rule, written) = self.policy?.outlier_detection(self.port, self.subset)?;
        let defaults = Outlier::default();
        // Zero switches a count off.
        let count = |key: &str, default: Option<u32>| match written.number(key) {
            Some(0) => None,
            written => written.or(default),
        };
        let split = written.splits_local_errors();
        Some(Outlier {
            consecutive_5xx: count("consecutive5xxErrors", defaults.consecutive_5xx),
            consecutive_gateway_errors: count("consecutiveGatewayErrors", None),
            // Envoy's default where these are counted at all.
            consecutive_local_origin_failures: split
                .then(|| count("consecutiveLocalOriginFailures", Some(5)))
                .flatten(),
            split_external_local_origin_errors: split,
            interval: written.duration("interval").unwrap_or(defaults.interval),
            base_ejection_time: written
                .duration("baseEjectionTime")
                .unwrap_or(defaults.base_ejection_time),
            max_ejection_percent: written
                .number("maxEjectionPercent")
                .filter(|&percent| percent > 0)
                .unwrap_or(defaults.max_ejection_percent)
                .min(100),
            min_health_percent: written.number("minHealthPercent").unwrap_or(0).min(100),
            origin: Some(rule.origin(written.node())),
        })
    }
}

/// TLS of the caller's own (SIMPLE, MUTUAL). What it cannot have makes that nothing is sent: plain text would leave the
/// machine.
pub(crate) fn origination(
    context: &mut Context<'_, '_>,
    rule: DestinationRule<'_>,
    tls: ClientTls<'_>,
    service: &Service,
    names: &[Arc<str>],
    mutual: bool,
) -> UpstreamTls {
    let credential = credential(context, rule, tls, mutual);
    let host = service.fqdn.as_str();
    let sni: Option<Arc<str>> = match tls.written("sni") {
        Some(sni) => Some(sni.into()),
        None => (!host.starts_with('*')).then(|| host.into()),
    };
    let roots = match tls.written("caCertificates") {
        _ if tls.skips_verification() => TlsRoots::Unchecked,
        _ if credential.roots.is_some() => credential.roots.map_or(TlsRoots::System, TlsRoots::Secret),
        Some("system") | None => TlsRoots::System,
        Some(path) => TlsRoots::File(path.into()),
    };
    let mut subject_alt_names: Vec<Arc<str>> = tls.subject_alt_names().map(Arc::from).collect();
    if subject_alt_names.is_empty() {
        subject_alt_names = names.to_vec();
    }
    if subject_alt_names.is_empty() {
        // A certificate for any name would do otherwise.
        subject_alt_names.extend(sni.clone());
    }
    if roots == TlsRoots::Unchecked {
        subject_alt_names.clear();
    }
    let files = (tls.written("clientCertificate"), tls.written("privateKey"));
    let client = match files {
        _ if credential.client.is_some() => credential.client.map(ClientCertificate::Secret),
        (Some(chain), Some(key)) if mutual => Some(ClientCertificate::Files {
            chain: chain.into(),
            key: key.into(),
        }),
        _ if mutual && tls.written("credentialName").is_none() => {
            let message = "MUTUAL needs `clientCertificate` and `privateKey`; no certificate is shown";
            context.problem(rule.origin(tls.node()), message);
            None
        }
        _ => None,
    };
    UpstreamTls::Simple(Origination {
        sni,
        subject_alt_names,
        roots,
        client,
    })
}

/// What a `credentialName` gives, by SDS names.
#[derive(Default)]
struct Credential {
    roots: Option<Arc<str>>,
    client: Option<Arc<str>>,
}

/// As in Istio gateways may ask for credentials, and those sidecars that a rule names: a Secret is not for everybody in
/// its namespace.
fn credential(
    context: &mut Context<'_, '_>,
    rule: DestinationRule<'_>,
    tls: ClientTls<'_>,
    mutual: bool,
) -> Credential {
    let Some(name) = tls.written("credentialName") else {
        return Credential::default();
    };
    let node = tls.field("credentialName").unwrap_or(tls.node());
    let own = context.instance;
    if !is_gateway(own) && rule.workload_selector().is_none() {
        let message = "a sidecar is given a credential only by a rule with `workloadSelector`; the machine's trust \
                       anchors are used, and no certificate is shown";
        context.problem(rule.origin(node), message);
        return Credential::default();
    }
    let has_client = mutual && context.mesh.credential(&own.namespace, name).is_some();
    let has_roots = context.mesh.credential_roots(&own.namespace, name).is_some();
    let missing = match (mutual && !has_client, has_roots) {
        (true, _) => Some("`tls.crt` and `tls.key`"),
        (false, false) if !mutual => Some("`ca.crt`"),
        _ => None,
    };
    if let Some(missing) = missing {
        let message = format!(
            "there is no Secret `{name}` with {missing} in namespace `{}`",
            own.namespace
        );
        context.problem(rule.origin(node), message);
    }
    Credential {
        roots: has_roots.then(|| credential_roots_secret(name)),
        client: has_client.then(|| credential_secret(name)),
    }
}
