use std::collections::BTreeSet;

use vigla_model::{Namespace, Reporter::Source, Scope};

use crate::{Grain, NodeKind, fixtures::*, quotient};

fn namespaces(names: &[&str]) -> BTreeSet<Namespace> {
    names.iter().map(|name| Namespace::from(*name)).collect()
}

/// `a` calls `b` in bookinfo and two workloads of `secret`, which call each other.
fn mesh() -> crate::View {
    let secret = |row: Row| {
        row.with(|key| {
            key.destination.namespace = Some("secret".into());
            key.service = Some("vault.secret.svc.cluster.local".into());
        })
    };
    let within = |row: Row| secret(row).with(|key| key.source.namespace = Some("secret".into()));
    view([
        row(Source, "a-v1", "b-v1", 1.0),
        secret(row(Source, "a-v1", "vault-v1", 2.0)),
        secret(row(Source, "a-v1", "vault-v2", 3.0)),
        within(row(Source, "vault-v1", "vault-v2", 5.0)),
    ])
}

#[test]
fn edges_with_one_end_in_the_namespaces_bring_both_ends() {
    let view = mesh().filter(&Scope::All, Some(&namespaces(&["secret"])));
    assert_eq!(view.edges.len(), 3);
    assert!(outline(&view)[0].contains("workload a-v1 -> workload vault-v1"));
    assert!(
        !view
            .nodes
            .values()
            .any(|node| name(node).contains("b-v1") || name(node).contains("idle"))
    );
}

#[test]
fn nothing_outside_of_the_scope_is_told() {
    let scope = Scope::Namespaces(namespaces(&["bookinfo"]));
    for grain in [
        Grain::Finest,
        Grain::Workload,
        Grain::App,
        Grain::VersionedApp,
        Grain::Service,
    ] {
        let view = quotient(&mesh(), grain).filter(&scope, None);
        let text = format!("{view:?}");
        assert!(
            !text.contains("secret") && !text.contains("vault"),
            "{grain:?}: {text}"
        );
        let hidden: Vec<_> = view
            .nodes
            .values()
            .filter(|node| node.kind == NodeKind::Unknown)
            .collect();
        assert_eq!(hidden.len(), 1, "{grain:?}: hidden ends cannot be counted");
        let rate: f64 = view.edges.values().map(|edge| edge.shown.traffic.requests).sum();
        assert_eq!(rate, 6.0, "{grain:?}: traffic of one's own edges stays");
        let original = mesh();
        assert!(
            !view
                .edges
                .keys()
                .any(|id| original.edges.get(id).is_some_and(|edge| {
                    original.nodes[&edge.target]
                        .namespace
                        .as_ref()
                        .is_some_and(|ns| *ns == "secret")
                }))
        );
    }
    let other = mesh().filter(&scope, Some(&namespaces(&["secret"])));
    assert!(other.nodes.is_empty() && other.edges.is_empty());
}
