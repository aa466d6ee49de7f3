//! Who showed a certificate.

use rustls::pki_types::CertificateDer;
use vigla_model::{PeerIdentity, Principal};

/// Identity in a certificate that has been verified already: the SPIFFE id, and workload and namespace from
/// our authority's DNS name. What the certificate does not say, or says twice, is absent.
///
/// A DNS name of another namespace than the SPIFFE id's is not believed: the workload stays unknown.
pub fn peer_identity(certificate: &CertificateDer<'_>) -> PeerIdentity {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else {
        return PeerIdentity::default();
    };
    let principal = only(certificate.valid_uri_names()).and_then(|uri| Principal::parse(uri).ok());
    let workload = only(certificate.valid_dns_names())
        .and_then(PeerIdentity::parse_dns_san)
        .filter(|(_, namespace)| principal.as_ref().is_some_and(|id| id.namespace() == *namespace));
    PeerIdentity {
        namespace: principal.as_ref().map(|id| id.namespace().into()),
        workload: workload.map(|(workload, _)| workload.into()),
        principal,
        ..PeerIdentity::default()
    }
}

/// The one item, `None` when there is none or more.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}
