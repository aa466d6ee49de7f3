//! What every picture keeps, on fixed graphs and on random ones.

use crate::{
    codec::{Answer, Job},
    layout,
    quality::judge,
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

#[test]
fn jobs_and_answers_survive_the_wire() {
    let input = sample::bookinfo();
    let job = Job::Layout {
        view: 7 << 40,
        input: input.clone(),
    };
    assert_eq!(Job::decode(&job.encode()).unwrap(), job);
    let picture = layout(&input).unwrap();
    let Answer::Drawn(back) = Answer::decode(&Answer::Drawn(picture.clone()).encode()).unwrap() else {
        panic!("another answer came back")
    };
    assert!(back.same_picture(&picture));
}
