//! The mesh's certificate authority.

use std::{fmt, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, string::Ia5String,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use vigla_model::{PeerIdentity, Principal, Timestamp};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use crate::IdentityError;

/// Life of a workload's certificate.
pub const LEAF_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Life of a root that is made here.
pub const ROOT_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Certificates are valid from a little before now, for clocks that run behind.
const CLOCK_SKEW: Duration = Duration::from_secs(120);

/// Signs workload certificates. There is one for each mesh.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    not_after: Timestamp,
}

/// A workload's new certificate.
#[derive(Clone)]
pub struct Issued {
    /// Leaf first, in PEM.
    pub chain_pem: String,
    /// PKCS#8 in PEM; wiped when dropped.
    pub key_pem: Zeroizing<String>,
    /// Start of its life.
    pub not_before: Timestamp,
    /// End of its life.
    pub not_after: Timestamp,
    /// When the next one should be made; see [`renew_at`].
    pub renew_at: Timestamp,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("not_after", &self.not_after)
            .field("renew_at", &self.renew_at)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new root key and certificate for a trust domain.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn create(trust_domain: &str, now: Timestamp) -> Result<Self, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, trust_domain);
        params
            .distinguished_name
            .push(DnType::CommonName, "Vigla mesh root");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(now.minus(CLOCK_SKEW));
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(now.plus(ROOT_LIFE));
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate_pem,
            not_after: now.plus(ROOT_LIFE),
        })
    }

    /// Takes an authority of the user's: one certificate that may sign others, and its key (PKCS#8, P-256).
    ///
    /// # Errors
    /// When a text is no PEM, the certificate may not sign, or the key is not the certificate's.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, IdentityError> {
        let key = KeyPair::from_pem(key_pem).map_err(|error| IdentityError::Pem {
            what: "the authority's key",
            reason: error.to_string(),
        })?;
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|error| {
            IdentityError::Pem {
                what: "the authority's certificate",
                reason: error.to_string(),
            }
        })?;
        let not_after = check_authority(&der, &key)?;
        Ok(Self {
            issuer: Issuer::from_ca_cert_der(&der, key)?,
            certificate_pem: certificate_pem.to_owned(),
            not_after,
        })
    }

    /// The trust anchors of the mesh, in PEM.
    pub fn roots_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// End of the root's life.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Makes a key and certificate for one workload: the SPIFFE id, and beside it the DNS name by which
    /// callees tell the caller's workload.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate, or the system gives no random numbers.
    pub fn issue(
        &self,
        principal: &Principal,
        workload: &str,
        now: Timestamp,
    ) -> Result<Issued, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let not_before = now.minus(CLOCK_SKEW);
        let not_after = now.plus(LEAF_LIFE).min(self.not_after);
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![
            SanType::URI(ia5(principal.to_string())?),
            SanType::DnsName(ia5(PeerIdentity::dns_san(workload, principal.namespace()))?),
        ];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(not_before);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(not_after);
        let chain_pem = params.signed_by(&key, &self.issuer)?.pem();
        // The public key is random, so its last byte is a fair die.
        let dice = f64::from(key.der_bytes().last().copied().unwrap_or(0)) / 255.0;
        Ok(Issued {
            chain_pem,
            key_pem: Zeroizing::new(key.serialize_pem()),
            not_before,
            not_after,
            renew_at: renew_at(now, not_after, dice),
        })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// When a certificate should be renewed: between half and four fifths of its life, so that a mesh that
/// started at once does not renew at once. `dice` is from 0.0 to 1.0.
pub fn renew_at(issued: Timestamp, not_after: Timestamp, dice: f64) -> Timestamp {
    let life = not_after.since(issued);
    issued.plus(life.mul_f64(0.5 + 0.3 * dice.clamp(0.0, 1.0)))
}

fn check_authority(der: &CertificateDer<'_>, key: &KeyPair) -> Result<Timestamp, IdentityError> {
    let bad = |reason: &str| IdentityError::BadAuthority(reason.to_owned());
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| IdentityError::BadAuthority(error.to_string()))?;
    if !certificate.is_ca() {
        return Err(bad("it is not a CA certificate"));
    }
    if certificate.public_key().raw != key.subject_public_key_info() {
        return Err(bad("the key belongs to another certificate"));
    }
    Ok(Timestamp(
        certificate.validity().not_after.timestamp().saturating_mul(1000),
    ))
}

fn ia5(text: String) -> Result<Ia5String, rcgen::Error> {
    Ia5String::try_from(text)
}

fn since_epoch(at: Timestamp) -> Duration {
    at.since(Timestamp(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn a_leaf_names_the_workload_and_renews_in_the_middle_of_its_life() {
        let authority = Authority::create("cluster.local", NOON).unwrap();
        let principal = Principal::new("cluster.local", "bookinfo", "bookinfo-reviews");
        let issued = authority.issue(&principal, "reviews-v1", NOON).unwrap();
        let der = CertificateDer::from_pem_slice(issued.chain_pem.as_bytes()).unwrap();
        let peer = crate::peer_identity(&der);
        assert_eq!(peer.principal, Some(principal));
        assert_eq!(peer.workload, Some("reviews-v1".into()));
        assert_eq!(peer.namespace, Some("bookinfo".into()));
        let life = LEAF_LIFE.as_secs_f64();
        let renew = issued.renew_at.since(NOON).as_secs_f64() / life;
        assert!((0.5..=0.8).contains(&renew), "{renew}");
        assert!(!format!("{issued:?} {authority:?}").contains("PRIVATE"));
    }

    #[test]
    fn an_authority_of_the_users_is_checked() {
        let own = Authority::create("cluster.local", NOON).unwrap();
        let key = own.issuer.key().serialize_pem();
        let read = Authority::from_pem(own.roots_pem(), &key).unwrap();
        assert_eq!(read.not_after().millis() / 1000, own.not_after().millis() / 1000);
        let other = KeyPair::generate().unwrap().serialize_pem();
        assert!(matches!(
            Authority::from_pem(own.roots_pem(), &other),
            Err(IdentityError::BadAuthority(_))
        ));
        let leaf = own
            .issue(&Principal::new("cluster.local", "a", "b"), "w", NOON)
            .unwrap();
        assert!(matches!(
            Authority::from_pem(&leaf.chain_pem, &leaf.key_pem),
            Err(IdentityError::BadAuthority(_))
        ));
        assert!(Authority::from_pem("", &key).is_err());
    }
}
