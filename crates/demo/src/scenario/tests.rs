use std::path::Path;

use super::*;

const A: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n# last\r\n";
const B: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n";

struct Fixture {
    scenarios: Scenarios,
    source: Arc<FolderSource>,
    mesh: tempfile::TempDir,
    overlay: tempfile::TempDir,
}

/// Scenarios `one` (two steps), `two` (changes a file of `one`) and `three` (another file) over `a.yaml` and `b.yaml`.
fn fixture() -> Fixture {
    let (mesh, overlay) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(mesh.path().join("a.yaml"), A).unwrap();
    std::fs::write(mesh.path().join("b.yaml"), B).unwrap();
    let source = Arc::new(FolderSource::open(&[mesh.path(), overlay.path()]).unwrap());
    let text = |name: &str| A.replace("name: a", &format!("name: {name}"));
    let (x, y, z) = (text("x"), text("y"), text("z"));
    let texts = BTreeMap::from([
        (
            "one".to_owned(),
            ScenarioText::of(&[&[("a.yaml", &x), ("new.yaml", &z)], &[("a.yaml", &y)]]),
        ),
        ("two".to_owned(), ScenarioText::of(&[&[("a.yaml", &z)]])),
        ("three".to_owned(), ScenarioText::of(&[&[("b.yaml", &z)]])),
    ]);
    let scenarios = Scenarios::new(texts, Overlay::new(overlay.path().to_owned()), source.clone());
    Fixture {
        scenarios,
        source,
        mesh,
        overlay,
    }
}

fn texts(source: &FolderSource) -> Vec<(String, String)> {
    let state = source.state();
    state
        .files
        .iter()
        .map(|file| (file.name.to_string(), file.text.to_string()))
        .collect()
}

fn count(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

#[tokio::test]
async fn each_step_is_one_revision_and_applying_it_again_is_none() {
    let f = fixture();
    let first = f.source.state().revision;
    assert_eq!(f.scenarios.apply("one", 1).await.unwrap().revision, first + 1);
    assert_eq!(f.scenarios.apply("one", 1).await.unwrap().revision, first + 1);
    assert_eq!(f.scenarios.apply("one", 2).await.unwrap().revision, first + 2);
    assert_eq!(f.scenarios.undo("one").await.unwrap().revision, first + 3);
    assert_eq!(f.scenarios.undo("one").await.unwrap().revision, first + 3);
}

#[tokio::test]
async fn undoing_restores_every_byte_and_the_mesh_is_never_written() {
    let f = fixture();
    let before = texts(&f.source);
    f.scenarios.apply("one", 2).await.unwrap();
    f.scenarios.apply("three", 1).await.unwrap();
    assert_ne!(texts(&f.source), before);
    assert_eq!(texts(&f.source).len(), 3);
    f.scenarios.undo("three").await.unwrap();
    f.scenarios.undo("one").await.unwrap();
    assert_eq!(texts(&f.source), before);
    assert_eq!(count(f.overlay.path()), 0);
    assert_eq!(count(f.mesh.path()), 2);
    assert_eq!(std::fs::read_to_string(f.mesh.path().join("a.yaml")).unwrap(), A);
}

#[tokio::test]
async fn scenarios_that_change_the_same_file_are_not_applied_together() {
    let f = fixture();
    f.scenarios.apply("one", 1).await.unwrap();
    let before = texts(&f.source);
    let error = f.scenarios.apply("two", 1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "scenario `one` is applied and changes `a.yaml` too; undo it first"
    );
    assert_eq!(texts(&f.source), before);
}

#[tokio::test]
async fn an_unknown_scenario_or_step_is_told_with_what_there_is() {
    let f = fixture();
    let error = f.scenarios.apply("../one", 1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no scenario `../one`; there are one, three, two"
    );
    for step in [0, 3] {
        let error = f.scenarios.apply("one", step).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("scenario `one` has steps 1 to 2, not {step}")
        );
    }
}

#[tokio::test]
async fn the_list_shows_what_is_applied() {
    let f = fixture();
    f.scenarios.apply("one", 2).await.unwrap();
    let applied: Vec<_> = f
        .scenarios
        .list()
        .await
        .into_iter()
        .map(|s| (s.name, s.applied.map(|(step, _)| step)))
        .collect();
    assert_eq!(
        applied,
        [
            ("one".into(), Some(2)),
            ("three".into(), None),
            ("two".into(), None)
        ]
    );
}
