//! Spans in the order of calls: a caller before what it called, siblings by their start.

use std::collections::BTreeMap;

use vigla_api::SpanBody;

/// One span of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Branch {
    /// Its index among the spans.
    pub(super) span: usize,
    /// Callers above it.
    pub(super) depth: usize,
}

/// All spans, each once. A span whose caller is not there stands at the top.
pub(super) fn branches(spans: &[SpanBody]) -> Vec<Branch> {
    let ids: BTreeMap<&str, usize> = spans
        .iter()
        .enumerate()
        .rev()
        .map(|(at, span)| (span.id.as_str(), at))
        .collect();
    let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (at, span) in spans.iter().enumerate() {
        let parent = span.parent.as_deref().and_then(|parent| ids.get(parent)).copied();
        children
            .entry(parent.filter(|parent| *parent != at))
            .or_default()
            .push(at);
    }
    for siblings in children.values_mut() {
        siblings.sort_by(|a, b| spans[*a].offset_ms.total_cmp(&spans[*b].offset_ms).then(a.cmp(b)));
    }
    let mut seen = vec![false; spans.len()];
    let mut out = Vec::with_capacity(spans.len());
    let mut open: Vec<(usize, usize)> = Vec::new();
    let push = |open: &mut Vec<(usize, usize)>, parent: Option<usize>, depth: usize| {
        let below = children.get(&parent).into_iter().flatten().rev();
        open.extend(below.map(|at| (*at, depth)));
    };
    push(&mut open, None, 0);
    let mut next = 0;
    loop {
        while let Some((span, depth)) = open.pop() {
            if !std::mem::replace(&mut seen[span], true) {
                out.push(Branch { span, depth });
                push(&mut open, Some(span), depth + 1);
            }
        }
        // Spans that call each other in a circle have no top; they are not lost.
        while next < seen.len() && seen[next] {
            next += 1;
        }
        if next == seen.len() {
            return out;
        }
        open.push((next, 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: Option<&str>, offset_ms: f64) -> SpanBody {
        SpanBody {
            id: id.into(),
            parent: parent.map(Into::into),
            offset_ms,
            ..SpanBody::default()
        }
    }

    fn order(spans: &[SpanBody]) -> Vec<(String, usize)> {
        branches(spans)
            .iter()
            .map(|branch| (spans[branch.span].id.clone(), branch.depth))
            .collect()
    }

    #[test]
    fn callers_stand_before_what_they_called() {
        let spans = [
            span("late", Some("root"), 9.0),
            span("leaf", Some("early"), 3.0),
            span("root", None, 0.0),
            span("early", Some("root"), 1.0),
            span("lost", Some("not recorded"), 5.0),
        ];
        let wanted = [("root", 0), ("early", 1), ("leaf", 2), ("late", 1), ("lost", 0)];
        assert_eq!(order(&spans), wanted.map(|(id, depth)| (id.to_owned(), depth)));
    }

    #[test]
    fn a_circle_loses_no_span() {
        let spans = [
            span("a", Some("b"), 0.0),
            span("b", Some("a"), 1.0),
            span("c", Some("c"), 2.0),
        ];
        assert_eq!(branches(&spans).len(), 3);
    }
}
