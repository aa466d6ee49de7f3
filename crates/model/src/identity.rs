//! Who is at an end of traffic.

use std::{cmp::Ordering, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{AppName, ClusterName, Namespace, Version, WorkloadName};

/// A SPIFFE id of the form `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`.
///
/// Cheap to clone and to compare with its clones: the graph does both for every row of traffic.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Principal {
    text: Arc<str>,
    /// Where in it the namespace begins.
    namespace: u32,
    /// Where in it the service account begins.
    service_account: u32,
}

const SCHEME: &str = "spiffe://";
const NAMESPACE: &str = "/ns/";
const SERVICE_ACCOUNT: &str = "/sa/";

/// A text that is no SPIFFE id of a Kubernetes service account.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not of the form spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT")]
pub struct BadPrincipal(pub String);

impl Principal {
    /// Makes the id of a service account.
    pub fn new(trust_domain: &str, namespace: &str, service_account: &str) -> Self {
        let before = SCHEME.len() + trust_domain.len() + NAMESPACE.len();
        Self {
            text: format!("{SCHEME}{trust_domain}{NAMESPACE}{namespace}{SERVICE_ACCOUNT}{service_account}")
                .into(),
            namespace: before as u32,
            service_account: (before + namespace.len() + SERVICE_ACCOUNT.len()) as u32,
        }
    }

    /// Reads `spiffe://td/ns/n/sa/a`.
    ///
    /// # Errors
    /// When a part is missing or empty, or more parts follow.
    pub fn parse(text: &str) -> Result<Self, BadPrincipal> {
        let bad = || BadPrincipal(text.to_owned());
        let rest = text.strip_prefix(SCHEME).ok_or_else(bad)?;
        let parts: Vec<&str> = rest.split('/').collect();
        match parts.as_slice() {
            [td, "ns", ns, "sa", sa] if !td.is_empty() && !ns.is_empty() && !sa.is_empty() => {
                Ok(Self::new(td, ns, sa))
            }
            _ => Err(bad()),
        }
    }

    /// The trust domain, such as `cluster.local`.
    pub fn trust_domain(&self) -> &str {
        &self.text[SCHEME.len()..self.namespace as usize - NAMESPACE.len()]
    }

    /// The namespace of the service account.
    pub fn namespace(&self) -> &str {
        &self.text[self.namespace as usize..self.service_account as usize - SERVICE_ACCOUNT.len()]
    }

    /// The service account.
    pub fn service_account(&self) -> &str {
        &self.text[self.service_account as usize..]
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("trust_domain", &self.trust_domain())
            .field("namespace", &self.namespace())
            .field("service_account", &self.service_account())
            .finish()
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Ord for Principal {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.text, &other.text) {
            return Ordering::Equal;
        }
        let places = |id: &Self| (id.namespace, id.service_account);
        self.text
            .cmp(&other.text)
            .then_with(|| places(self).cmp(&places(other)))
    }
}

impl PartialOrd for Principal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<String> for Principal {
    type Error = BadPrincipal;
    fn try_from(text: String) -> Result<Self, BadPrincipal> {
        Self::parse(&text)
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

/// One end of traffic, as far as it is known. Fields are absent where nobody could tell.
///
/// These are the values of Istio's labels `source_*` and `destination_*`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerIdentity {
    /// Kubernetes cluster (`source_cluster`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterName>,
    /// Namespace of the workload (`source_workload_namespace`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// Workload (`source_workload`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadName>,
    /// App (`source_app`, `source_canonical_service`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<AppName>,
    /// Version (`source_version`, `source_canonical_revision`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// SPIFFE id (`source_principal`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
}

impl PeerIdentity {
    /// DNS name that our certificate authority puts beside the SPIFFE id: `WORKLOAD.NAMESPACE.pod.vigla`.
    pub fn dns_san(workload: &str, namespace: &str) -> String {
        format!("{workload}.{namespace}.pod.vigla")
    }

    /// Workload and namespace from a name that [`PeerIdentity::dns_san`] made. Workload names may hold dots.
    pub fn parse_dns_san(san: &str) -> Option<(&str, &str)> {
        let (workload, namespace) = san.strip_suffix(".pod.vigla")?.rsplit_once('.')?;
        (!workload.is_empty() && !namespace.is_empty()).then_some((workload, namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_read_back_as_it_was_written() {
        let text = "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews";
        let principal = Principal::parse(text).unwrap();
        assert_eq!(principal.to_string(), text);
        assert_eq!(
            (
                principal.trust_domain(),
                principal.namespace(),
                principal.service_account()
            ),
            ("cluster.local", "bookinfo", "bookinfo-reviews")
        );
        assert_eq!(
            principal,
            Principal::new("cluster.local", "bookinfo", "bookinfo-reviews")
        );
        for bad in [
            "",
            "spiffe://td",
            "spiffe://td/ns/a/sa/",
            "https://td/ns/a/sa/b",
            "spiffe://td/ns/a/sa/b/c",
        ] {
            assert!(Principal::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_dns_san_gives_workload_and_namespace() {
        let san = PeerIdentity::dns_san("reviews-v1", "bookinfo");
        assert_eq!(
            PeerIdentity::parse_dns_san(&san),
            Some(("reviews-v1", "bookinfo"))
        );
        assert_eq!(PeerIdentity::parse_dns_san("a.b.c.pod.vigla"), Some(("a.b", "c")));
        assert_eq!(PeerIdentity::parse_dns_san("reviews.bookinfo"), None);
    }
}
