//! Names of listeners, clusters and route tables, as in Istio.

use std::sync::Arc;

use vigla_config::{Instance, app_of};

/// `outbound|9080|v1|reviews.bookinfo.svc.cluster.local`.
pub(crate) fn cluster(port: u16, subset: Option<&str>, host: &str) -> Arc<str> {
    format!("outbound|{port}|{}|{host}", subset.unwrap_or_default()).into()
}

/// `outbound_.9080_.v1_.reviews.bookinfo.svc.cluster.local`.
pub(crate) fn sni(port: u16, subset: Option<&str>, host: &str) -> Arc<str> {
    format!("outbound_.{port}_.{}_.{host}", subset.unwrap_or_default()).into()
}

/// `inbound|9080||`, of the cluster and of the inline route table.
pub(crate) fn inbound(port: u16) -> Arc<str> {
    format!("inbound|{port}||").into()
}

/// `reviews.bookinfo`: Istio's `service.name` of spans, the app where there is one and else the workload.
pub(crate) fn traced_service(instance: &Instance) -> Arc<str> {
    let namespace = &instance.namespace;
    match app_of(&instance.labels) {
        Some(app) => format!("{app}.{namespace}").into(),
        None => format!("{}.{namespace}", instance.workload).into(),
    }
}
