//! The wire form of jobs and answers between page and worker: little-endian words of four bytes.
//!
//! A job is `[kind, view low, view high, input…]`, an answer `[status, …]`. Lists start with their length, ids take
//! two words (low, high), lengths are `f32` bits, an absent parent or label is a flag word. Both ends are this module,
//! in one build: there is no version to agree on. Decoding checks every length and refuses trailing words.

use std::fmt;

use crate::{
    BoxSpec, EdgeSpec, Input, InputError, Layout, NodeSpec, Options, Placed, Point, Rect, Route, Size,
};

/// Most words of one message, 64 MB: ten times a mesh of 10 000 workloads.
pub const MAX_WORDS: usize = 16 << 20;

/// What the page asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// Draw from scratch, and keep the picture under `view`.
    Layout {
        /// Names the picture; the worker keeps one memory for each.
        view: u64,
        /// The graph.
        input: Input,
    },
    /// Draw so that the picture kept under `view` moves as little as it can.
    Relayout {
        /// Names the picture.
        view: u64,
        /// The graph.
        input: Input,
    },
    /// Forget the picture.
    Forget {
        /// Names the picture.
        view: u64,
    },
}

/// What the worker answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The picture. Its memory stays with the worker.
    Drawn(Layout),
    /// The picture was forgotten.
    Forgotten,
    /// The input cannot be drawn.
    Refused(InputError),
    /// The job could not be read.
    Unreadable,
}

/// A message that is cut off, too long or not of this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message between page and layout worker is cut off or not of this build's format")
    }
}

impl std::error::Error for Malformed {}

impl Job {
    /// Writes the job.
    pub fn encode(&self) -> Vec<u32> {
        let mut out = Writer::default();
        match self {
            Self::Layout { view, input } => {
                out.word(1);
                out.id(*view);
                out.input(input);
            }
            Self::Relayout { view, input } => {
                out.word(2);
                out.id(*view);
                out.input(input);
            }
            Self::Forget { view } => {
                out.word(3);
                out.id(*view);
            }
        }
        out.0
    }

    /// Reads a job.
    pub fn decode(words: &[u32]) -> Result<Self, Malformed> {
        let mut read = Reader(words);
        let (kind, view) = (read.word()?, read.id()?);
        let job = match kind {
            1 => Self::Layout {
                view,
                input: read.input()?,
            },
            2 => Self::Relayout {
                view,
                input: read.input()?,
            },
            3 => Self::Forget { view },
            _ => return Err(Malformed),
        };
        read.end()?;
        Ok(job)
    }
}

impl Answer {
    /// Writes the answer.
    pub fn encode(&self) -> Vec<u32> {
        let mut out = Writer::default();
        match self {
            Self::Drawn(layout) => {
                out.word(0);
                out.layout(layout);
            }
            Self::Forgotten => out.word(1),
            Self::Unreadable => out.word(2),
            Self::Refused(error) => {
                let (code, id) = match *error {
                    InputError::Duplicate(id) => (3, id),
                    InputError::UnknownParent(id) => (4, id),
                    InputError::UnknownEnd(id) => (5, id),
                    InputError::Circular(id) => (6, id),
                    InputError::BadSize(id) => (7, id),
                    InputError::TooDeep(id) => (8, id),
                };
                out.word(code);
                out.id(id);
            }
        }
        out.0
    }

    /// Reads an answer.
    pub fn decode(words: &[u32]) -> Result<Self, Malformed> {
        let mut read = Reader(words);
        let answer = match read.word()? {
            0 => Self::Drawn(read.layout()?),
            1 => Self::Forgotten,
            2 => Self::Unreadable,
            3 => Self::Refused(InputError::Duplicate(read.id()?)),
            4 => Self::Refused(InputError::UnknownParent(read.id()?)),
            5 => Self::Refused(InputError::UnknownEnd(read.id()?)),
            6 => Self::Refused(InputError::Circular(read.id()?)),
            7 => Self::Refused(InputError::BadSize(read.id()?)),
            8 => Self::Refused(InputError::TooDeep(read.id()?)),
            _ => return Err(Malformed),
        };
        read.end()?;
        Ok(answer)
    }
}

#[derive(Default)]
struct Writer(Vec<u32>);

impl Writer {
    fn word(&mut self, word: u32) {
        self.0.push(word);
    }

    fn id(&mut self, id: u64) {
        self.0.extend([id as u32, (id >> 32) as u32]);
    }

    fn length(&mut self, length: f32) {
        self.0.push(length.to_bits());
    }

    fn lengths(&mut self, lengths: &[f32]) {
        self.0.extend(lengths.iter().map(|length| length.to_bits()));
    }

    fn count(&mut self, count: usize) {
        self.0.push(u32::try_from(count).unwrap_or(u32::MAX));
    }

    fn maybe_id(&mut self, id: Option<u64>) {
        self.word(u32::from(id.is_some()));
        self.id(id.unwrap_or_default());
    }

    fn input(&mut self, input: &Input) {
        let Options {
            node_gap,
            column_gap,
            lane_gap,
            aspect,
        } = input.options;
        self.lengths(&[node_gap, column_gap, lane_gap, aspect]);
        self.count(input.nodes.len());
        for node in &input.nodes {
            self.id(node.id);
            self.lengths(&[node.size.width, node.size.height]);
            self.maybe_id(node.parent);
            self.word(u32::from(node.pin.is_some()));
            let pin = node.pin.unwrap_or_default();
            self.lengths(&[pin.x, pin.y]);
        }
        self.count(input.boxes.len());
        for spec in &input.boxes {
            self.id(spec.id);
            self.maybe_id(spec.parent);
            self.lengths(&[spec.header, spec.padding, spec.min_width]);
        }
        self.count(input.edges.len());
        for edge in &input.edges {
            self.id(edge.id);
            self.id(edge.from);
            self.id(edge.to);
            self.word(u32::from(edge.own_way));
            self.word(u32::from(edge.label.is_some()));
            let label = edge.label.unwrap_or_default();
            self.lengths(&[label.width, label.height]);
        }
    }

    fn layout(&mut self, layout: &Layout) {
        let (origin, size) = (layout.origin, layout.size);
        self.lengths(&[origin.x, origin.y, size.width, size.height]);
        for list in [&layout.nodes, &layout.boxes] {
            self.count(list.len());
            for placed in list {
                self.id(placed.id);
                let rect = placed.rect;
                self.lengths(&[rect.x, rect.y, rect.width, rect.height]);
            }
        }
        self.count(layout.edges.len());
        for route in &layout.edges {
            self.id(route.id);
            self.count(route.points.len());
            for point in &route.points {
                self.lengths(&[point.x, point.y]);
            }
            self.word(u32::from(route.label.is_some()));
            let label = route.label.unwrap_or_default();
            self.length(label.x);
            self.length(label.y);
        }
    }
}

struct Reader<'a>(&'a [u32]);

impl Reader<'_> {
    fn word(&mut self) -> Result<u32, Malformed> {
        let (word, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*word)
    }

    fn id(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from(self.word()?) | u64::from(self.word()?) << 32)
    }

    fn length(&mut self) -> Result<f32, Malformed> {
        Ok(f32::from_bits(self.word()?))
    }

    fn flag(&mut self) -> Result<bool, Malformed> {
        match self.word()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    fn maybe_id(&mut self) -> Result<Option<u64>, Malformed> {
        let known = self.flag()?;
        let id = self.id()?;
        Ok(known.then_some(id))
    }

    fn point(&mut self) -> Result<Point, Malformed> {
        Ok(Point::new(self.length()?, self.length()?))
    }

    fn size(&mut self) -> Result<Size, Malformed> {
        Ok(Size::new(self.length()?, self.length()?))
    }

    /// A list whose items take at least `least` words, so that a wrong length cannot ask for more memory than the
    /// message itself has.
    fn list<T>(
        &mut self,
        least: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.word()? as usize;
        if count > self.0.len() / least {
            return Err(Malformed);
        }
        (0..count).map(|_| item(self)).collect()
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    fn input(&mut self) -> Result<Input, Malformed> {
        Ok(Input {
            options: Options {
                node_gap: self.length()?,
                column_gap: self.length()?,
                lane_gap: self.length()?,
                aspect: self.length()?,
            },
            nodes: self.list(10, |read| {
                Ok(NodeSpec {
                    id: read.id()?,
                    size: read.size()?,
                    parent: read.maybe_id()?,
                    pin: {
                        let pinned = read.flag()?;
                        let place = read.point()?;
                        pinned.then_some(place)
                    },
                })
            })?,
            boxes: self.list(8, |read| {
                Ok(BoxSpec {
                    id: read.id()?,
                    parent: read.maybe_id()?,
                    header: read.length()?,
                    padding: read.length()?,
                    min_width: read.length()?,
                })
            })?,
            edges: self.list(10, |read| {
                let (id, from, to) = (read.id()?, read.id()?, read.id()?);
                let own_way = read.flag()?;
                let labelled = read.flag()?;
                let size = read.size()?;
                Ok(EdgeSpec {
                    id,
                    from,
                    to,
                    label: labelled.then_some(size),
                    own_way,
                })
            })?,
        })
    }

    fn layout(&mut self) -> Result<Layout, Malformed> {
        let placed = |read: &mut Self| {
            let id = read.id()?;
            let (place, size) = (read.point()?, read.size()?);
            let rect = Rect::new(place.x, place.y, size.width, size.height);
            Ok(Placed { id, rect })
        };
        Ok(Layout {
            origin: self.point()?,
            size: self.size()?,
            nodes: self.list(6, placed)?,
            boxes: self.list(6, placed)?,
            edges: self.list(6, |read| {
                let id = read.id()?;
                let points = read.list(2, Self::point)?;
                let labelled = read.flag()?;
                let label = read.point()?;
                Ok(Route {
                    id,
                    points,
                    label: labelled.then_some(label),
                })
            })?,
            ..Layout::default()
        })
    }
}
