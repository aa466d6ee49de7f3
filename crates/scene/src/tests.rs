//! A view of Bookinfo through layout and scene.

mod sample;

use vigla_layout::{Point, Rect, layout};

use crate::{Options, Scene, Shape, TableMeasure, Target, Theme, build, build_input, table, to_svg};
use sample::{bookinfo, id_of};

fn scene(options: &Options) -> Scene {
    let view = bookinfo();
    let picture = layout(&build_input(&view, &TableMeasure)).unwrap();
    build(&view, &picture, options, &TableMeasure)
}

/// All text of the scene, by layers.
fn words(scene: &Scene) -> Vec<&str> {
    scene
        .marks()
        .filter_map(|mark| match &mark.shape {
            Shape::Text(text) => Some(text.text.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn bookinfo_is_drawn_as_the_grammar_says() {
    let svg = to_svg(
        &scene(&Options::default()),
        Theme::Dark,
        "Traffic map of bookinfo",
    );
    if let Ok(path) = std::env::var("VIGLA_SCENE_SVG") {
        std::fs::write(path, &svg).unwrap();
    }
    insta::assert_snapshot!("bookinfo", svg);
}

#[test]
fn every_name_and_rate_is_on_the_picture() {
    let scene = scene(&Options::default());
    let words = words(&scene);
    for word in [
        "productpage-v1",
        "reviews-v3",
        "unknown caller",
        "batch-report?",
        "refused",
        "bookinfo",
    ] {
        assert!(words.contains(&word), "{word} is not in {words:?}");
    }
}

#[test]
fn a_place_on_a_card_is_that_node() {
    let scene = scene(&Options::default());
    let node = Target::Node(id_of("productpage-v1"));
    let rect = scene.bounds_of(node).unwrap();
    assert_eq!(scene.hit(rect.middle(), 6.0), Some(node));
    let area = scene.bounds_of(Target::Box(id_of("box bookinfo"))).unwrap();
    let corner = Point::new(area.x + 4.0, area.bottom() - 4.0);
    assert_eq!(scene.hit(corner, 6.0), Some(Target::Box(id_of("box bookinfo"))));
    assert_eq!(scene.hit(Point::new(-4000.0, 0.0), 6.0), None);
}

#[test]
fn a_place_within_six_pixels_of_a_line_is_that_edge() {
    let view = bookinfo();
    let picture = layout(&build_input(&view, &TableMeasure)).unwrap();
    let scene = build(&view, &picture, &Options::default(), &TableMeasure);
    for route in &picture.edges {
        let curves = vigla_layout::curve(&route.points);
        let longest = curves
            .iter()
            .max_by(|a, b| a.length().total_cmp(&b.length()))
            .unwrap();
        let middle = longest.at(0.5);
        let hit = scene.hit(Point::new(middle.x, middle.y + 1.0), 6.0);
        assert!(matches!(hit, Some(Target::Edge(_))), "{hit:?} at {middle:?}");
    }
}

#[test]
fn all_marks_lie_within_the_bounds() {
    let scene = scene(&Options {
        selected: Some(Target::Node(id_of("ratings-v1"))),
        ..Options::default()
    });
    let bounds = scene.bounds.grown(1.0);
    for mark in scene.marks() {
        let rect: Rect = mark.bounds();
        assert_eq!(bounds.union(&rect), bounds, "{mark:?}");
    }
}

#[test]
fn the_table_says_what_the_map_says() {
    let rows = table(&bookinfo());
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let calls: Vec<&str> = row.calls.iter().map(|call| call.callee.as_str()).collect();
            let cells = row.inbound.cells().join(" ").replace('\u{202f}', "_");
            format!("{}/{} {cells} -> {}", row.namespace, row.name, calls.join(" "))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
