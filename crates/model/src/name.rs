//! Names, each its own type: a namespace cannot be passed where a workload is wanted.

use std::{borrow::Borrow, collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Labels of a workload, a pod or a selector, in order of their keys.
pub type Labels = BTreeMap<String, String>;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Cheap to clone. Never empty where an `Option` says whether it is known.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the name as it is written.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }
    };
}

name!(
    /// A Kubernetes namespace, such as `bookinfo`.
    Namespace
);
name!(
    /// A workload: the Deployment, StatefulSet or the like behind pods, such as `reviews-v1`.
    WorkloadName
);
name!(
    /// A Kubernetes Service or ServiceEntry by its short name, such as `reviews`.
    ServiceName
);
name!(
    /// The label `app` (or its canonical successor), such as `reviews`.
    AppName
);
name!(
    /// The label `version` (or its canonical successor), such as `v1`.
    Version
);
name!(
    /// A Kubernetes cluster of the mesh (not an Envoy cluster), such as `demo`.
    ClusterName
);
name!(
    /// A subset that a DestinationRule defines, such as `v1`.
    SubsetName
);
name!(
    /// A host as resolved: fully qualified, such as `reviews.bookinfo.svc.cluster.local`, or an outside host.
    Fqdn
);

impl Fqdn {
    /// The name of a Service in the mesh's domain: `reviews.bookinfo.svc.cluster.local`.
    pub fn of_service(name: &str, namespace: &str, domain: &str) -> Self {
        Self::new(format!("{name}.{namespace}.svc.{domain}"))
    }

    /// Name and namespace of a Service, when the host has the form `NAME.NAMESPACE.svc.…`.
    pub fn service_parts(&self) -> Option<(&str, &str)> {
        let mut parts = self.as_str().splitn(4, '.');
        let (name, namespace, svc) = (parts.next()?, parts.next()?, parts.next()?);
        (svc == "svc").then_some((name, namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_host_gives_back_its_parts() {
        let host = Fqdn::of_service("reviews", "bookinfo", "cluster.local");
        assert_eq!(host.service_parts(), Some(("reviews", "bookinfo")));
        assert_eq!(Fqdn::new("books.example").service_parts(), None);
    }
}
