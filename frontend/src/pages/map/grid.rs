//! A simple picture for when the layout worker does not answer: boxes in rows, cards in a grid, straight lines.

use std::collections::BTreeMap;

use vigla_layout::{Input, Layout, Placed, Point, Rect, Route, Size};

const GAP: f32 = 28.0;
const BOX_GAP: f32 = 60.0;

/// Places everything. Nothing overlaps; lines may cross cards.
pub(crate) fn grid(input: &Input) -> Layout {
    // Nested boxes are drawn as one: the outermost.
    let outermost = |parent: Option<u64>| {
        let mut top = parent;
        for _ in 0..vigla_layout::MAX_DEPTH {
            let above = top
                .and_then(|id| input.boxes.iter().find(|spec| spec.id == id))
                .and_then(|spec| spec.parent);
            if above.is_none() {
                break;
            }
            top = above;
        }
        top
    };
    let mut groups: BTreeMap<Option<u64>, Vec<usize>> = BTreeMap::new();
    for (at, node) in input.nodes.iter().enumerate() {
        groups.entry(outermost(node.parent)).or_default().push(at);
    }
    let mut layout = Layout::default();
    let mut left = 0.0;
    for (group, members) in groups {
        let spec = group.and_then(|id| input.boxes.iter().find(|spec| spec.id == id));
        let (header, padding) = spec.map_or((0.0, 0.0), |spec| (spec.header, spec.padding));
        let columns = (members.len() as f32).sqrt().ceil().max(1.0) as usize;
        let cell = members.iter().fold(Size::default(), |cell, &at| {
            let size = input.nodes[at].size;
            Size::new(cell.width.max(size.width), cell.height.max(size.height))
        });
        for (index, &at) in members.iter().enumerate() {
            let (column, row) = ((index % columns) as f32, (index / columns) as f32);
            let x = left + padding + column * (cell.width + GAP);
            let y = header + padding + row * (cell.height + GAP);
            let size = input.nodes[at].size;
            layout.nodes.push(Placed {
                id: input.nodes[at].id,
                rect: Rect::new(x, y, size.width, size.height),
            });
        }
        let rows = members.len().div_ceil(columns) as f32;
        let width = columns as f32 * (cell.width + GAP) - GAP + 2.0 * padding;
        let height = header + rows * (cell.height + GAP) - GAP + 2.0 * padding;
        let width = spec.map_or(width, |spec| width.max(spec.min_width));
        if let Some(id) = group {
            layout.boxes.push(Placed {
                id,
                rect: Rect::new(left, 0.0, width, height),
            });
        }
        layout.size = Size::new(left + width, layout.size.height.max(height));
        left += width + BOX_GAP;
    }
    layout.nodes.sort_by_key(|placed| placed.id);
    layout.boxes.sort_by_key(|placed| placed.id);
    layout.edges = input
        .edges
        .iter()
        .filter_map(|edge| {
            let (from, to) = (layout.find_node(edge.from)?, layout.find_node(edge.to)?);
            let rightwards = from.x < to.x;
            let start = Point::new(if rightwards { from.right() } else { from.x }, from.middle().y);
            let end = Point::new(if rightwards { to.x } else { to.right() }, to.middle().y);
            Some(Route {
                id: edge.id,
                points: vec![start, end],
                label: Some(start.towards(end, 0.5)),
            })
        })
        .collect();
    layout.edges.sort_by_key(|route| route.id);
    layout
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigla_layout::{BoxSpec, EdgeSpec, NodeSpec};

    #[test]
    fn all_have_a_place_and_nothing_overlaps() {
        let boxes = vec![
            BoxSpec {
                id: 100,
                parent: None,
                header: 30.0,
                padding: 16.0,
                min_width: 200.0,
            },
            BoxSpec {
                id: 101,
                parent: Some(100),
                header: 30.0,
                padding: 16.0,
                min_width: 0.0,
            },
        ];
        let parent = |id| match id % 3 {
            0 => None,
            1 => Some(100),
            _ => Some(101),
        };
        let nodes = (0..11)
            .map(|id| NodeSpec {
                id,
                size: Size::new(100.0 + id as f32, 40.0),
                parent: parent(id),
                pin: None,
            })
            .collect();
        let edges = vec![EdgeSpec {
            id: 200,
            from: 0,
            to: 1,
            label: None,
            own_way: false,
        }];
        let layout = grid(&Input {
            nodes,
            boxes,
            edges,
            ..Input::default()
        });
        assert_eq!((layout.nodes.len(), layout.edges.len()), (11, 1));
        for (at, a) in layout.nodes.iter().enumerate() {
            assert!(layout.nodes[at + 1..].iter().all(|b| !a.rect.overlaps(&b.rect)));
        }
    }
}
