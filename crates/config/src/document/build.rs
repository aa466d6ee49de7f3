//! Building one document's table of nodes from the parser's events, within bounds.

use std::collections::{HashMap, HashSet};

use granit_parser::{ScalarStyle, Tag};

use super::{
    Cell, Content, Key, NONE, NodeId, Span, Style, Text,
    read::{Bounds, number},
};

struct Open {
    id: NodeId,
    last: NodeId,
    count: u32,
    key: Option<Key>,
}

pub(super) struct Builder<'t> {
    text: &'t str,
    bounds: &'t Bounds,
    left: &'t mut usize,
    cells: Vec<Cell>,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchor>,
    duplicates: Vec<NodeId>,
}

#[derive(Clone)]
enum Anchor {
    Value(NodeId),
    /// An anchor on a key.
    Key(Key),
}

impl<'t> Builder<'t> {
    pub(super) fn new(text: &'t str, bounds: &'t Bounds, left: &'t mut usize) -> Self {
        Self {
            text,
            bounds,
            left,
            cells: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            duplicates: Vec::new(),
        }
    }

    pub(super) fn scalar(&self, value: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Content {
        let style = match style {
            ScalarStyle::Plain if tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str")) => Style::Quoted,
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        // Most scalars are their own text: point at it instead of copying.
        let start = span.start as usize + usize::from(style == Style::Quoted);
        let end = start + value.len();
        let text = if style == Style::Plain && value == "~" && span.start == span.end {
            // The parser's word for an empty value.
            Text::Slice(span.start, span.start)
        } else if self.text.get(start..end) == Some(value) {
            Text::Slice(number(start), number(end))
        } else {
            Text::Owned(value.into())
        };
        Content::Scalar(text, style)
    }

    /// Whether the next value is a key.
    fn at_key(&self) -> bool {
        self.open.last().is_some_and(|open| {
            open.key.is_none() && matches!(self.cells[open.id as usize].content, Content::Mapping)
        })
    }

    pub(super) fn value(&mut self, content: Content, span: Span, anchor: usize) -> Result<(), String> {
        if self.at_key()
            && let Content::Scalar(text, _) = &content
        {
            let key = Key {
                text: text.clone(),
                span,
            };
            if anchor > 0 {
                self.anchors.insert(anchor, Anchor::Key(key.clone()));
            }
            self.open.last_mut().expect("at_key saw an open mapping").key = Some(key);
            return Ok(());
        }
        self.add(content, span, anchor).map(drop)
    }

    pub(super) fn open(&mut self, content: Content, span: Span, anchor: usize) -> Result<(), String> {
        if self.at_key() {
            return Err("a key must be plain text; write the mapping or list as a value".to_owned());
        }
        let id = self.add(content, span, anchor)?;
        self.open.push(Open {
            id,
            last: NONE,
            count: 0,
            key: None,
        });
        Ok(())
    }

    fn add(&mut self, content: Content, span: Span, anchor: usize) -> Result<NodeId, String> {
        let refuse = |what: &str, most: usize| {
            Err(format!(
                "the {what} has more than {most} values (aliases counted each time); split it"
            ))
        };
        if self.cells.len() >= self.bounds.nodes {
            return refuse("document", self.bounds.nodes);
        }
        let Some(left) = self.left.checked_sub(1) else {
            return refuse("file", self.bounds.nodes_in_all);
        };
        *self.left = left;
        if self.open.len() > self.bounds.depth {
            return Err(format!(
                "the document is nested deeper than {} levels",
                self.bounds.depth
            ));
        }
        let id = number(self.cells.len());
        let mut cell = Cell {
            content,
            span,
            key: None,
            index: 0,
            parent: NONE,
            first: NONE,
            next: NONE,
        };
        if let Some(open) = self.open.last_mut() {
            cell.parent = open.id;
            cell.key = open.key.take();
            cell.index = open.count;
            open.count += 1;
            let link = std::mem::replace(&mut open.last, id);
            if link == NONE {
                self.cells[open.id as usize].first = id;
            } else {
                self.cells[link as usize].next = id;
            }
        }
        self.cells.push(cell);
        if anchor > 0 {
            self.anchors.insert(anchor, Anchor::Value(id));
        }
        Ok(id)
    }

    pub(super) fn close(&mut self, end: u32) {
        let Some(open) = self.open.pop() else { return };
        let cell = &self.cells[open.id as usize];
        // A block's end mark stands at the next token; its last child says where it really ends.
        let flow = self.text[cell.span.start as usize..].starts_with(['{', '[']);
        let inner = self.cells.get(open.last as usize).map(|last| last.span.end);
        let key_end = |id: NodeId| {
            let key = self.cells.get(id as usize)?.key.as_ref()?;
            Some(key.span.end)
        };
        let end = if flow {
            end
        } else {
            inner.max(key_end(open.last)).unwrap_or(end)
        };
        let cell = &mut self.cells[open.id as usize];
        cell.span.end = end.max(cell.span.start);
        if open.count > 1 {
            self.note_duplicates(open.id);
        }
    }

    fn note_duplicates(&mut self, mapping: NodeId) {
        let mut seen = HashSet::new();
        let mut next = self.cells[mapping as usize].first;
        while let Some(cell) = self.cells.get(next as usize) {
            if let Some(key) = &cell.key {
                let text = match &key.text {
                    Text::Slice(start, end) => &self.text[*start as usize..*end as usize],
                    Text::Owned(text) => text,
                };
                if !seen.insert(text) {
                    self.duplicates.push(next);
                }
            }
            next = cell.next;
        }
    }

    pub(super) fn alias(&mut self, anchor: usize) -> Result<(), String> {
        let target = match self.anchors.get(&anchor) {
            Some(Anchor::Value(id)) => *id,
            Some(Anchor::Key(key)) => {
                let key = key.clone();
                return self.value(Content::Scalar(key.text, Style::Plain), key.span, 0);
            }
            None => return Err("the alias has no anchor before it".to_owned()),
        };
        if self.open.iter().any(|open| open.id == target) {
            return Err("the alias names a value that it stands in".to_owned());
        }
        self.copy(target)
    }

    fn copy(&mut self, source: NodeId) -> Result<(), String> {
        let Cell {
            content,
            span,
            mut first,
            ..
        } = self.cells[source as usize].clone();
        if matches!(content, Content::Scalar(..)) {
            return self.value(content, span, 0);
        }
        self.open(content, span, 0)?;
        while first != NONE {
            let Cell { next, key, .. } = self.cells[first as usize].clone();
            self.open.last_mut().expect("opened above").key = key;
            self.copy_value(first)?;
            first = next;
        }
        self.close(span.end);
        Ok(())
    }

    /// Like [`Builder::copy`] where the key is set already.
    fn copy_value(&mut self, source: NodeId) -> Result<(), String> {
        match &self.cells[source as usize] {
            Cell {
                content: content @ Content::Scalar(..),
                span,
                ..
            } => {
                let (content, span) = (content.clone(), *span);
                self.add(content, span, 0).map(drop)
            }
            _ => self.copy(source),
        }
    }

    /// The table, and which values have a key that stood before.
    pub(super) fn finish(mut self) -> (Vec<Cell>, Vec<NodeId>) {
        if self.cells.is_empty() {
            let span = Span {
                line: 1,
                column: 1,
                start: 0,
                end: 0,
            };
            // An empty document: nothing, which the caller drops.
            let _ = self.add(Content::Scalar(Text::Slice(0, 0), Style::Plain), span, 0);
        }
        (self.cells, self.duplicates)
    }
}
