//! One way for each pair of boxes, for pictures so small that single calls cannot be told apart.

use crate::{
    Input, Layout, Point, Rect,
    picture::length,
    sort::{Index, by_key},
};

/// All calls from one tile to another, drawn as one line.
#[derive(Debug, Clone, PartialEq)]
pub struct Trunk {
    /// Box, or node outside of all tiles, that calls.
    pub from: u64,
    /// Box or node that is called.
    pub to: u64,
    /// The calls, in order of their ids.
    pub edges: Vec<u64>,
    /// From the border of the caller to the border of the callee, never behind a tile: the shortest way of the calls.
    pub points: Vec<Point>,
}

/// Joins the calls of a picture of `input` by pairs of tiles. Tiles are the boxes with `depth` boxes around them and
/// what stands beside these; calls within a tile have no trunk. In order of callers, then callees, by their ids.
pub fn trunks(input: &Input, picture: &Layout, depth: usize) -> Vec<Trunk> {
    let boxes = Index::new(input.boxes.iter().map(|spec| spec.id));
    let nodes = Index::new(input.nodes.iter().map(|spec| spec.id));
    let around = |id: Option<u64>| Some(&input.boxes[boxes.find(id?)?]);
    // Boxes around a node, outermost last.
    let tile = |node: u64| {
        let spec = &input.nodes[nodes.find(node)?];
        let holders: Vec<u64> = std::iter::successors(around(spec.parent), |spec| around(spec.parent))
            .take(crate::MAX_DEPTH)
            .map(|spec| spec.id)
            .collect();
        let tile = holders.len().checked_sub(depth + 1);
        Some(tile.map_or(node, |tile| holders[tile]))
    };
    let rect = |id: u64| picture.find_box(id).or_else(|| picture.find_node(id));
    let mut calls: Vec<Trunk> = input
        .edges
        .iter()
        .filter_map(|edge| {
            let (from, to) = (tile(edge.from)?, tile(edge.to)?);
            let route = picture.find_edge(edge.id).filter(|_| from != to)?;
            Some(Trunk {
                from,
                to,
                edges: vec![edge.id],
                points: between(&route.points, &rect(from)?, &rect(to)?),
            })
        })
        .collect();
    let keys: [fn(&Trunk) -> u64; 3] = [|call| call.edges[0], |call| call.to, |call| call.from];
    for key in keys {
        let order = by_key(calls.len(), |at| key(&calls[at]));
        let mut sorted: Vec<Option<Trunk>> = calls.into_iter().map(Some).collect();
        calls = order
            .into_iter()
            .filter_map(|at| sorted[at as usize].take())
            .collect();
    }
    let mut trunks: Vec<Trunk> = Vec::new();
    for call in calls {
        match trunks.last_mut() {
            Some(trunk) if (trunk.from, trunk.to) == (call.from, call.to) => {
                trunk.edges.extend(call.edges);
                if length(&call.points) < length(&trunk.points) {
                    trunk.points = call.points;
                }
            }
            _ => trunks.push(call),
        }
    }
    trunks
}

/// The part of a way between the borders of its first and last tile.
fn between(points: &[Point], from: &Rect, to: &Rect) -> Vec<Point> {
    let mut way = cut_start(points, from);
    way.reverse();
    way = cut_start(&way, to);
    way.reverse();
    way
}

/// A way from where it leaves the rectangle in which it starts.
fn cut_start(points: &[Point], rect: &Rect) -> Vec<Point> {
    let inside = |point: &Point| rect.grown(-0.5).holds(*point);
    let Some(start) = points.iter().position(|point| !inside(point)) else {
        return points.to_vec();
    };
    let mut way = points[start..].to_vec();
    if let Some(&last) = start.checked_sub(1).and_then(|before| points.get(before)) {
        // A level line through the border has no point there.
        let out = way[0];
        let share = |from: f32, to: f32, low: f32, high: f32| match to - from {
            step if step > 0.01 => (high - from) / step,
            step if step < -0.01 => (low - from) / step,
            _ => 1.0,
        };
        let across = share(last.x, out.x, rect.x, rect.right());
        let upright = share(last.y, out.y, rect.y, rect.bottom());
        way.insert(0, last.towards(out, across.min(upright).min(1.0)));
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{layout, sample};

    #[test]
    fn calls_between_two_boxes_are_one_line_that_meets_no_other() {
        let input = sample::mesh(200, true);
        let picture = layout(&input).unwrap();
        let trunks = trunks(&input, &picture, 0);
        let home = |node: u64| input.nodes[node as usize].parent.unwrap();
        let mut pairs: Vec<(u64, u64)> = input
            .edges
            .iter()
            .map(|edge| (home(edge.from), home(edge.to)))
            .filter(|(from, to)| from != to)
            .collect();
        let calls = pairs.len();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(
            trunks
                .iter()
                .map(|trunk| (trunk.from, trunk.to))
                .collect::<Vec<_>>(),
            pairs
        );
        assert_eq!(trunks.iter().map(|trunk| trunk.edges.len()).sum::<usize>(), calls);
        for trunk in &trunks {
            let foreign = |id: u64| id != trunk.from && id != trunk.to;
            for placed in picture.boxes.iter().filter(|placed| foreign(placed.id)) {
                let inside = placed.rect.grown(-1.0);
                assert!(
                    trunk.points.iter().all(|&point| !inside.holds(point)),
                    "{trunk:?} over {placed:?}"
                );
            }
            let from = picture.find_box(trunk.from).unwrap();
            assert!(from.grown(0.6).holds(trunk.points[0]) && !from.grown(-0.6).holds(trunk.points[0]));
        }
    }

    #[test]
    fn what_stands_in_no_tile_is_its_own() {
        let input = sample::bookinfo();
        let picture = layout(&input).unwrap();
        let outer = trunks(&input, &picture, 0);
        assert!(
            outer.iter().any(|trunk| trunk.from == 7),
            "a caller outside of all boxes"
        );
        // No box has another around it: every node is its own tile.
        assert_eq!(trunks(&input, &picture, 1).len(), input.edges.len());
    }
}
