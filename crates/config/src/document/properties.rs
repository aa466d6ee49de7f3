//! What holds for every text.

use proptest::prelude::*;

use super::*;

/// Texts that look like YAML more often than chance would make them.
fn yamlish() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "a",
        "b: ",
        "c:\n",
        "- ",
        "\n",
        "  ",
        "\t",
        "---\n",
        "...\n",
        "--- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\"",
        "'",
        "\\",
        "|\n",
        ">-\n",
        "&x ",
        "*x",
        "!!str ",
        "!t ",
        "# c\n",
        "ü",
        "\r\n",
        "\r",
        "\u{feff}",
        "? ",
        ": ",
        "~",
        "null",
        "0x1f",
        "%YAML 1.2\n",
        "\u{2028}",
        "\0",
        "<<: ",
        "kind: List\n",
        "items:\n",
        "apiVersion: v1\n",
        "metadata: {name: a}\n",
        "@",
        "`",
        "😀",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

fn check(text: &str) {
    let found = read_documents("x.yaml", text);
    let lines = u32::try_from(text.split(['\n', '\r']).count()).unwrap();
    for error in &found.errors {
        assert!(
            error.place.line >= 1 && error.place.line <= lines && error.place.column >= 1,
            "{error}\n{text:?}"
        );
        assert!(!error.message.is_empty());
    }
    for document in &found.documents {
        assert!(text.contains(document.source()));
        assert!(document.first_line() <= lines);
        visit(document.root(), lines);
    }
    // The next level must stand it too.
    crate::read_objects("x.yaml", text);
}

fn visit(node: Node<'_>, lines: u32) {
    let spans = [Some(node.span()), node.key_span()];
    for span in spans.into_iter().flatten() {
        assert!(span.start <= span.end && span.end as usize <= node.document.text.len());
        assert!(
            span.line >= 1 && span.line <= lines && span.column >= 1,
            "{span:?} of {lines} lines"
        );
    }
    // Slices at character boundaries, or this would panic.
    let _ = (
        node.source(),
        node.raw(),
        node.key(),
        node.scalar(),
        node.as_duration(),
    );
    let children: Vec<Node<'_>> = node
        .items()
        .chain(node.entries().map(|(_, child)| child))
        .collect();
    for (index, child) in children.iter().enumerate() {
        assert_eq!(child.parent(), Some(node));
        if node.is_sequence() {
            assert_eq!(node.index(index), Some(*child));
        } else {
            assert!(node.get(child.key().unwrap()).is_some());
        }
        visit(*child, lines);
    }
    assert!(node.same_content(node));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn texts_like_yaml_are_read_or_refused_at_a_place_in_them(text in yamlish()) {
        check(&text);
    }

    #[test]
    fn a_mapping_of_any_texts_is_read_back(pairs in prop::collection::btree_map("[a-z.\\[\\]/ü]{1,8}", any::<String>(), 1..8)) {
        // JSON is YAML, but for characters that YAML does not allow as they are.
        let quote = |text: &str| {
            let escaped: String = text.chars().flat_map(|c| {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>()
            }).collect();
            format!("\"{escaped}\"")
        };
        let fields: Vec<String> = pairs.iter().map(|(key, value)| format!("{}: {}", quote(key), quote(value))).collect();
        let text = format!("{{{}}}", fields.join(", "));
        let found = read_documents("-", &text);
        prop_assert_eq!(&found.errors, &[]);
        for (key, value) in &pairs {
            prop_assert_eq!(found.documents[0].root().get(key).and_then(Node::as_str), Some(value.as_str()));
        }
    }
}
