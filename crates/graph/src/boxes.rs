//! Boxes around nodes: clusters (when there are several), namespaces, apps with several versions.

use std::collections::{BTreeMap, BTreeSet};

use vigla_model::{AppName, ClusterName, Namespace};

use crate::{BoxKind, Grain, GroupBox, Id, Node, NodeKind, View, id};

/// Puts every node into its innermost box and draws the boxes.
pub(crate) fn draw(view: &mut View) {
    let clusters: BTreeSet<_> = view
        .nodes
        .values()
        .filter_map(|node| node.cluster.clone())
        .collect();
    let apart = clusters.len() > 1;
    let versions = versions(view);
    let mut boxes = BTreeMap::new();
    for node in view.nodes.values_mut() {
        node.parent = parent(node, apart, &versions, &mut boxes);
    }
    view.boxes = boxes;
}

impl View {
    /// Leaves out boxes of other kinds; what was in them moves to the next box outward.
    pub fn keep_boxes(&mut self, kinds: &BTreeSet<BoxKind>) {
        let boxes = self.boxes.clone();
        let outward = |mut parent: Option<Id>| {
            while let Some(outer) = parent
                .and_then(|id| boxes.get(&id))
                .filter(|outer| !kinds.contains(&outer.kind))
            {
                parent = outer.parent;
            }
            parent
        };
        self.boxes.retain(|_, group| kinds.contains(&group.kind));
        for group in self.boxes.values_mut() {
            group.parent = outward(group.parent);
        }
        for node in self.nodes.values_mut() {
            node.parent = outward(node.parent);
        }
    }
}

type App = (Option<ClusterName>, Namespace, AppName);

/// Nodes by app, for the grains that keep versions apart.
fn versions(view: &View) -> BTreeMap<App, usize> {
    let mut count = BTreeMap::new();
    if matches!(view.grain, Grain::Finest | Grain::Workload | Grain::VersionedApp) {
        for app in view.nodes.values().filter_map(app) {
            *count.entry(app).or_default() += 1;
        }
    }
    count
}

fn app(node: &Node) -> Option<App> {
    matches!(node.kind, NodeKind::Workload | NodeKind::VersionedApp)
        .then(|| Some((node.cluster.clone(), node.namespace.clone()?, node.app.clone()?)))
        .flatten()
}

fn parent(
    node: &Node,
    apart: bool,
    versions: &BTreeMap<App, usize>,
    boxes: &mut BTreeMap<Id, GroupBox>,
) -> Option<Id> {
    let mut inner = None;
    let mut enter = |kind, cluster: Option<&str>, namespace: Option<&str>, name: &str| {
        let id = id::group(kind, cluster, namespace, name);
        boxes.entry(id).or_insert_with(|| GroupBox {
            id,
            kind,
            name: name.to_owned(),
            parent: inner,
        });
        inner = Some(id);
    };
    let cluster = node.cluster.as_ref().filter(|_| apart).map(ClusterName::as_str);
    if let Some(cluster) = cluster {
        enter(BoxKind::Cluster, None, None, cluster);
    }
    if let Some(namespace) = &node.namespace {
        enter(BoxKind::Namespace, cluster, None, namespace.as_str());
    }
    if let Some(app) = app(node)
        && versions.get(&app).is_some_and(|count| *count > 1)
    {
        enter(BoxKind::App, cluster, Some(app.1.as_str()), app.2.as_str());
    }
    inner
}
