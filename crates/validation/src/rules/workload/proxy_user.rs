//! `VG3006`: a container runs as the proxy's user.

use crate::case::at;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(3006),
    name: "proxy-user",
    severity: Severity::Warning,
    says: "A container, or the whole pod, runs as user 1337. That is the proxy's user, whose traffic is not \
           redirected to the proxy.",
    consequence: "The container's calls go past the proxy: no mutual TLS, no routes, no metrics.",
    peers: &["IST0144"],
    kinds: &[POD, DEPLOYMENT, STATEFUL_SET, DAEMON_SET],
    needs: Config,
    fails: "apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata:
      labels: {app: cart}
    spec:
      containers:
      - name: cart
        image: shop/cart
        securityContext:
          runAsUser: 1337 # here
",
    passes: "apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata:
      labels: {app: cart}
    spec:
      containers:
      - name: cart
        image: shop/cart
        securityContext:
          runAsUser: 1000
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let spec = match case.object.kind() {
        "Pod" => case.spec(),
        _ => case.spec().and_then(|spec| at(spec, "template.spec")),
    };
    let Some(spec) = spec else { return };
    let proxies_user = |node: Node<'_>| node.as_i64() == Some(1337);
    if let Some(node) = at(spec, "securityContext.runAsUser").filter(|node| proxies_user(*node)) {
        found.at(node, "the pod runs as user 1337, which is the proxy's");
    }
    for container in ["containers", "initContainers"]
        .into_iter()
        .filter_map(|key| spec.get(key))
        .flat_map(Node::items)
    {
        let name = container.get("name").and_then(Node::text).unwrap_or_default();
        let user = at(container, "securityContext.runAsUser").filter(|node| proxies_user(*node));
        if let Some(node) =
            user.filter(|_| !matches!(name, "istio-proxy" | "istio-init" | "istio-validation"))
        {
            found.at(
                node,
                format!("container `{name}` runs as user 1337, which is the proxy's"),
            );
        }
    }
}
