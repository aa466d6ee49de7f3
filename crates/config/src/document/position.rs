//! Places between two characters, as editors count them.

use super::{Document, Node};

/// A place between two characters of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Column in UTF-16 code units, from 1, as browsers' editors and language servers count.
    pub column_utf16: u32,
    /// Byte of the text, from 0.
    pub byte: u32,
}

impl Position {
    /// The place before a byte of a text; a byte inside a character, or after the end, counts as the next place
    /// before it. A byte order mark takes no column.
    pub fn of(text: &str, byte: usize) -> Self {
        let byte = text.floor_char_boundary(byte.min(text.len()));
        Self::on_line(text, byte, super::count_lines(&text.as_bytes()[..byte]) + 1)
    }

    /// The same where the line is known: only that line is read.
    fn on_line(text: &str, byte: usize, number_of_line: u32) -> Self {
        let byte = text.floor_char_boundary(byte.min(text.len()));
        let before = &text[..byte];
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        let start = before[line..].strip_prefix('\u{feff}').unwrap_or(&before[line..]);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            line: number_of_line,
            column: number(start.chars().count()) + 1,
            column_utf16: number(start.encode_utf16().count()) + 1,
            byte: number(byte),
        }
    }
}

impl Document {
    /// The whole text of the file that the document stands in.
    pub fn file_text(&self) -> &str {
        &self.text
    }
}

impl<'a> Node<'a> {
    /// Where the value starts.
    pub fn start(self) -> Position {
        let span = self.span();
        Position::on_line(&self.document.text, span.start as usize, span.line)
    }

    /// Where it ends.
    pub fn end(self) -> Position {
        let span = self.span();
        let lines = super::count_lines(self.source().as_bytes());
        Position::on_line(&self.document.text, span.end as usize, span.line + lines)
    }

    /// Where its key starts, when it stands in a mapping.
    pub fn key_start(self) -> Option<Position> {
        let span = self.key_span()?;
        Some(Position::on_line(
            &self.document.text,
            span.start as usize,
            span.line,
        ))
    }

    /// Where its key ends.
    pub fn key_end(self) -> Option<Position> {
        let span = self.key_span()?;
        // A key stands on one line.
        Some(Position::on_line(
            &self.document.text,
            span.end as usize,
            span.line,
        ))
    }

    /// The value after it in the same mapping or sequence.
    pub fn next_sibling(self) -> Option<Node<'a>> {
        self.at(self.cell().next)
    }

    /// The value before it in the same mapping or sequence.
    pub fn previous_sibling(self) -> Option<Node<'a>> {
        let parent = self.parent()?;
        let first = parent.at(parent.cell().first)?;
        std::iter::successors(Some(first), |node| node.next_sibling())
            .find(|node| node.next_sibling().is_some_and(|next| next == self))
    }

    /// The whole text of the file that the value stands in.
    pub fn file_text(self) -> &'a str {
        &self.document.text
    }
}

#[cfg(test)]
mod tests {
    use crate::read_documents;

    #[test]
    fn columns_are_counted_in_characters_and_in_utf_16() {
        let found = read_documents("-", "\u{feff}a: 😀\nüb: [x, \"😀ü\"]\n");
        let root = found.documents[0].root();
        let items: Vec<_> = root.entries().collect();
        let end = items[0].1.end();
        assert_eq!((end.line, end.column, end.column_utf16), (1, 5, 6));
        let last = items[1].1.index(1).unwrap();
        let (start, end) = (last.start(), last.end());
        assert_eq!((start.line, start.column, start.column_utf16), (2, 9, 9));
        assert_eq!((end.line, end.column, end.column_utf16), (2, 13, 14));
        assert_eq!(items[1].1.key_start().unwrap().column, 1);
        assert_eq!(
            last.previous_sibling().and_then(super::super::Node::text),
            Some("x")
        );
        assert_eq!(last.previous_sibling().unwrap().next_sibling(), Some(last));
    }
}
