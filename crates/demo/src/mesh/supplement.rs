//! What a folder of somebody's own config usually lacks: the ingress gateway that comes with the mesh itself.

use std::{collections::BTreeSet, sync::Arc};

use vigla_config::{Gateway, Object, Server, Workload};
use vigla_model::Labels;

/// Labels of the gateway that Istio installs by default.
const LABELS: [(&str, &str); 2] = [("app", "istio-ingressgateway"), ("istio", "ingressgateway")];

/// Istio's default ingress gateway as YAML, when a Gateway selects it and the config has no such workload.
/// Its Service has every port that those Gateways' servers name.
pub(crate) fn ingress_gateway(objects: &[Arc<Object>]) -> Option<String> {
    let labels: Labels = LABELS
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let workloads: Vec<Workload> = objects.iter().filter_map(Workload::read).collect();
    let mut ports = BTreeSet::new();
    for gateway in objects.iter().filter_map(|object| Gateway::of(object)) {
        let Some(selector) = gateway.selector().filter(|selector| !selector.is_empty()) else {
            continue;
        };
        if meets(&selector, &labels)
            && !workloads
                .iter()
                .any(|workload| meets(&selector, &workload.labels))
        {
            ports.extend(gateway.servers().filter_map(Server::port));
        }
    }
    (!ports.is_empty()).then(|| yaml(&ports))
}

fn meets(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn yaml(ports: &BTreeSet<u16>) -> String {
    let port = |port: &u16| {
        let target = if *port == 80 { 8080 } else { *port };
        format!("    - {{name: http-{port}, port: {port}, targetPort: {target}}}\n")
    };
    let ports: String = ports.iter().map(port).collect();
    format!(
        "# Added by the demo: a Gateway selects this gateway, and the mesh's own folder has none.
apiVersion: v1
kind: Service
metadata: {{name: istio-ingressgateway, namespace: istio-system}}
spec:
  selector: {{app: istio-ingressgateway, istio: ingressgateway}}
  ports:
{ports}---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: istio-ingressgateway, namespace: istio-system}}
spec:
  replicas: 1
  template:
    metadata:
      labels: {{app: istio-ingressgateway, istio: ingressgateway}}
      annotations: {{inject.istio.io/templates: gateway}}
    spec:
      serviceAccountName: istio-ingressgateway
      containers: [{{name: istio-proxy, image: auto}}]
"
    )
}
