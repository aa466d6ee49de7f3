//! JSON values as the YAML that people know from `kubectl get -o yaml`: the text that the console shows, and whose
//! lines its answers name.

use serde_json::Value;

/// Writes a mapping.
pub(crate) fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, 0, &mut out);
    out
}

/// Writes a value where a line has been begun: containers start on lines of their own.
fn write_value(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str("{}\n"),
        Value::Array(items) if items.is_empty() => out.push_str("[]\n"),
        Value::Object(map) => {
            for (index, (key, value)) in map.iter().enumerate() {
                // The first key of a list's item stands behind its dash.
                if index > 0 || !out.ends_with("- ") {
                    pad(indent, out);
                }
                write_string(key, 0, out, false);
                out.push(':');
                write_below(value, indent, out);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 || !out.ends_with("- ") {
                    pad(indent, out);
                }
                out.push_str("- ");
                write_value(item, indent + 2, out);
            }
        }
        Value::String(text) => {
            write_string(text, indent, out, true);
            out.push('\n');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            out.push_str(&value.to_string());
            out.push('\n');
        }
    }
}

/// Writes what belongs to a key.
fn write_below(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write_value(value, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_value(value, indent, out);
        }
        _ => {
            out.push(' ');
            write_value(value, indent + 2, out);
        }
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn write_string(text: &str, indent: usize, out: &mut String, block: bool) {
    if is_plain(text) {
        out.push_str(text);
    } else if block && is_block(text) {
        out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
        for line in text.lines() {
            out.push('\n');
            if !line.is_empty() {
                pad(indent, out);
                out.push_str(line);
            }
        }
    } else {
        write_quoted(text, out);
    }
}

fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_unseen(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Characters that YAML refuses as they are, or takes for ends of lines. All of them fit into four digits.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Words that need no quotes, whoever reads them.
fn is_plain(text: &str) -> bool {
    let mut bytes = text.bytes();
    let word = bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, b'_' | b'/'))
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'));
    // YAML 1.1 takes more words for truth values than 1.2.
    let taken = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    word && !taken.contains(&text.to_ascii_lowercase().as_str())
}

/// Programs and certificates stand as they are.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && text.chars().all(|c| c == '\n' || !is_unseen(c))
        && text.lines().all(|line| !line.ends_with(' '))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vigla_config::{Node, Scalar, read_documents};

    use super::*;

    fn back(node: Node<'_>) -> Value {
        if node.is_mapping() {
            return node
                .entries()
                .map(|(key, value)| (key.to_owned(), back(value)))
                .collect();
        }
        if node.is_sequence() {
            return node.items().map(back).collect();
        }
        match node.scalar().unwrap() {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => value.into(),
            Scalar::Int(value) => value.into(),
            Scalar::Float(value) => value.into(),
            Scalar::Text(text) => text.into(),
        }
    }

    #[test]
    fn every_value_is_read_back_as_it_was() {
        let words = [
            "",
            "a",
            "yes",
            "N",
            "1",
            "1.0",
            "~",
            "null",
            "a: b",
            "- a",
            "#",
            "é",
            "a\nb",
            "a\nb\n",
            "a\n\nb",
            " a\nb",
            "a\n",
            "\n",
            "a\n\n",
            "a\tb",
            "\u{7f}",
            "5s",
            "10.0.0.1",
            "*",
            "&x",
            "{",
            "x #y",
            "--lua\n  if\n",
            "a \nb",
            "---\nx",
            "\u{85}",
            "\u{feff}",
            "😀",
            "a\u{2028}b\nc",
            "0x1",
            "'",
            "\"",
        ];
        for word in words {
            let value = json!({"z": word, "list": [word, [word, [word]], {"a": word, "b": [{"c": word}]}], "m": {word: {"x": word}}});
            let yaml = to_yaml(&value);
            let read = read_documents("-", &yaml);
            assert_eq!(read.errors, [], "{yaml}");
            assert_eq!(back(read.documents[0].root()), value, "{yaml}");
        }
        let value =
            json!({"a": {}, "b": [], "c": [[], {}, null, true, -1, 1.5], "d": {"e": {"f": [{"g": {}}]}}});
        assert_eq!(
            back(read_documents("-", &to_yaml(&value)).documents[0].root()),
            value
        );
    }

    #[test]
    fn it_reads_as_people_write_it() {
        let value = json!({"kind": "VirtualService", "spec": {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}, "weight": 90}], "timeout": "5s"}]}});
        assert_eq!(
            to_yaml(&value),
            "kind: VirtualService\nspec:\n  hosts:\n  - reviews\n  http:\n  - route:\n    - destination:\n        host: reviews\n      weight: 90\n    timeout: \"5s\"\n"
        );
    }
}
