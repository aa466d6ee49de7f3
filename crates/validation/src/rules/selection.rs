//! What several rules ask of objects that choose pods.

use vigla_config::{Node, Object};
use vigla_model::Labels;

use crate::{Fix, case::Case, mesh::meets, nearest::nearest, rule::Kind};

/// The selector of an object, wherever its kind has it; `None` when it chooses all pods.
pub(super) fn selector<'a>(object: &'a Object) -> Option<Node<'a>> {
    let spec = object.spec()?;
    let node = spec.get("workloadSelector").or_else(|| spec.get("selector"))?;
    (!labels(node).is_empty()).then_some(node)
}

fn labels(selector: Node<'_>) -> Labels {
    let map = selector.get("labels").or_else(|| selector.get("matchLabels"));
    map.map(Node::string_map).unwrap_or_default()
}

fn is_attached(object: &Object) -> bool {
    let spec = object.spec();
    ["targetRef", "targetRefs"]
        .into_iter()
        .any(|key| spec.is_some_and(|spec| spec.get(key).is_some_and(|node| !node.is_null())))
}

/// Others of the kind and namespace that choose a pod which this object chooses: its selector, the pod, and they.
pub(super) fn sharing<'a>(case: &Case<'a>, kind: Kind) -> Option<(Node<'a>, String, Vec<&'a Object>)> {
    let node = selector(case.object)?;
    let mine = labels(node);
    // In the root namespace selectors have no meaning to most of these kinds.
    let pods = case.mesh.pods(case.namespace()).iter();
    let chosen: Vec<_> = pods.filter(|pod| meets(&mine, &pod.labels)).collect();
    let pod = |theirs: &Labels| chosen.iter().find(|pod| meets(theirs, &pod.labels));
    let mut first = None;
    let others: Vec<&Object> = case
        .mesh
        .all(kind)
        .filter(|other| other.namespace() == case.namespace() && !std::ptr::eq(&***other, case.object))
        .filter(|other| {
            let Some(theirs) = selector(other) else {
                return false;
            };
            let shared = pod(&labels(theirs));
            if first.is_none() {
                first = shared.map(|pod| match pod.object {
                    Some(object) => object.object_ref().to_string(),
                    None => format!("a pod of namespace {}", pod.namespace),
                });
            }
            shared.is_some()
        })
        .map(|other| &**other)
        .collect();
    Some((node, first?, others))
}

/// Others of the kind and namespace that choose all pods, as this object does.
pub(super) fn wide_beside<'a>(case: &Case<'a>, kind: Kind) -> Vec<&'a Object> {
    let is_wide = |object: &Object| selector(object).is_none() && !is_attached(object);
    if !is_wide(case.object) {
        return Vec::new();
    }
    case.mesh
        .all(kind)
        .map(|other| &**other)
        .filter(|other| other.namespace() == case.namespace() && !std::ptr::eq(*other, case.object))
        .filter(|other| is_wide(other))
        .collect()
}

/// The selector of an object when it chooses no pod: those of its namespace, for the root namespace all.
pub(super) fn choosing_nothing<'a>(case: &Case<'a>) -> Option<(Node<'a>, Labels)> {
    let node = selector(case.object)?;
    let labels = labels(node);
    let chosen = if case.namespace() == case.mesh.root() {
        case.mesh.all_pods().any(|pod| meets(&labels, &pod.labels))
    } else {
        let pods = case.mesh.pods(case.namespace());
        pods.iter().any(|pod| meets(&labels, &pod.labels))
    };
    (!chosen).then_some((node, labels))
}

/// What to say of a selector that chooses nothing, and how to mend a slip in a single label.
pub(super) fn nothing_chosen(case: &Case<'_>, node: Node<'_>, labels: &Labels) -> (String, Option<Fix>) {
    let map = node.get("labels").or_else(|| node.get("matchLabels"));
    nothing_chosen_by(case, map.unwrap_or(node), labels)
}

/// Like [`nothing_chosen`] for the mapping of labels itself.
pub(super) fn nothing_chosen_by(case: &Case<'_>, map: Node<'_>, labels: &Labels) -> (String, Option<Fix>) {
    let written: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let message = format!(
        "no pod of namespace `{}` has the labels {}",
        case.namespace(),
        written.join(", ")
    );
    let only = map.entries().next().filter(|_| labels.len() == 1);
    let fix = only.and_then(|(key, value)| {
        let pods = case.mesh.pods(case.namespace()).iter();
        let there = pods.filter_map(|pod| pod.labels.get(key)).map(String::as_str);
        let near = nearest(value.text()?, there)?;
        Fix::replace(format!("use `{key}: {near}`"), value, near)
    });
    (message, fix)
}
