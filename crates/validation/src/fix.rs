//! Changes of the text that mend what a finding tells.

use std::sync::Arc;

use vigla_config::{Node, Object, Span};

/// A way to mend a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, such as "use subset `v1`".
    pub title: String,
    /// The changes, in order of the text; they do not overlap.
    pub edits: Vec<Edit>,
}

/// A place between two characters; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// Text in place of other text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The file.
    pub file: Arc<str>,
    /// Where the old text starts.
    pub start: Point,
    /// Where it ends; the same for an insertion.
    pub end: Point,
    /// The new text.
    pub text: String,
}

/// A place with its byte in the text.
#[derive(Clone, Copy)]
struct Mark {
    point: Point,
    byte: u32,
}

/// Where a span starts. Columns come from the reader of the text: nothing is counted again, however long the line.
fn start_of(span: Span) -> Mark {
    Mark {
        point: Point {
            line: span.line,
            column: span.column,
        },
        byte: span.start,
    }
}

/// Where a span ends; only its own text is read.
fn end_of(node: Node<'_>, span: Span) -> Mark {
    let text = &node.file_text()[span.start as usize..span.end as usize];
    let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let point = match text.rsplit_once('\n') {
        Some((before, last)) => Point {
            line: span.line
                + 1
                + u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX - 1 - span.line),
            column: count(last) + 1,
        },
        None => Point {
            line: span.line,
            column: span.column.saturating_add(count(text)),
        },
    };
    Mark {
        point,
        byte: span.end,
    }
}

impl Fix {
    fn one(title: impl Into<String>, node: Node<'_>, from: Mark, to: Mark, text: String) -> Option<Self> {
        // What came by an alias stands at its anchor, which others may use too.
        (from.byte <= to.byte).then(|| Self {
            title: title.into(),
            edits: vec![Edit {
                file: node.location().file,
                start: from.point,
                end: to.point,
                text,
            }],
        })
    }

    /// Puts a scalar in a value's place.
    pub(crate) fn replace(title: impl Into<String>, node: Node<'_>, value: &str) -> Option<Self> {
        node.raw()?;
        Self::one(
            title,
            node,
            start_of(node.span()),
            end_of(node, node.span()),
            scalar(value),
        )
    }

    /// Puts a text, as it is, in a value's place.
    pub(crate) fn verbatim(title: impl Into<String>, node: Node<'_>, text: &str) -> Option<Self> {
        Self::one(
            title,
            node,
            start_of(node.span()),
            end_of(node, node.span()),
            text.to_owned(),
        )
    }

    /// Puts another object in an object's place. Comments before it stay.
    pub(crate) fn whole(title: impl Into<String>, object: &Object, text: String) -> Option<Self> {
        let root = object.root();
        // An item of a list would have to be indented.
        let first = start_of(root.entries().next()?.1.key_span()?);
        (first.point.column == 1).then(|| Self::one(title, root, first, end_of(root, root.span()), text))?
    }

    /// Puts another key in a key's place.
    pub(crate) fn rename(title: impl Into<String>, node: Node<'_>, key: &str) -> Option<Self> {
        let span = node.key_span()?;
        Self::one(title, node, start_of(span), end_of(node, span), scalar(key))
    }

    /// Adds a field as the first one of a mapping. `value` is YAML on one line.
    pub(crate) fn add(title: impl Into<String>, mapping: Node<'_>, key: &str, value: &str) -> Option<Self> {
        let (_, first) = mapping.entries().next()?;
        let at = start_of(first.key_span()?);
        let line = &mapping.file_text()[..at.byte as usize];
        let flow = mapping.source().starts_with('{');
        let text = if flow {
            format!("{key}: {value}, ")
        } else {
            let newline = if line.contains("\r\n") { "\r\n" } else { "\n" };
            format!(
                "{key}: {value}{newline}{}",
                " ".repeat(at.point.column as usize - 1)
            )
        };
        Self::one(title, mapping, at, at, text)
    }

    /// Puts an item of a list before an earlier one of the same list.
    pub(crate) fn move_before(title: impl Into<String>, item: Node<'_>, earlier: Node<'_>) -> Option<Self> {
        item.parent().filter(|list| earlier.parent() == Some(*list))?;
        let taken = Self::remove("", item)?.edits.pop()?;
        let at = start_of(earlier.span());
        let between = match item
            .previous_sibling()
            .map(|previous| (end_of(previous, previous.span()), start_of(item.span())))
        {
            // What stands between two items: a line break, blanks and the dash, or a comma.
            Some((from, to)) => item.file_text().get(from.byte as usize..to.byte as usize)?,
            None => return None,
        };
        // A comment between two items belongs to one of them, and nobody knows to which.
        let separator: String = if between.contains('#') {
            return None;
        } else {
            between.to_owned()
        };
        Some(Self {
            title: title.into(),
            edits: vec![
                Edit {
                    file: Arc::clone(&taken.file),
                    start: at.point,
                    end: at.point,
                    text: format!("{}{separator}", item.source()),
                },
                taken,
            ],
        })
    }

    /// Takes a field, or an item of a list, out of the text.
    pub(crate) fn remove(title: impl Into<String>, node: Node<'_>) -> Option<Self> {
        let start = |node: Node<'_>| start_of(node.key_span().unwrap_or(node.span()));
        // The one before is looked for from the first on, and only where it is needed.
        let (from, to) = if let Some(next) = node.next_sibling() {
            (start(node), start(next))
        } else if let Some(previous) = node.previous_sibling() {
            (end_of(previous, previous.span()), end_of(node, node.span()))
        } else {
            // The only one: the whole list or mapping goes.
            return Self::remove(title, node.parent().filter(|parent| parent.key().is_some())?);
        };
        Self::one(title, node, from, to, String::new())
    }
}

/// A string as YAML writes it: in quotes where it would be something else without.
fn scalar(value: &str) -> String {
    let is_plain = value.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_'))
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c));
    if is_plain {
        value.to_owned()
    } else {
        format!("{value:?}")
    }
}

/// A text with the edits of a fix made in it; `None` when a place is not in the text.
#[cfg(test)]
pub(crate) fn apply(text: &str, fix: &Fix) -> Option<String> {
    let byte = |point: Point| -> Option<usize> {
        let mut start = 0;
        for _ in 1..point.line {
            start += text[start..].find('\n')? + 1;
        }
        let line = &text[start..];
        let mut chars = line.char_indices().map(|(index, _)| index).chain([line.len()]);
        Some(start + chars.nth(point.column as usize - 1)?)
    };
    let mut result = text.to_owned();
    for edit in fix.edits.iter().rev() {
        result.replace_range(byte(edit.start)?..byte(edit.end)?, &edit.text);
    }
    Some(result)
}
