//! Who wrote a span, by the tags that proxies and SDKs put on it.

use vigla_model::PeerIdentity;

use super::{Tag, TagValue};

/// Where the parts of an identity may stand, the surest name first: Istio's own tags, then OpenTelemetry's.
const CLUSTER: [&str; 2] = ["istio.cluster_id", "k8s.cluster.name"];
const NAMESPACE: [&str; 3] = ["istio.namespace", "k8s.namespace.name", "service.namespace"];
const WORKLOAD: [&str; 7] = [
    "istio.workload",
    "k8s.workload.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
];
const APP: [&str; 1] = ["istio.canonical_service"];
const VERSION: [&str; 2] = ["istio.canonical_revision", "service.version"];
/// Envoy's tracers put the id of the node here: `sidecar~IP~POD.NAMESPACE~DOMAIN`.
const NODE: &str = "node_id";

/// The writer of a span with these tags. What no tag tells is absent.
pub fn identity_of(tags: &[Tag]) -> PeerIdentity {
    let find = |names: &[&str]| names.iter().find_map(|name| text(tags, name));
    let node = text(tags, NODE).and_then(node_parts);
    PeerIdentity {
        cluster: find(&CLUSTER).map(Into::into),
        namespace: find(&NAMESPACE)
            .or(node.map(|(_, namespace)| namespace))
            .map(Into::into),
        workload: find(&WORKLOAD)
            .or(node.and_then(|(pod, _)| workload_of_pod(pod)))
            .map(Into::into),
        app: find(&APP).map(Into::into),
        version: find(&VERSION).filter(|word| *word != "latest").map(Into::into),
        principal: None,
    }
}

fn text<'a>(tags: &'a [Tag], name: &str) -> Option<&'a str> {
    let tag = tags.iter().find(|tag| &*tag.key == name)?;
    match &tag.value {
        TagValue::Text(text) if !matches!(&**text, "" | "-" | "unknown") => Some(text),
        _ => None,
    }
}

fn node_parts(node: &str) -> Option<(&str, &str)> {
    let mut parts = node.split('~');
    let (_kind, _address, pod) = (parts.next()?, parts.next()?, parts.next()?);
    pod.rsplit_once('.')
        .filter(|(pod, namespace)| !pod.is_empty() && !namespace.is_empty())
}

/// The Deployment of a pod named `NAME-HASH-SUFFIX`. Others name their pods so that one cannot tell.
fn workload_of_pod(pod: &str) -> Option<&str> {
    let (rest, suffix) = pod.rsplit_once('-')?;
    let (name, hash) = rest.rsplit_once('-')?;
    let is_word = |word: &str, lengths: std::ops::RangeInclusive<usize>| {
        // The alphabet of Kubernetes's generated names has no vowels.
        lengths.contains(&word.len()) && word.bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
    };
    (is_word(suffix, 5..=5) && is_word(hash, 6..=10) && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(tags: &[(&str, &str)]) -> PeerIdentity {
        let tags: Vec<Tag> = tags
            .iter()
            .map(|(key, value)| Tag {
                key: (*key).into(),
                value: TagValue::Text((*value).into()),
            })
            .collect();
        identity_of(&tags)
    }

    #[test]
    fn istios_tags_and_opentelemetrys_name_the_workload() {
        let otel = identity(&[("k8s.namespace.name", "shop"), ("k8s.deployment.name", "cart-v1")]);
        assert_eq!(
            (otel.namespace, otel.workload),
            (Some("shop".into()), Some("cart-v1".into()))
        );
        let istio = identity(&[
            ("istio.namespace", "bookinfo"),
            ("istio.canonical_service", "reviews"),
            ("istio.canonical_revision", "latest"),
            ("service.namespace", "other"),
        ]);
        assert_eq!(istio.namespace, Some("bookinfo".into()));
        assert_eq!((istio.app, istio.version), (Some("reviews".into()), None));
    }

    #[test]
    fn a_node_id_tells_the_namespace_and_a_deployments_pod_its_workload() {
        let node = "sidecar~10.0.0.7~reviews-v1-7d4b9c5d8f-x2x5z.bookinfo~bookinfo.svc.cluster.local";
        let found = identity(&[("node_id", node)]);
        assert_eq!(found.workload, Some("reviews-v1".into()));
        assert_eq!(found.namespace, Some("bookinfo".into()));
        let other = identity(&[("node_id", "sidecar~10.0.0.7~db-0.shop~shop.svc.cluster.local")]);
        assert_eq!((other.namespace, other.workload), (Some("shop".into()), None));
        assert_eq!(identity(&[("node_id", "router")]), PeerIdentity::default());
    }
}
