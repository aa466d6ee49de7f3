//! Certificates of the connected proxies: made when first needed, renewed in time.

use std::{collections::HashMap, fmt, sync::Arc};

use vigla_compiler::ProxyIdentity;
use vigla_dataplane::{ROOTS_SECRET, WORKLOAD_SECRET};
use vigla_identity::{Authority, IdentityError};
use vigla_model::{Principal, Timestamp};
use vigla_xds::{Resource, Secret, encode_secret};

/// One certificate for each proxy, and the mesh's roots.
pub(crate) struct Certificates {
    authority: Arc<Authority>,
    roots: Resource,
    issued: HashMap<ProxyIdentity, Certificate>,
}

/// A workload's certificate as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    principal: Principal,
    pub(crate) resource: Resource,
    pub(crate) not_after: Timestamp,
    pub(crate) renew_at: Timestamp,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({} issued)", self.issued.len())
    }
}

impl Certificates {
    pub(crate) fn new(authority: Arc<Authority>) -> Self {
        let roots = Secret::Roots {
            pem: authority.roots_pem().to_owned(),
        };
        Self {
            authority,
            roots: encode_secret(ROOTS_SECRET, &roots),
            issued: HashMap::new(),
        }
    }

    /// The mesh's trust anchors.
    pub(crate) fn roots(&self) -> &Resource {
        &self.roots
    }

    /// The proxy's certificate: the one it has, or a new one when it has none, gets old, or is somebody else now.
    pub(crate) fn of(
        &mut self,
        proxy: &ProxyIdentity,
        principal: &Principal,
        workload: &str,
        now: Timestamp,
    ) -> Result<&Certificate, IdentityError> {
        let known = self.issued.get(proxy);
        if known.is_none_or(|known| known.principal != *principal || now >= known.renew_at) {
            let issued = self.authority.issue(principal, workload, now)?;
            let secret = Secret::Certificate {
                chain_pem: issued.chain_pem,
                key_pem: issued.key_pem,
            };
            let certificate = Certificate {
                principal: principal.clone(),
                resource: encode_secret(WORKLOAD_SECRET, &secret),
                not_after: issued.not_after,
                renew_at: issued.renew_at,
            };
            self.issued.insert(proxy.clone(), certificate);
        }
        Ok(&self.issued[proxy])
    }

    /// When the next certificate is to be renewed; `None` when there is none.
    pub(crate) fn next_renewal(&self) -> Option<Timestamp> {
        self.issued.values().map(|certificate| certificate.renew_at).min()
    }

    /// Forgets proxies that the mesh has no more.
    pub(crate) fn retain(&mut self, is_known: impl Fn(&ProxyIdentity) -> bool) {
        self.issued.retain(|proxy, _| is_known(proxy));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_certificate_is_kept_until_it_is_to_be_renewed() {
        let now = Timestamp(1_790_000_000_000);
        let authority = Authority::create("cluster.local", now).unwrap();
        let mut certificates = Certificates::new(Arc::new(authority));
        let proxy = ProxyIdentity {
            namespace: "bookinfo".into(),
            instance: "reviews-v1-0".into(),
        };
        let principal = Principal::new("cluster.local", "bookinfo", "reviews");
        let mut hash = |now| {
            certificates
                .of(&proxy, &principal, "reviews-v1", now)
                .unwrap()
                .resource
                .hash
        };
        let first = hash(now);
        assert_eq!(hash(now.plus(Duration::from_secs(3600))), first);
        assert_ne!(hash(now.plus(Duration::from_secs(20 * 3600))), first);
        assert!(certificates.next_renewal().is_some());
        certificates.retain(|_| false);
        assert_eq!(certificates.next_renewal(), None);
    }
}
