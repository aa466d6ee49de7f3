use std::sync::Arc;

use crate::{Changed, Follower, Grain, Graph, Kept, fixtures::*, quotient};

fn rows(rate: f64) -> Vec<Row> {
    [
        both("productpage-v1", "reviews-v1", rate),
        both("productpage-v1", "reviews-v2", 2.0),
        both("reviews-v2", "ratings-v1", 2.0),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn a_number_that_changed_touches_its_edge_and_both_ends() {
    let mesh = Arc::new(Bookinfo);
    let mut kept = Kept::build(vec![window(rows(1.0))], mesh.clone());
    let mut apps = Follower::new(kept.view(), Grain::App);
    let changed = kept.update(vec![window(rows(5.0))], &mesh);
    let Changed::Some { nodes, edges } = &changed else {
        panic!("the rows are the same");
    };
    assert_eq!((nodes.len(), edges.len()), (2, 1));
    assert_eq!(kept.view(), &Graph::build(&[window(rows(5.0))], &Bookinfo).view());
    let delta = apps.follow(kept.view(), &changed);
    assert_eq!((delta.nodes.set.len(), delta.edges.set.len()), (2, 1));
    assert!(delta.edges.gone.is_empty() && delta.boxes.is_empty());
    assert_eq!(apps.view(), &quotient(kept.view(), Grain::App));
    let same = kept.update(vec![window(rows(5.0))], &mesh);
    assert!(apps.follow(kept.view(), &same).is_empty());
}

#[test]
fn other_rows_or_another_mesh_build_it_from_nothing() {
    let mesh = Arc::new(Bookinfo);
    let mut kept = Kept::build(vec![window(rows(1.0))], mesh.clone());
    let mut services = Follower::new(kept.view(), Grain::Service);
    let more = || rows(1.0).into_iter().chain(both("reviews-v1", "ratings-v1", 1.0));
    let changed = kept.update(vec![window(more())], &mesh);
    assert_eq!(changed, Changed::All);
    assert_eq!(kept.view(), &Graph::build(&[window(more())], &Bookinfo).view());
    let delta = services.follow(kept.view(), &changed);
    assert!(!delta.edges.set.is_empty());
    assert_eq!(services.view(), &quotient(kept.view(), Grain::Service));
    assert_eq!(
        kept.update(vec![window(more())], &Arc::new(Bookinfo)),
        Changed::All
    );
}
