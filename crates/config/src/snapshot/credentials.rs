//! Keys and trust anchors in Secrets, by the names that gateways and rules write (`credentialName`).

use vigla_model::{Namespace, ObjectRef};

use super::Snapshot;
use crate::{KeyPair, SecretObject};

/// Ending of the name under which trust anchors may stand in a Secret of their own, as in Istio.
const ROOTS: &str = "-cacert";

impl Snapshot {
    /// Key and chain of a credential; `None`: there is no Secret of this name that has both.
    pub fn credential(&self, namespace: &Namespace, name: &str) -> Option<KeyPair> {
        self.secret(namespace, name)?.key_pair()
    }

    /// Trust anchors of a credential: in the Secret with this name and `-cacert`, else in its own.
    pub fn credential_roots(&self, namespace: &Namespace, name: &str) -> Option<String> {
        let apart = self.secret(namespace, &format!("{name}{ROOTS}"));
        apart
            .and_then(SecretObject::trust_anchors)
            .or_else(|| self.secret(namespace, name)?.trust_anchors())
    }

    fn secret(&self, namespace: &Namespace, name: &str) -> Option<SecretObject<'_>> {
        SecretObject::of(self.find(&ObjectRef::new("", "Secret", namespace.as_str(), name))?)
    }
}
