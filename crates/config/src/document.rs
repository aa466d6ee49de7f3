//! YAML and JSON as trees in which every key and value knows its place. Nothing is lost or guessed here:
//! unknown fields, repeated keys and the way a scalar was written are kept.
//!
//! A [`Document`] keeps its nodes in one table; a [`Node`] is a pointer into it, cheap to copy, that knows its
//! parent and with it its path.

mod build;
mod path;
mod position;
mod read;
mod scalar;

use std::sync::Arc;

use vigla_model::Location;

pub use path::{FieldPath, Step};
pub use position::Position;
pub use read::{Bounds, Documents, ReadError, Trouble, read_documents, read_documents_within};
pub use scalar::{Scalar, parse_duration};

/// One document of a file.
#[derive(Debug)]
pub struct Document {
    file: Arc<str>,
    text: Arc<str>,
    /// Bytes from after `---` to the next one.
    start: u32,
    end: u32,
    cells: Vec<Cell>,
    duplicates: Vec<NodeId>,
}

pub(crate) type NodeId = u32;
const NONE: NodeId = NodeId::MAX;

/// Where a key or value stands in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: may be a number, a truth value or nothing.
    Plain,
    /// In quotes, or tagged as a string: always a string.
    Quoted,
    /// As a block (`|` or `>`): always a string.
    Block,
}

#[derive(Debug, Clone)]
enum Text {
    /// A slice of the document's text.
    Slice(u32, u32),
    /// Text with escapes or folds, as it was meant.
    Owned(Box<str>),
}

#[derive(Debug, Clone)]
enum Content {
    Scalar(Text, Style),
    Sequence,
    Mapping,
}

#[derive(Debug, Clone)]
struct Key {
    text: Text,
    span: Span,
}

#[derive(Debug, Clone)]
struct Cell {
    content: Content,
    span: Span,
    key: Option<Key>,
    /// Position among the parent's children.
    index: u32,
    parent: NodeId,
    first: NodeId,
    next: NodeId,
}

impl Document {
    /// The file's name.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The outermost value.
    pub fn root(&self) -> Node<'_> {
        self.node(0)
    }

    /// The document as written, from the line after `---`, without empty lines around it.
    pub fn source(&self) -> &str {
        let text = &self.text[self.start as usize..self.end as usize];
        trim_blank_lines(text)
    }

    /// Line of the file at which [`Document::source`] starts, from 1.
    pub fn first_line(&self) -> u32 {
        let source = self.source();
        let offset = source.as_ptr() as usize - self.text.as_ptr() as usize;
        1 + count_lines(&self.text.as_bytes()[..offset])
    }

    /// Values whose key stands in the same mapping before; the last one counts.
    pub fn duplicates(&self) -> impl Iterator<Item = Node<'_>> {
        self.duplicates.iter().map(|&id| self.node(id))
    }

    pub(crate) fn node(&self, id: NodeId) -> Node<'_> {
        Node { document: self, id }
    }

    /// Makes a node the outermost one of its part: paths start below it.
    fn detach(&mut self, id: NodeId) {
        self.cells[id as usize].parent = NONE;
    }

    fn text_of<'a>(&'a self, text: &'a Text) -> &'a str {
        match text {
            Text::Slice(start, end) => &self.text[*start as usize..*end as usize],
            Text::Owned(text) => text,
        }
    }

    /// Cuts the items of `kind: List` out of the document, so that each is an object of its own.
    pub(crate) fn open_list(&mut self) -> Option<Vec<NodeId>> {
        let root = self.root();
        let is_list = root.get("kind")?.text()? == "List" && root.get("apiVersion")?.text()? == "v1";
        let items: Vec<NodeId> = root
            .get("items")
            .filter(|_| is_list)?
            .items()
            .map(|node| node.id)
            .collect();
        items.iter().for_each(|&id| self.detach(id));
        Some(items)
    }
}

fn count_lines(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.iter().filter(|&&byte| byte == b'\n').count()).unwrap_or(u32::MAX)
}

fn trim_blank_lines(text: &str) -> &str {
    let text = text.trim_end();
    match text.find(|c: char| !c.is_whitespace()) {
        // Spaces before the first text belong to its line.
        Some(first) => &text[text[..first].rfind('\n').map_or(0, |newline| newline + 1)..],
        None => &text[..0],
    }
}

/// A value of a [`Document`].
#[derive(Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document,
    id: NodeId,
}

impl PartialEq for Node<'_> {
    /// Whether both are the same value at the same place; [`Node::same_content`] compares what they say.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.id == other.id
    }
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({} at {})", self.path(), self.location())
    }
}

impl<'a> Node<'a> {
    fn cell(self) -> &'a Cell {
        &self.document.cells[self.id as usize]
    }

    fn at(self, id: NodeId) -> Option<Node<'a>> {
        (id != NONE).then_some(Node {
            document: self.document,
            id,
        })
    }

    /// The field of a mapping; the last one if the key is repeated, as in Kubernetes.
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        self.entries()
            .filter(|(name, _)| *name == key)
            .last()
            .map(|(_, node)| node)
    }

    /// The value that this path leads to from here.
    pub fn find(self, path: &FieldPath) -> Option<Node<'a>> {
        path.steps().iter().try_fold(self, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.index(*index),
        })
    }

    /// An item of a sequence, from 0.
    pub fn index(self, index: usize) -> Option<Node<'a>> {
        self.items().nth(index)
    }

    /// The items of a sequence; none for other values.
    pub fn items(self) -> impl Iterator<Item = Node<'a>> {
        let first = match self.cell().content {
            Content::Sequence => self.at(self.cell().first),
            _ => None,
        };
        std::iter::successors(first, |node| node.at(node.cell().next))
    }

    /// The keys and values of a mapping in the order of the text; none for other values.
    pub fn entries(self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let first = match self.cell().content {
            Content::Mapping => self.at(self.cell().first),
            _ => None,
        };
        std::iter::successors(first, |node| node.at(node.cell().next))
            .filter_map(|node| Some((node.key()?, node)))
    }

    /// The key under which the value stands, when it stands in a mapping.
    pub fn key(self) -> Option<&'a str> {
        let key = self.cell().key.as_ref()?;
        Some(self.document.text_of(&key.text))
    }

    /// Where that key stands.
    pub fn key_span(self) -> Option<Span> {
        self.cell().key.as_ref().map(|key| key.span)
    }

    /// The mapping or sequence that holds the value.
    pub fn parent(self) -> Option<Node<'a>> {
        self.at(self.cell().parent)
    }

    /// Whether it is a mapping.
    pub fn is_mapping(self) -> bool {
        matches!(self.cell().content, Content::Mapping)
    }

    /// Whether it is a sequence.
    pub fn is_sequence(self) -> bool {
        matches!(self.cell().content, Content::Sequence)
    }

    /// Where the value stands in the text. A value that came by an alias stands at its anchor.
    pub fn span(self) -> Span {
        self.cell().span
    }

    /// The place with its file.
    pub fn location(self) -> Location {
        let span = self.span();
        Location {
            file: Arc::clone(&self.document.file),
            line: span.line,
            column: span.column,
        }
    }

    /// The way from the outermost value, such as `spec.http[0].route[1].destination.subset`.
    pub fn path(self) -> FieldPath {
        let mut steps: Vec<Step> = std::iter::successors(Some(self), |node| node.parent())
            .take_while(|node| node.parent().is_some())
            .map(|node| match node.key() {
                Some(key) => Step::Key(key.into()),
                None => Step::Index(node.cell().index as usize),
            })
            .collect();
        steps.reverse();
        FieldPath::from(steps)
    }

    /// The text of the value as written, with everything in it.
    pub fn source(self) -> &'a str {
        let span = self.span();
        &self.document.text[span.start as usize..span.end as usize]
    }

    /// What a scalar means to Kubernetes; `None` for mappings and sequences.
    pub fn scalar(self) -> Option<Scalar<'a>> {
        let (text, style) = self.raw()?;
        Some(if style == Style::Plain {
            Scalar::resolve(text)
        } else {
            Scalar::Text(text)
        })
    }

    /// A scalar's characters, and how they were written.
    pub fn raw(self) -> Option<(&'a str, Style)> {
        match &self.cell().content {
            Content::Scalar(text, style) => Some((self.document.text_of(text), *style)),
            _ => None,
        }
    }

    /// Whether it is nothing: empty, `~` or `null`.
    pub fn is_null(self) -> bool {
        matches!(self.scalar(), Some(Scalar::Null))
    }

    /// A string. Numbers and truth values are none; see [`Node::text`].
    pub fn as_str(self) -> Option<&'a str> {
        match self.scalar()? {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The characters of any scalar but nothing: lenient where a string was meant and `1.0` written.
    pub fn text(self) -> Option<&'a str> {
        let (text, _) = self.raw()?;
        (!self.is_null()).then_some(text)
    }

    /// A whole number.
    pub fn as_i64(self) -> Option<i64> {
        match self.scalar()? {
            Scalar::Int(value) => Some(value),
            _ => None,
        }
    }

    /// A number.
    pub fn as_f64(self) -> Option<f64> {
        match self.scalar()? {
            Scalar::Int(value) => Some(value as f64),
            Scalar::Float(value) => Some(value),
            _ => None,
        }
    }

    /// A truth value.
    pub fn as_bool(self) -> Option<bool> {
        match self.scalar()? {
            Scalar::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// A port: a whole number from 1 to 65535.
    pub fn as_port(self) -> Option<u16> {
        self.as_i64()
            .and_then(|number| u16::try_from(number).ok())
            .filter(|&port| port > 0)
    }

    /// A duration such as `1.5s`, `100ms` or `1h30m`.
    pub fn as_duration(self) -> Option<std::time::Duration> {
        parse_duration(self.text()?)
    }

    /// A mapping of strings, such as labels. Entries that are no scalars are left out.
    pub fn string_map(self) -> vigla_model::Labels {
        self.entries()
            .filter_map(|(key, node)| Some((key.to_owned(), node.raw()?.0.to_owned())))
            .collect()
    }

    /// Whether both values say the same, wherever they stand and however they are indented.
    pub fn same_content(self, other: Node<'_>) -> bool {
        match (&self.cell().content, &other.cell().content) {
            (Content::Scalar(..), Content::Scalar(..)) => self.scalar() == other.scalar(),
            (Content::Sequence, Content::Sequence) | (Content::Mapping, Content::Mapping) => {
                let (mut left, mut right) = (self.at(self.cell().first), other.at(other.cell().first));
                while let (Some(a), Some(b)) = (left, right) {
                    if a.key() != b.key() || !a.same_content(b) {
                        return false;
                    }
                    (left, right) = (a.at(a.cell().next), b.at(b.cell().next));
                }
                left.is_none() && right.is_none()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
