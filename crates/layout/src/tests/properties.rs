//! What every picture keeps, whatever the graph.

use std::collections::HashMap;

use proptest::prelude::*;

use crate::{
    BoxSpec, EdgeSpec, Input, InputError, Layout, NodeSpec, Options, Point, Rect, Size,
    codec::{Answer, Job},
    layout,
    quality::judge,
    relayout,
};

/// Ids of boxes start here, those of edges at twice of it.
const BOXES: u64 = 1000;

/// Graphs of up to 30 nodes in up to 6 boxes, nested in any way, with any edges: loops, cycles, repeats.
fn any_input() -> impl Strategy<Value = Input> {
    let boxes = prop::collection::vec((any::<u16>(), 0u8..40, 0u8..30), 0..6);
    let nodes = prop::collection::vec((40u8..200, 20u8..80, any::<u16>()), 0..30);
    let edges = prop::collection::vec((any::<u16>(), any::<u16>(), any::<bool>()), 0..60);
    (boxes, nodes, edges).prop_map(|(boxes, nodes, edges)| Input {
        boxes: boxes
            .iter()
            .enumerate()
            .map(|(at, &(parent, header, padding))| BoxSpec {
                id: BOXES + at as u64,
                // One in (at + 1) stands on the page, the others in an earlier box.
                parent: (usize::from(parent) % (at + 1))
                    .checked_sub(1)
                    .map(|to| BOXES + to as u64),
                header: f32::from(header),
                padding: f32::from(padding),
                min_width: 60.0,
            })
            .collect(),
        nodes: nodes
            .iter()
            .enumerate()
            .map(|(at, &(width, height, parent))| NodeSpec {
                id: at as u64,
                size: Size::new(f32::from(width), f32::from(height)),
                parent: (usize::from(parent) % (boxes.len() + 1))
                    .checked_sub(1)
                    .map(|to| BOXES + to as u64),
                pin: (parent % 7 == 3).then(|| Point::new(f32::from(width) * 4.0, f32::from(height) * 5.0)),
            })
            .collect(),
        edges: edges
            .iter()
            .enumerate()
            .filter(|_| !nodes.is_empty())
            .map(|(at, &(from, to, labelled))| EdgeSpec {
                id: 2 * BOXES + at as u64,
                from: u64::from(from) % nodes.len() as u64,
                to: u64::from(to) % nodes.len() as u64,
                label: labelled.then_some(Size::new(60.0, 17.0)),
                own_way: at % 3 == 0,
            })
            .collect(),
        options: Options::default(),
    })
}

/// Nothing overlaps, everything is within its box, no line runs over what is not its own.
fn check(input: &Input, picture: &Layout) -> Result<(), TestCaseError> {
    let quality = judge(input, picture);
    prop_assert_eq!(quality.node_overlaps, 0, "nodes overlap");
    prop_assert_eq!(quality.box_overlaps, 0, "boxes overlap");
    prop_assert_eq!(quality.strays, 0, "outside of its box, or in a foreign one");
    prop_assert_eq!(quality.over_nodes, 0, "an edge over a foreign node");
    prop_assert_eq!(quality.over_boxes, 0, "an edge over a foreign box");
    prop_assert_eq!(quality.bad_labels, 0, "a label on a node or label");
    let (nodes, boxes) = (picture.nodes.len(), picture.boxes.len());
    prop_assert_eq!((nodes, boxes), (input.nodes.len(), input.boxes.len()));
    let ends: HashMap<u64, (u64, u64)> = input
        .edges
        .iter()
        .map(|edge| (edge.id, (edge.from, edge.to)))
        .collect();
    for route in &picture.edges {
        let (from, to) = ends[&route.id];
        for (node, point) in [(from, route.points.first()), (to, route.points.last())] {
            let rect = picture.find_node(node).unwrap();
            prop_assert!(
                point.is_some_and(|point| is_on_border(*point, &rect)),
                "edge {} ends at {point:?}, not on the border of {rect:?}",
                route.id
            );
        }
    }
    let bounds = picture.bounds().grown(0.5);
    for placed in picture.nodes.iter().chain(&picture.boxes) {
        prop_assert_eq!(bounds.union(&placed.rect), bounds, "outside of the picture");
    }
    Ok(())
}

fn is_on_border(point: Point, rect: &Rect) -> bool {
    rect.grown(0.5).holds(point) && !rect.grown(-0.5).holds(point)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_overlaps_and_every_line_is_its_own(input in any_input()) {
        check(&input, &layout(&input).unwrap())?;
    }

    #[test]
    fn the_same_graph_is_drawn_alike_and_moves_nothing(input in any_input()) {
        let first = layout(&input).unwrap();
        prop_assert!(layout(&input).unwrap().same_picture(&first));
        prop_assert!(relayout(&first, &input).unwrap().same_picture(&first));
    }

    #[test]
    fn a_picture_of_another_graph_is_a_start_for_any(first in any_input(), second in any_input()) {
        let drawn = layout(&first).unwrap();
        let again = relayout(&drawn, &second).unwrap();
        check(&second, &again)?;
        prop_assert!(relayout(&again, &second).unwrap().same_picture(&again));
    }

    #[test]
    fn messages_survive_the_wire(input in any_input(), view in any::<u64>()) {
        for job in [
            Job::Layout { view, input: input.clone() },
            Job::Relayout { view, input: input.clone() },
            Job::Forget { view },
        ] {
            prop_assert_eq!(&Job::decode(&job.encode()).unwrap(), &job);
        }
        let picture = layout(&input).unwrap();
        let words = Answer::Drawn(picture.clone()).encode();
        let Answer::Drawn(back) = Answer::decode(&words).unwrap() else {
            return Err(TestCaseError::fail("another answer came back"));
        };
        prop_assert!(back.same_picture(&picture));
        for cut in 0..words.len().min(64) {
            prop_assert!(Answer::decode(&words[..cut]).is_err());
        }
    }

    #[test]
    fn no_message_of_chance_is_followed(words in prop::collection::vec(any::<u32>(), 0..64)) {
        // What it says does not matter, only that reading ends without a panic or a huge allocation.
        drop((Job::decode(&words), Answer::decode(&words)));
    }
}

#[test]
fn inputs_that_cannot_be_drawn_are_refused() {
    let node = |id, parent| NodeSpec {
        id,
        size: Size::new(10.0, 10.0),
        parent,
        pin: None,
    };
    let area = |id, parent| BoxSpec {
        id,
        parent,
        header: 0.0,
        padding: 0.0,
        min_width: 0.0,
    };
    let refused = |nodes: Vec<NodeSpec>, boxes: Vec<BoxSpec>, edges: Vec<EdgeSpec>| {
        let input = Input {
            nodes,
            boxes,
            edges,
            ..Input::default()
        };
        layout(&input).unwrap_err()
    };
    let edge = EdgeSpec {
        id: 9,
        from: 1,
        to: 2,
        label: None,
        own_way: false,
    };
    assert_eq!(
        refused(vec![node(1, None), node(1, None)], vec![], vec![]),
        InputError::Duplicate(1)
    );
    assert_eq!(
        refused(vec![node(1, Some(5))], vec![], vec![]),
        InputError::UnknownParent(1)
    );
    assert_eq!(
        refused(vec![], vec![area(5, Some(6)), area(6, Some(5))], vec![]),
        InputError::Circular(5)
    );
    assert_eq!(
        refused(vec![node(1, None)], vec![], vec![edge]),
        InputError::UnknownEnd(9)
    );
    let mut wrong = node(1, None);
    wrong.size.width = f32::NAN;
    assert_eq!(refused(vec![wrong], vec![], vec![]), InputError::BadSize(1));
}
