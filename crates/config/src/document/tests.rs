use super::*;

fn one(text: &str) -> Document {
    let mut found = read_documents("mesh.yaml", text);
    assert_eq!(found.errors, []);
    assert_eq!(found.documents.len(), 1);
    found.documents.remove(0)
}

fn find<'a>(document: &'a Document, path: &str) -> Node<'a> {
    document
        .root()
        .find(&path.parse().unwrap())
        .unwrap_or_else(|| panic!("{path}"))
}

#[test]
fn every_value_knows_its_place_and_its_path() {
    let document = one("a:\n  b: [x, \"ü: y\"]\n  ü: {c: 1}\n");
    let place = |path: &str| {
        let node = find(&document, path);
        assert_eq!(node.path().to_string(), path);
        (node.location().to_string(), node.source())
    };
    assert_eq!(place("a.b[1]"), ("mesh.yaml:2:10".to_owned(), "\"ü: y\""));
    assert_eq!(place("a.ü.c"), ("mesh.yaml:3:10".to_owned(), "1"));
    assert_eq!(
        place("a"),
        ("mesh.yaml:2:3".to_owned(), "b: [x, \"ü: y\"]\n  ü: {c: 1}")
    );
    assert_eq!(find(&document, "a.b[1]").as_str(), Some("ü: y"));
}

#[test]
fn a_broken_document_does_not_hide_the_next_one() {
    let found = read_documents("mesh.yaml", "a: 1\n---\nb: [1,\n---\nc: 3\n");
    let kept: Vec<&str> = found.documents.iter().map(Document::source).collect();
    assert_eq!(kept, ["a: 1", "c: 3"]);
    assert_eq!(found.documents[1].first_line(), 5);
    assert_eq!(found.errors.len(), 1);
    assert!(
        found.errors[0].to_string().starts_with("mesh.yaml:"),
        "{}",
        found.errors[0]
    );
}

#[test]
fn a_documents_text_is_as_it_was_written() {
    let text = "# first\na: |\n  x\n\n--- # second\n\n# why\nb: 2 # two\n...\n---\n---\nc: 3";
    let found = read_documents("-", text);
    let kept: Vec<(u32, &str)> = found
        .documents
        .iter()
        .map(|document| (document.first_line(), document.source()))
        .collect();
    assert_eq!(
        kept,
        [(1, "# first\na: |\n  x"), (7, "# why\nb: 2 # two"), (12, "c: 3")]
    );
}

#[test]
fn a_repeated_key_is_told_and_the_last_one_counts() {
    let document = one("a: {x: 1, y: 2, x: 3}");
    assert_eq!(find(&document, "a.x").as_i64(), Some(3));
    let repeated: Vec<u32> = document
        .duplicates()
        .map(|node| node.key_span().unwrap().column)
        .collect();
    assert_eq!(repeated, [17]);
}

#[test]
fn an_alias_has_its_own_path_and_its_anchors_place() {
    let document = one("a: &x {b: [1, 2]}\nc: *x\n&k d: 4\ne: *k\n");
    let node = find(&document, "c.b[1]");
    assert_eq!(
        (node.path().to_string(), node.location().line, node.as_i64()),
        ("c.b[1]".to_owned(), 1, Some(2))
    );
    assert_eq!(find(&document, "e").as_str(), Some("d"));
}

#[test]
fn what_would_cost_too_much_is_refused_with_a_reason() {
    let bounds = Bounds {
        bytes: 4096,
        nodes: 50,
        depth: 8,
        ..Bounds::default()
    };
    let bomb = "a: &a [1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\n";
    let deep = "[".repeat(20) + &"]".repeat(20);
    let nested = (0..12)
        .map(|level| " ".repeat(level) + "a:\n")
        .collect::<String>();
    let aliases = "a: &a [[[[1]]]]\nb: &b [[[*a]]]\nc: [[*b]]";
    for (text, reason) in [
        (bomb, "more than 50 values"),
        (&deep, "limit"),
        (&nested, ""),
        (aliases, "deeper than 8"),
        ("a: &a [*a]", "stands in"),
        ("a: *b", "unknown anchor"),
        ("{a: 1}: 2", "key"),
        (&"a: 1\n".repeat(1000), "split it"),
    ] {
        let found = read_documents_within("-", text, &bounds);
        assert_eq!(found.documents.len(), 0, "{text}");
        assert!(
            found.errors[0].message.contains(reason),
            "{text}\n{}",
            found.errors[0]
        );
    }
}

#[test]
fn the_bound_on_values_holds_for_all_documents_of_a_file() {
    let bounds = Bounds {
        nodes_in_all: 25,
        ..Bounds::default()
    };
    let found = read_documents_within("-", &"a: [1,2,3,4,5,6,7]\n---\n".repeat(9), &bounds);
    assert_eq!(found.documents.len(), 2);
    assert!(
        found.errors[0]
            .message
            .contains("the file has more than 25 values"),
        "{}",
        found.errors[0]
    );
}

#[test]
fn line_ends_of_all_systems_are_read() {
    let document = one("a: 1\r\nb:\r\n  - x\r\n");
    assert_eq!(find(&document, "b[0]").location().to_string(), "mesh.yaml:3:5");
    assert_eq!(find(&document, "b[0]").as_str(), Some("x"));
}

#[test]
fn json_is_read_with_places_too() {
    let document = one("{\n\t\"a\": {\"b\": [true, null, \"x\\ny\"]}\n}\n");
    assert_eq!(find(&document, "a.b[2]").as_str(), Some("x\ny"));
    assert_eq!(find(&document, "a.b[0]").as_bool(), Some(true));
    assert!(find(&document, "a.b[1]").is_null());
}
