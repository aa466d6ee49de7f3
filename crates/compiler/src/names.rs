//! Names of listeners, clusters and route tables, as in Istio.

use std::sync::Arc;

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
