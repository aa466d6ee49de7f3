use crate::{apply, diff, fixtures::*};

#[test]
fn a_delta_holds_what_changed_and_nothing_else() {
    let old = view(
        [both("a-v1", "b-v1", 1.0), both("a-v1", "c-v1", 1.0)]
            .into_iter()
            .flatten(),
    );
    let new = view(
        [both("a-v1", "b-v1", 2.0), both("a-v1", "d-v1", 1.0)]
            .into_iter()
            .flatten(),
    );
    let delta = diff(&old, &new);
    assert_eq!((delta.edges.set.len(), delta.edges.gone.len()), (2, 1));
    let mut followed = old.clone();
    apply(&mut followed, &delta);
    assert_eq!(followed, new);
    assert!(diff(&new, &new).is_empty());
}
