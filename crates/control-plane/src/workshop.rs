//! Where a proxy's resources are made: compiled, encoded, and with its certificate.

use std::{path::PathBuf, sync::Arc};

use thiserror::Error;
use tracing::warn;
use vigla_compiler::{NoSuchProxy, Parts, Problem, ProxyIdentity, Settings, compile_with};
use vigla_config::{Instance, Snapshot};
use vigla_dataplane::{Plan, credential_of_secret};
use vigla_identity::{Authority, IdentityError};
use vigla_model::Timestamp;
use vigla_xds::{EncodeOptions, Encoder, ResourceKind, Resources, Secret, encode_secret};
use zeroize::Zeroizing;

use crate::{certificates::Certificates, proxies::ProxyProgram};

/// Tells where an Envoy writes its access log.
pub(crate) type AccessLogPath = dyn Fn(&ProxyIdentity) -> Option<PathBuf> + Send + Sync;

/// Everything that one proxy is to have at one revision.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) revision: u64,
    /// The proxy's workload.
    pub(crate) workload: Arc<str>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) resources: Arc<Resources>,
    /// What could not be compiled.
    pub(crate) problems: Arc<[Problem]>,
    pub(crate) certificate_not_after: Option<Timestamp>,
}

/// Why a proxy gets nothing.
#[derive(Debug, Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    NoSuchProxy(#[from] NoSuchProxy),
    #[error("no certificate for the proxy")]
    Certificate(#[from] IdentityError),
    #[error("the workload of `{0}` has no identity")]
    NoIdentity(Arc<str>),
}

/// Makes targets. Parts that plans share are compiled and encoded once.
pub(crate) struct Workshop {
    parts: Parts,
    encoder: Encoder,
    certificates: Certificates,
    access_log: Arc<AccessLogPath>,
    settings: Settings,
}

impl Workshop {
    pub(crate) fn new(authority: Arc<Authority>, access_log: Arc<AccessLogPath>, settings: Settings) -> Self {
        Self {
            parts: Parts::default(),
            encoder: Encoder::default(),
            certificates: Certificates::new(authority),
            access_log,
            settings,
        }
    }

    pub(crate) fn build(
        &mut self,
        revision: u64,
        mesh: &Snapshot,
        proxy: &ProxyIdentity,
        program: ProxyProgram,
        now: Timestamp,
    ) -> Result<Target, BuildError> {
        let compiled = compile_with(mesh, proxy, &self.settings, &mut self.parts)?;
        let log = match program {
            ProxyProgram::Envoy => (self.access_log)(proxy),
            ProxyProgram::Vigla => None,
        };
        let options = EncodeOptions {
            access_log: log.as_deref(),
        };
        let mut resources = self.encoder.encode(&compiled.plan, options);
        let instance = mesh
            .instance(proxy.namespace.as_str(), &proxy.instance)
            .ok_or_else(|| NoSuchProxy(proxy.clone()))?;
        let no_identity = || BuildError::NoIdentity(Arc::clone(&proxy.instance));
        let principal = mesh.identity(instance).principal.ok_or_else(no_identity)?;
        let workload = instance.workload.as_str();
        let certificate = self.certificates.of(proxy, &principal, workload, now)?;
        let certificate_not_after = Some(certificate.not_after);
        let own = certificate.resource.clone();
        let secrets = resources.of_mut(ResourceKind::Secret);
        secrets.insert(own);
        secrets.insert(self.certificates.roots().clone());
        for (name, secret) in credentials(mesh, instance, &compiled.plan) {
            secrets.insert(encode_secret(&name, &secret));
        }
        Ok(Target {
            revision,
            workload: workload.into(),
            plan: Arc::new(compiled.plan),
            resources: Arc::new(resources),
            problems: compiled.problems.into(),
            certificate_not_after,
        })
    }

    /// Forgets what no plan of this revision needs.
    pub(crate) fn tidy(&mut self, mesh: &Snapshot) {
        self.parts.forget_unused();
        self.encoder.forget_unused();
        self.certificates
            .retain(|proxy| mesh.instance(proxy.namespace.as_str(), &proxy.instance).is_some());
    }

    pub(crate) fn next_renewal(&self) -> Option<Timestamp> {
        self.certificates.next_renewal()
    }
}

/// The credentials that a plan names, from the Secrets of the proxy's namespace. The compiler has seen that they are
/// there.
fn credentials(mesh: &Snapshot, instance: &Instance, plan: &Plan) -> Vec<(Arc<str>, Secret)> {
    let find = |secret: &str| match credential_of_secret(secret)? {
        (name, true) => {
            let pem = mesh.credential_roots(&instance.namespace, name)?;
            Some(Secret::Roots { pem })
        }
        (name, false) => {
            let pair = mesh.credential(&instance.namespace, name)?;
            Some(Secret::Certificate {
                chain_pem: pair.chain,
                key_pem: Zeroizing::new(pair.key),
            })
        }
    };
    let names = plan.secrets().into_iter();
    names
        .filter_map(|name| Some((name.clone(), find(&name)?)))
        .collect()
}

/// Logs why a proxy gets nothing.
pub(crate) fn tell(error: &BuildError, proxy: &ProxyIdentity) {
    warn!(namespace = %proxy.namespace, instance = %proxy.instance, %error, "a proxy gets no config");
}

#[cfg(test)]
mod tests {
    use vigla_testing::Mesh;

    use super::*;

    #[test]
    fn only_who_names_a_credential_is_sent_it() {
        let yaml = "
apiVersion: v1
kind: Secret
metadata: {name: shop, namespace: istio-system}
stringData: {tls.crt: chain, tls.key: key, ca.crt: roots}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: MUTUAL, credentialName: shop}
    hosts: [shop.example]
";
        let mesh = Mesh::bookinfo().with_yaml(yaml).snapshot();
        let now = Timestamp(1_790_000_000_000);
        let authority = Arc::new(Authority::create("cluster.local", now).unwrap());
        let mut workshop = Workshop::new(authority, Arc::new(|_| None), Settings::default());
        let mut secrets = |namespace: &str, instance: &str| {
            let proxy = ProxyIdentity {
                namespace: namespace.into(),
                instance: instance.into(),
            };
            let target = workshop
                .build(1, &mesh, &proxy, ProxyProgram::Vigla, now)
                .unwrap();
            let secrets = target.resources.of(ResourceKind::Secret);
            secrets
                .iter()
                .map(|secret| secret.name.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            secrets("istio-system", "istio-ingressgateway-0"),
            [
                "ROOTCA",
                "default",
                "kubernetes://shop",
                "kubernetes://shop-cacert"
            ]
        );
        assert_eq!(secrets("bookinfo", "productpage-v1-0"), ["ROOTCA", "default"]);
    }
}
