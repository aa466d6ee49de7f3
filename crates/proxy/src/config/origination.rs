//! TLS that starts here, towards servers that are not of the mesh.

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use vigla_dataplane::{ClientCertificate, Origination, TlsRoots};
use vigla_identity::{IdentityError, Roots, WorkloadIdentity, origination_config};

use super::Keys;

/// The configuration, and the name that is sent. Files are read here: a changed file counts from the next change
/// of the cluster on.
pub(super) fn client(
    origination: &Origination,
    alpn: &[&str],
    keys: &Keys,
) -> Result<(ClientConfig, ServerName<'static>), String> {
    let roots = read_roots(&origination.roots, keys)?;
    let client = origination.client.as_ref();
    let client = client.map(|client| read_client(client, keys)).transpose()?;
    let names = &origination.subject_alt_names;
    let mut config = origination_config(roots.as_ref(), names, client.as_ref(), alpn).map_err(why)?;
    config.enable_sni = origination.sni.is_some();
    // The name only says what is sent; what is checked are the names of the cluster.
    let sent = origination.sni.as_deref().unwrap_or("none.invalid");
    let name = ServerName::try_from(sent.to_owned())
        .map_err(|_| format!("`{sent}` cannot be sent as a server name"))?;
    Ok((config, name))
}

/// `None`: nothing is checked.
fn read_roots(roots: &TlsRoots, keys: &Keys) -> Result<Option<Roots>, String> {
    match roots {
        TlsRoots::Unchecked => Ok(None),
        TlsRoots::System => {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                return Err("this machine has no trust anchors: name a file with them".to_owned());
            }
            Ok(Some(store.into()))
        }
        TlsRoots::Secret(name) => keys.roots(name).cloned().map(Some),
        TlsRoots::File(path) => Roots::from_pem(&read(path)?)
            .map(Some)
            .map_err(|error| format!("trust anchors {path}: {}", why(error))),
    }
}

fn read_client(client: &ClientCertificate, keys: &Keys) -> Result<WorkloadIdentity, String> {
    match client {
        ClientCertificate::Secret(name) => keys.identity(name).cloned(),
        ClientCertificate::Files { chain, key } => WorkloadIdentity::from_pem(&read(chain)?, &read(key)?)
            .map_err(|error| format!("{chain} and {key}: {}", why(error))),
    }
}

/// An error with its causes.
fn why(error: IdentityError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}
