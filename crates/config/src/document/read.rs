//! From text to [`Document`]s. Reads on after a broken document, and refuses what would cost too much.

use std::{fmt, sync::Arc};

use granit_parser::{Event, Marker, Parser, StrInput};
use vigla_model::Location;

use super::{Content, Document, Span, build::Builder};

/// Kinds of [`ReadError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The text is no YAML, or costs too much to read.
    Broken,
    /// A key stands twice in one mapping.
    RepeatedKey,
    /// A document is no object: it lacks apiVersion, kind or name.
    NoObject,
}

/// Something in a text that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// Of which kind it is.
    pub trouble: Trouble,
    /// Where.
    pub place: Location,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for ReadError {}

/// What was found in a file.
#[derive(Debug, Default)]
pub struct Documents {
    /// Documents that could be read, without empty ones.
    pub documents: Vec<Document>,
    /// What is wrong with the others.
    pub errors: Vec<ReadError>,
}

/// How much a text may cost.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of the text.
    pub bytes: usize,
    /// Documents in it.
    pub documents: usize,
    /// Values in one document, those that come by alias counted each time.
    pub nodes: usize,
    /// Values in all documents of the text, those of refused documents counted too: a value takes about 100 bytes.
    pub nodes_in_all: usize,
    /// Levels of nesting in one document.
    pub depth: usize,
    /// Errors that are reported; reading ends there.
    pub errors: usize,
}

impl Default for Bounds {
    /// Far above what people write: a Kubernetes API server takes objects of 1.5 MiB, the largest CRD has about
    /// 40 levels, and a `List` of a thousand objects has some 50 000 values.
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            documents: 20_000,
            nodes: 250_000,
            nodes_in_all: 1_000_000,
            depth: 100,
            errors: 50,
        }
    }
}

/// Reads all documents of a text. `file` is the name that places are told with.
pub fn read_documents(file: &str, text: &str) -> Documents {
    read_documents_within(file, text, &Bounds::default())
}

/// Like [`read_documents`] with bounds of one's own.
pub fn read_documents_within(file: &str, text: &str, bounds: &Bounds) -> Documents {
    let mut found = Documents::default();
    let file: Arc<str> = file.into();
    if text.len() > bounds.bytes.min(u32::MAX as usize) {
        found.errors.push(ReadError {
            trouble: Trouble::Broken,
            place: Location {
                file,
                line: 1,
                column: 1,
            },
            message: format!(
                "the file has {} bytes, {} are read; split it",
                text.len(),
                bounds.bytes
            ),
        });
        return found;
    }
    let text: Arc<str> = text.into();
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = bounds.depth;
    options.block_nesting_limit = bounds.depth;
    let mut parser = Parser::new_from_str_with_options(&text, options);
    let mut from = 0;
    let mut left = bounds.nodes_in_all;
    loop {
        match read_one(&mut parser, &file, &text, bounds, &mut from, &mut left) {
            Ok(Some(document)) => found.documents.push(document),
            Ok(None) => break,
            Err(error) => {
                found.errors.push(error);
                // Lookahead can fail again at once; the bound on errors ends that.
                match parser.proceed_next_document() {
                    Ok(true) => (),
                    Ok(false) => break,
                    Err(error) if found.errors.len() < bounds.errors => {
                        found.errors.push(at(&file, &text, *error.marker(), error.info()));
                        break;
                    }
                    Err(_) => break,
                }
            }
        }
        if found.errors.len() >= bounds.errors || found.documents.len() >= bounds.documents {
            let message = format!(
                "reading stopped after {} documents and {} errors; split the file",
                found.documents.len(),
                found.errors.len()
            );
            found.errors.push(at(&file, &text, Marker::new(0, 1, 0), message));
            break;
        }
    }
    drop(parser);
    found.documents.retain(|document| !document.root().is_null());
    found
}

/// An error at a mark, never outside the text.
fn at(file: &Arc<str>, text: &str, mark: Marker, message: String) -> ReadError {
    let lines = super::count_lines(text.as_bytes()) + 1;
    ReadError {
        trouble: Trouble::Broken,
        place: Location {
            file: Arc::clone(file),
            line: number(mark.line()).clamp(1, lines),
            column: number(mark.col()).saturating_add(1),
        },
        message,
    }
}

pub(super) fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

type Events<'t> = Parser<'t, StrInput<'t>>;

/// The next document; `None` at the end of the text. `from` is where its text starts, and is moved on; `left` is
/// how many values the text may still have.
fn read_one(
    parser: &mut Events<'_>,
    file: &Arc<str>,
    text: &Arc<str>,
    bounds: &Bounds,
    from: &mut u32,
    left: &mut usize,
) -> Result<Option<Document>, ReadError> {
    let mut builder = Builder::new(text, bounds, left);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| at(file, text, *error.marker(), error.info()))?;
        let refuse = |message: String| at(file, text, span.start, message);
        match event {
            Event::StreamEnd => return Ok(None),
            Event::DocumentStart(true, _) => *from = byte(span.end),
            Event::DocumentEnd => {
                let start = line_after(text, *from);
                let end = document_end(text, start.max(byte(span.start)));
                *from = byte(span.end).max(end);
                let (cells, duplicates) = builder.finish();
                return Ok(Some(Document {
                    file: Arc::clone(file),
                    text: Arc::clone(text),
                    start,
                    end,
                    cells,
                    duplicates,
                }));
            }
            Event::Scalar(value, style, anchor, tag) => {
                let span = place(&span);
                let content = builder.scalar(&value, style, tag.as_deref(), span);
                builder
                    .value(content, trimmed(text, span), anchor)
                    .map_err(refuse)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                builder
                    .open(Content::Sequence, place(&span), anchor)
                    .map_err(refuse)?;
            }
            Event::MappingStart(_, anchor, _) => {
                builder
                    .open(Content::Mapping, place(&span), anchor)
                    .map_err(refuse)?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close(byte(span.end)),
            Event::Alias(anchor) => builder.alias(anchor).map_err(refuse)?,
            _ => (),
        }
    }
    Ok(None)
}

fn byte(mark: Marker) -> u32 {
    number(mark.byte_offset().unwrap_or(0))
}

fn place(span: &granit_parser::Span) -> Span {
    let (start, end) = (byte(span.start), byte(span.end));
    Span {
        line: number(span.start.line()).max(1),
        column: number(span.start.col()).saturating_add(1),
        start,
        end: end.max(start),
    }
}

/// A block scalar's span reaches to the next token: cut what is no text of its own.
fn trimmed(text: &str, mut span: Span) -> Span {
    let slice = &text[span.start as usize..span.end as usize];
    span.end = span.start + number(slice.trim_end().len());
    span
}

/// Start of the line after this byte, when only blanks or a comment stand between.
fn line_after(text: &str, from: u32) -> u32 {
    let rest = &text[from as usize..];
    let line = rest.split_inclusive('\n').next().unwrap_or("");
    let blank = line.trim().is_empty() || line.trim_start().starts_with('#');
    if blank && from > 0 {
        from + number(line.len())
    } else {
        from
    }
}

/// End of a document's text: the next `---` or `...` at the start of a line, not before `from`.
fn document_end(text: &str, from: u32) -> u32 {
    let mut start = text[..from as usize].rfind('\n').map_or(0, |newline| newline + 1);
    while start < text.len() {
        let line = text[start..].split_inclusive('\n').next().unwrap_or("");
        if start >= from as usize && (line.starts_with("---") || line.starts_with("...")) {
            break;
        }
        start += line.len();
    }
    number(start)
}
