use std::{fs, thread::sleep};

use tempfile::TempDir;

use super::*;

fn service(name: &str, port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: {port}}}]}}\n"
    )
}

/// Base and overlay, both watched.
fn folders() -> (TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (base, overlay) = (dir.path().join("base"), dir.path().join("overlay"));
    fs::create_dir_all(base.join("sub")).unwrap();
    fs::create_dir(&overlay).unwrap();
    (dir, base, overlay)
}

fn says(state: &ConfigState) -> String {
    let objects = state.objects();
    let ports = objects.iter().map(|object| {
        let port = object.root().find(&"spec.ports[0].port".parse().unwrap());
        format!(
            "{}={}",
            object.name(),
            port.and_then(vigla_config::Node::as_i64).unwrap_or(0)
        )
    });
    ports.collect::<Vec<_>>().join(" ")
}

/// Waits until the state says this; a slow machine may need a while.
fn wait(source: &FolderSource, expected: &str) -> Arc<ConfigState> {
    wait_for(source, |state| says(state) == expected)
}

fn wait_for(source: &FolderSource, condition: impl Fn(&ConfigState) -> bool) -> Arc<ConfigState> {
    let started = Instant::now();
    loop {
        let state = source.state();
        if condition(&state) {
            return state;
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{} {:?}",
            says(&state),
            state.errors
        );
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_saved_file_a_new_folder_and_a_deleted_file_take_effect() {
    let (_dir, base, _) = folders();
    fs::write(base.join("b.yaml"), service("b", 1)).unwrap();
    fs::write(base.join("sub/a.json"), service("a", 1)).unwrap();
    fs::write(base.join(".draft.yaml"), service("draft", 1)).unwrap();
    fs::write(base.join("notes.txt"), "no: [yaml").unwrap();
    let source = FolderSource::open(&[&base]).unwrap();
    let first = source.state();
    assert_eq!((first.revision, says(&first).as_str()), (1, "b=1 a=1"));
    assert_eq!(&*first.files[1].name, "sub/a.json");

    fs::write(base.join("b.yaml"), service("b", 2)).unwrap();
    let second = wait(&source, "b=2 a=1");
    assert_eq!(second.revision, 2);
    let changed: Vec<String> = second
        .changes_since(&first)
        .iter()
        .map(|change| change.object.name.to_string())
        .collect();
    assert_eq!(changed, ["b"]);

    fs::create_dir_all(base.join("new/deep")).unwrap();
    fs::write(base.join("new/deep/c.yml"), service("c", 3)).unwrap();
    wait(&source, "b=2 c=3 a=1");
    fs::remove_file(base.join("b.yaml")).unwrap();
    wait(&source, "c=3 a=1");
    fs::rename(base.join("new"), base.join("old")).unwrap();
    wait(&source, "c=3 a=1");
    fs::remove_dir_all(base.join("old")).unwrap();
    wait(&source, "a=1");
}

#[test]
fn a_file_is_taken_when_it_is_closed_and_not_before() {
    use std::io::Write as _;
    let (_dir, base, _) = folders();
    fs::write(base.join("a.yaml"), service("a", 1)).unwrap();
    let source = FolderSource::open(&[&base]).unwrap();
    let mut file = fs::File::create(base.join("a.yaml")).unwrap();
    write!(file, "{}", service("a", 2)).unwrap();
    file.sync_all().unwrap();
    sleep(Duration::from_millis(30));
    assert_eq!(says(&source.state()), "a=1");
    drop(file);
    wait(&source, "a=2");
}

#[test]
fn a_broken_file_keeps_its_last_good_text_and_tells_the_place() {
    let (_dir, base, _) = folders();
    fs::write(base.join("a.yaml"), service("a", 1)).unwrap();
    let source = FolderSource::open(&[&base]).unwrap();
    fs::write(base.join("a.yaml"), service("a", 2) + "---\n- x: [\n").unwrap();
    let state = wait_for(&source, |state| !state.errors.is_empty());
    assert_eq!(says(&state), "a=1");
    assert!(
        state.errors[0].to_string().starts_with("a.yaml:6:"),
        "{}",
        state.errors[0]
    );
    fs::write(base.join("a.yaml"), service("a", 3)).unwrap();
    let state = wait(&source, "a=3");
    assert_eq!(state.errors, []);
    fs::write(base.join("a.yaml"), [0xff, 0xfe]).unwrap();
    let state = wait_for(&source, |state| !state.errors.is_empty());
    assert_eq!(says(&state), "a=3");
    assert!(state.errors[0].message.contains("UTF-8"));
}

#[test]
fn an_overlay_stands_in_place_of_the_file_below_and_leaves_no_trace() {
    let (_dir, base, overlay) = folders();
    fs::write(base.join("a.yaml"), service("a", 1)).unwrap();
    let source = FolderSource::open(&[&base, &overlay]).unwrap();
    let before = source.state();
    fs::write(overlay.join("a.yaml"), service("a", 2)).unwrap();
    wait(&source, "a=2");
    fs::write(overlay.join("a.yaml"), "a: [").unwrap();
    let state = wait_for(&source, |state| !state.errors.is_empty());
    assert_eq!(says(&state), "a=2");
    fs::remove_file(overlay.join("a.yaml")).unwrap();
    let after = wait(&source, "a=1");
    assert_eq!(after.files[0].text, before.files[0].text);
    assert_eq!(after.changes_since(&before), []);
    // Broken from the start: what lies below stays in effect.
    fs::write(overlay.join("a.yaml"), service("a", 4) + "---\nb: [").unwrap();
    let state = wait_for(&source, |state| !state.errors.is_empty());
    assert_eq!((says(&state).as_str(), state.errors.len()), ("a=1", 1));
}

#[test]
fn files_changed_together_are_one_revision() {
    let (_dir, base, overlay) = folders();
    fs::write(base.join("a.yaml"), service("a", 1)).unwrap();
    let source = FolderSource::open(&[&base, &overlay]).unwrap();
    let (_, state) = source
        .change(|| {
            fs::write(overlay.join("a.yaml"), service("a", 2))?;
            sleep(Duration::from_millis(20));
            fs::write(overlay.join("b.yaml"), service("b", 2))
        })
        .unwrap();
    assert_eq!((state.revision, says(&state).as_str()), (2, "a=2 b=2"));
    sleep(Duration::from_millis(30));
    assert_eq!(source.state().revision, 2);
}

#[test]
fn a_folder_that_vanishes_empties_nothing() {
    let (_dir, base, _) = folders();
    fs::write(base.join("a.yaml"), service("a", 1)).unwrap();
    let source = FolderSource::open(&[&base]).unwrap();
    fs::rename(&base, base.with_file_name("away")).unwrap();
    source.change(|| Ok(())).unwrap();
    let state = source.state();
    assert_eq!((says(&state).as_str(), state.errors.len()), ("a=1", 1));
    assert!(FolderSource::open(&[&base]).is_err());
}

#[test]
fn a_change_is_seen_within_milliseconds() {
    let (_dir, base, _) = folders();
    for index in 0..50 {
        fs::write(
            base.join(format!("{index}.yaml")),
            service(&format!("s{index}"), 1),
        )
        .unwrap();
    }
    let source = FolderSource::open(&[&base]).unwrap();
    let mut receiver = source.watch();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut times: Vec<Duration> = (2..22)
        .map(|port| {
            receiver.mark_unchanged();
            let started = Instant::now();
            fs::write(base.join("7.yaml"), service("s7", port)).unwrap();
            runtime.block_on(receiver.changed()).unwrap();
            started.elapsed()
        })
        .collect();
    times.sort();
    println!("median {:?}, longest {:?}", times[10], times[19]);
    // 1 ms of them is the wait for files that are saved together; the rest is room for a busy machine.
    assert!(times[10] < Duration::from_millis(20), "{times:?}");
}
