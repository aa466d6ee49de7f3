//! Names of the view's choices as the API, addresses and exports write them.

use crate::{Badge, BoxKind, Confidence, Grain, HealthState, NodeKind};

macro_rules! names {
    ($($choice:ident { $($variant:ident $name:literal)* })*) => {$(
        impl $choice {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The one with this name.
            pub fn find(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}

names! {
    Grain {
        Finest "finest" Workload "workload" App "app" VersionedApp "versioned_app" Service "service"
    }
    NodeKind {
        Workload "workload" Service "service" App "app" VersionedApp "versioned_app" Gateway "gateway"
        External "external" Passthrough "passthrough" Unknown "unknown"
    }
    Badge {
        Route "route" Split "split" Mirror "mirror" Fault "fault" Timeout "timeout" Retry "retry"
        Breaker "breaker" Authorization "authorization"
    }
    HealthState {
        Ok "ok" NoTraffic "no_traffic" Unknown "unknown" Degraded "degraded" Failing "failing"
    }
    Confidence { Proved "proved" Likely "likely" }
    BoxKind { Cluster "cluster" Namespace "namespace" App "app" }
}
