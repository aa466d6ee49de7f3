//! A view of Bookinfo through layout and scene.

pub(crate) mod sample;

use vigla_graph::View;
use vigla_layout::{Point, Rect, layout};

use crate::{Options, Scene, Shape, TableMeasure, Target, Theme, build, build_input, table, to_svg};
use sample::{bookinfo, bookinfo_by_app, id_of, shop};

fn scene(options: &Options) -> Scene {
    scene_of(&bookinfo(), options)
}

fn scene_of(view: &View, options: &Options) -> Scene {
    let picture = layout(&build_input(view, &TableMeasure)).unwrap();
    build(view, &picture, options, &TableMeasure)
}

/// The picture as SVG; written to the folder that `VIGLA_SCENE_SVG` names, for eyes.
fn drawn(name: &str, scene: &Scene, theme: Theme) -> String {
    let svg = to_svg(scene, theme, &format!("Traffic map of {name}"));
    if let Ok(folder) = std::env::var("VIGLA_SCENE_SVG") {
        std::fs::write(format!("{folder}/{name}.svg"), &svg).unwrap();
    }
    svg
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
    let svg = drawn("bookinfo", &scene(&Options::default()), Theme::Dark);
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

#[test]
fn a_mesh_of_nineteen_shows_every_alarm() {
    let options = Options {
        selected: Some(Target::Edge(id_of("productpage to reviews"))),
        ..Options::default()
    };
    let scene = scene_of(&shop(), &options);
    drawn("shop", &scene, Theme::Dark);
    drawn("shop-light", &scene, Theme::Light);
    let words = words(&scene);
    for word in [
        "10.1\u{202f}%",
        "refused",
        "9.8/s plain",
        "12\u{202f}kB/s",
        "cardnet.example",
        "unregistered",
    ] {
        assert!(words.contains(&word), "{word} is not in {words:?}");
    }
}

#[test]
fn names_cannot_leave_their_element() {
    let mut view = bookinfo();
    let hostile = "<script>\"&\u{7}";
    if let Some(area) = view.boxes.get_mut(&id_of("box bookinfo")) {
        area.name = hostile.to_owned();
    }
    let svg = drawn("hostile", &scene_of(&view, &Options::default()), Theme::Light);
    assert!(
        svg.contains("&lt;script&gt;&quot;&amp; "),
        "the name is there, escaped"
    );
    assert!(!svg.contains("<script>"));
}

#[test]
fn a_view_that_is_newer_than_its_layout_is_painted_as_far_as_it_goes() {
    let view = bookinfo();
    let picture = layout(&build_input(&view, &TableMeasure)).unwrap();
    let empty = View {
        nodes: Default::default(),
        edges: Default::default(),
        boxes: Default::default(),
        ..view
    };
    let scene = build(&empty, &picture, &Options::default(), &TableMeasure);
    assert_eq!(scene.marks().count(), 0);
}

#[test]
fn text_is_hidden_when_it_could_not_be_read() {
    let scene = scene(&Options::default());
    let shown = |zoom| {
        scene
            .marks()
            .filter(|mark| matches!(mark.shape, Shape::Text(_)) && mark.detail.is_shown_at(zoom))
            .count()
    };
    assert_eq!(shown(0.3), 0);
    assert!(shown(0.5) > 0 && shown(0.5) < shown(1.0));
}

#[test]
fn inner_boxes_are_painted_over_outer_ones_and_hit_first() {
    let scene = scene_of(&bookinfo_by_app(), &Options::default());
    drawn("bookinfo-by-app", &scene, Theme::Dark);
    let inner = Target::Box(id_of("box reviews"));
    let painted: Vec<Target> = scene.boxes.iter().map(|mark| mark.target).collect();
    let first = |target| painted.iter().position(|other| *other == target);
    assert!(first(Target::Box(id_of("box bookinfo"))) < first(inner));
    let area = scene.bounds_of(inner).unwrap();
    assert_eq!(
        scene.hit(Point::new(area.x + 3.0, area.y + 8.0), 0.0),
        Some(inner)
    );
}
