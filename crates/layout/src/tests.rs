//! Pictures of known graphs: how they read, how good they are, how still they stand.

mod properties;

use crate::{
    Input, Layout, layout,
    quality::{Quality, judge, outline_svg},
    relayout, sample,
};

#[test]
fn bookinfo_reads_from_left_to_right() {
    let picture = layout(&sample::bookinfo()).unwrap();
    let x = |id| picture.find_node(id).unwrap().x;
    assert!(x(0) < x(1) && x(1) < x(3) && x(3) < x(6));
    assert_eq!(x(2), x(3), "callees of one caller share a column");
    let quality = judge(&sample::bookinfo(), &picture);
    assert_eq!((quality.over_nodes, quality.over_boxes), (0, 0), "{quality:?}");
    assert_eq!(
        (quality.bad_labels, quality.missing_labels),
        (0, 0),
        "{quality:?}"
    );
}

#[test]
fn the_same_graph_moves_nothing() {
    for input in [
        sample::bookinfo(),
        sample::mesh(50, true),
        sample::mesh(60, false),
    ] {
        let first = layout(&input).unwrap();
        let again = relayout(&first, &input).unwrap();
        assert!(again.same_picture(&first));
        assert!(relayout(&again, &input).unwrap().same_picture(&first));
    }
}

/// (workloads, with namespace boxes, crossings, sum of lengths), as measured.
const GOLDEN: [(usize, bool, f64, f64); 4] = [
    (50, true, 60.0, 44_966.0),
    (100, true, 125.0, 84_550.0),
    (300, true, 1590.0, 378_793.0),
    (100, false, 96.0, 67_260.0),
];

/// Draws, judges, and writes the picture to the folder that `VIGLA_LAYOUT_SVG` names, for eyes.
fn drawn(name: &str, input: &Input) -> (Layout, Quality) {
    let picture = layout(input).unwrap();
    if let Ok(folder) = std::env::var("VIGLA_LAYOUT_SVG") {
        std::fs::write(format!("{folder}/{name}.svg"), outline_svg(&picture)).unwrap();
    }
    let quality = judge(input, &picture);
    println!("{name}: {quality:?}");
    (picture, quality)
}

/// Golden numbers: 3 % worse fails, and so does 10 % better, so that the table is kept true.
#[test]
fn meshes_are_drawn_as_well_as_written_here() {
    for (count, boxes, crossings, length) in GOLDEN {
        let name = format!("{count}-{}", if boxes { "boxed" } else { "flat" });
        let (_, quality) = drawn(&name, &sample::mesh(count, boxes));
        let faults = [
            quality.node_overlaps,
            quality.box_overlaps,
            quality.strays,
            quality.over_nodes,
            quality.over_boxes,
        ];
        assert_eq!(faults, [0; 5], "{name}: {quality:?}");
        for (what, is, golden) in [
            ("crossings", quality.crossings as f64, crossings),
            ("length", quality.length, length),
        ] {
            assert!(
                (0.9..=1.03).contains(&(is / golden)),
                "{name}: {what} {is}, was {golden}"
            );
        }
    }
}

#[test]
fn small_changes_leave_most_nodes_in_place() {
    for count in [100, 300] {
        let input = sample::mesh(count, true);
        let first = layout(&input).unwrap();
        let second = relayout(&first, &sample::churned(&input, 100, 1)).unwrap();
        let diagonal = first.size.width.hypot(first.size.height);
        let mut moves: Vec<f32> = first
            .nodes
            .iter()
            .zip(&second.nodes)
            .map(|(a, b)| a.rect.middle().distance(b.rect.middle()) / diagonal)
            .collect();
        moves.sort_by(f32::total_cmp);
        let (median, ninth) = (moves[moves.len() / 2], moves[moves.len() * 9 / 10]);
        println!("{count}: median {median}, p90 {ninth}");
        assert!(
            median <= 0.005 && ninth <= 0.03,
            "{count}: median {median}, p90 {ninth}"
        );
    }
}

#[test]
fn a_new_workload_only_makes_itself_room() {
    let input = sample::bookinfo();
    let first = layout(&input).unwrap();
    let mut grown = input.clone();
    let mut fresh = grown.nodes[5];
    fresh.id = 90;
    grown.nodes.push(fresh);
    let mut call = grown.edges[3];
    (call.id, call.to) = (91, 90);
    grown.edges.push(call);
    let second = relayout(&first, &grown).unwrap();
    for id in 0..8 {
        let (was, is) = (first.find_node(id).unwrap(), second.find_node(id).unwrap());
        let moved = was.middle().distance(is.middle());
        assert!(
            moved < 40.0,
            "{id} moved by {moved}, more than half of the room of the new one"
        );
    }
    assert!(second.find_node(90).is_some());
}

#[test]
fn numbers_on_labels_move_nothing() {
    let input = sample::bookinfo();
    let first = layout(&input).unwrap();
    let mut louder = input.clone();
    louder.edges[2].label = Some(crate::Size::new(90.0, 35.0));
    let second = relayout(&first, &louder).unwrap();
    assert_eq!((first.nodes, first.boxes), (second.nodes, second.boxes));
}
