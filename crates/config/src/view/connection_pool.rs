//! `connectionPool` and `outlierDetection` of a DestinationRule, and its client `tls`.

use std::time::Duration;

use super::part::{part, strings};
use crate::Node;

part!(
    /// A `connectionPool`.
    ConnectionPoolSettings
);
part!(
    /// An `outlierDetection`.
    OutlierDetection
);
part!(
    /// `tls` of a DestinationRule.
    ClientTls
);

impl<'a> ConnectionPoolSettings<'a> {
    fn of_tcp(self, key: &str) -> Option<Node<'a>> {
        self.field("tcp")?.get(key).filter(|node| !node.is_null())
    }

    fn of_http(self, key: &str) -> Option<Node<'a>> {
        self.field("http")?.get(key).filter(|node| !node.is_null())
    }

    /// A number of `tcp`, such as `maxConnections`; zero means that it is not set.
    pub fn tcp_number(self, key: &str) -> Option<u32> {
        positive(self.of_tcp(key)?)
    }

    /// A number of `http`, such as `http2MaxRequests`; zero means that it is not set.
    pub fn http_number(self, key: &str) -> Option<u32> {
        positive(self.of_http(key)?)
    }

    /// `tcp.connectTimeout`.
    pub fn connect_timeout(self) -> Option<Duration> {
        self.of_tcp("connectTimeout")?.as_duration()
    }

    /// `http.idleTimeout`.
    pub fn idle_timeout(self) -> Option<Duration> {
        self.of_http("idleTimeout")?.as_duration()
    }

    /// `http.h2UpgradePolicy` as written.
    pub fn h2_upgrade_policy(self) -> Option<&'a str> {
        self.of_http("h2UpgradePolicy")?.text()
    }

    /// `tcp.tcpKeepalive`: probes, time before the first, time between them. `None` when it is not written.
    pub fn keepalive(self) -> Option<(Option<u32>, Option<Duration>, Option<Duration>)> {
        let node = self.of_tcp("tcpKeepalive")?;
        let time = |key: &str| node.get(key).and_then(Node::as_duration);
        Some((
            node.get("probes").and_then(positive),
            time("time"),
            time("interval"),
        ))
    }
}

impl OutlierDetection<'_> {
    /// A number such as `consecutive5xxErrors`; unlike elsewhere, zero means something.
    pub fn number(self, key: &str) -> Option<u32> {
        u32::try_from(self.field(key)?.as_i64()?).ok()
    }

    /// A time such as `baseEjectionTime`.
    pub fn duration(self, key: &str) -> Option<Duration> {
        self.field(key)?.as_duration()
    }

    /// `splitExternalLocalOriginErrors`.
    pub fn splits_local_errors(self) -> bool {
        self.field("splitExternalLocalOriginErrors")
            .and_then(Node::as_bool)
            .unwrap_or(false)
    }
}

impl<'a> ClientTls<'a> {
    /// A text such as `sni`, `caCertificates`, `clientCertificate`, `privateKey` or `credentialName`; an empty one is
    /// not there.
    pub fn written(self, key: &str) -> Option<&'a str> {
        self.text(key).filter(|text| !text.is_empty())
    }

    /// `subjectAltNames`.
    pub fn subject_alt_names(self) -> impl Iterator<Item = &'a str> {
        strings(Some(self.0), "subjectAltNames").filter_map(Node::text)
    }

    /// `insecureSkipVerify`.
    pub fn skips_verification(self) -> bool {
        self.field("insecureSkipVerify")
            .and_then(Node::as_bool)
            .unwrap_or(false)
    }
}

fn positive(node: Node<'_>) -> Option<u32> {
    u32::try_from(node.as_i64()?).ok().filter(|&number| number > 0)
}
