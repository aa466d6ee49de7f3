//! Reads an answer of Prometheus as it arrives: each series goes into the table at once and is forgotten.

use serde::Deserialize;

use super::{
    cursor::{Cursor, Stop},
    query::MeshQuery,
    table::Table,
    written::Series,
};

/// What may stand around the series: status, warnings, statistics.
const MAX_FRAME: usize = 256 * 1024;
/// Labels of one series are some 700 bytes.
const MAX_SERIES_BYTES: usize = 256 * 1024;
/// So much of a piece is put behind the beginning of a series that the one before ended with: most need no more.
const JOIN: usize = 1024;

/// What stands around the series, with these left out.
#[derive(Debug, Deserialize)]
struct Frame {
    status: String,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: String,
    result: Vec<serde::de::IgnoredAny>,
}

/// An answer that is being read.
#[derive(Debug)]
pub struct Answer {
    query: MeshQuery,
    /// The beginning of a series of which the rest is still to come.
    rest: Vec<u8>,
    /// All but the series.
    frame: Vec<u8>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Before the series.
    Head(Head),
    /// Within the list; whether a comma or the end must come first.
    Series { after_one: bool },
    /// After the list.
    Tail,
}

/// How deep in the frame, and where the last string began and ended.
#[derive(Debug, Default)]
struct Head {
    depth: u32,
    string: Option<usize>,
    escaped: bool,
    last: (usize, usize),
}

impl Answer {
    /// Nothing was read yet.
    pub fn new(query: MeshQuery) -> Self {
        Self {
            query,
            rest: Vec::new(),
            frame: Vec::with_capacity(256),
            place: Place::Head(Head::default()),
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// When it is not what Prometheus writes, or the table is full.
    pub fn take(&mut self, piece: &[u8], table: &mut Table) -> Result<(), String> {
        let mut piece = piece;
        if let Place::Head(head) = &mut self.place {
            let read = head.read(piece, &mut self.frame)?;
            piece = &piece[read.unwrap_or(piece.len())..];
            if read.is_some() {
                self.place = Place::Series { after_one: false };
            }
        }
        if let Place::Series { after_one } = self.place {
            piece = self.take_series(piece, after_one, table)?;
            table.check()?;
        }
        if matches!(self.place, Place::Tail) {
            self.frame.extend_from_slice(piece);
            if self.frame.len() > MAX_FRAME {
                return Err(format!(
                    "there is more than {} KB beside its series",
                    MAX_FRAME >> 10
                ));
            }
        }
        Ok(())
    }

    /// Reads the series that this piece completes; gives what stands after the last of all.
    fn take_series<'a>(
        &mut self,
        piece: &'a [u8],
        mut after_one: bool,
        table: &mut Table,
    ) -> Result<&'a [u8], String> {
        let mut at = 0;
        // The series that lies in two pieces is joined, the others are read where they lie.
        if !self.rest.is_empty() {
            let before = self.rest.len();
            let (mut joined, mut more) = (0, JOIN);
            let step = loop {
                let end = piece.len().min(joined + more);
                self.rest.extend_from_slice(&piece[joined..end]);
                (joined, more) = (end, more * 2);
                match self.step(&self.rest, after_one, table) {
                    Err(Stop::Short) if joined < piece.len() => (),
                    step => break step,
                }
            };
            match step {
                Ok(Step::Series(read)) => (at, after_one) = (read.saturating_sub(before), true),
                Ok(Step::End(read)) => return Ok(self.leave(&piece[read.saturating_sub(before)..])),
                Err(Stop::Short) => return self.wait(after_one),
                Err(Stop::Wrong(what)) => return Err(what.to_owned()),
            }
            self.rest.clear();
        }
        loop {
            match self.step(&piece[at..], after_one, table) {
                Ok(Step::Series(read)) => (at, after_one) = (at + read, true),
                Ok(Step::End(read)) => return Ok(self.leave(&piece[at + read..])),
                Err(Stop::Short) => break,
                Err(Stop::Wrong(what)) => return Err(what.to_owned()),
            }
        }
        self.rest.extend_from_slice(&piece[at..]);
        self.wait(after_one)
    }

    /// The list of series has ended.
    fn leave<'a>(&mut self, tail: &'a [u8]) -> &'a [u8] {
        self.rest = Vec::new();
        self.frame.push(b']');
        self.place = Place::Tail;
        tail
    }

    /// More has to come.
    fn wait(&mut self, after_one: bool) -> Result<&'static [u8], String> {
        self.place = Place::Series { after_one };
        if self.rest.len() > MAX_SERIES_BYTES {
            return Err(format!("one series is larger than {} KB", MAX_SERIES_BYTES >> 10));
        }
        Ok(&[])
    }

    fn step(&self, bytes: &[u8], after_one: bool, table: &mut Table) -> Result<Step, Stop> {
        let mut cursor = Cursor::new(bytes);
        if cursor.peek()? == b']' {
            return Ok(Step::End(cursor.at() + 1));
        }
        if after_one {
            cursor.expect(b',', "a comma between series is missing")?;
        }
        let (series, read) = Series::read(&bytes[cursor.at()..])?;
        table.take(series, self.query).map_err(Stop::Wrong)?;
        Ok(Step::Series(cursor.at() + read))
    }

    /// All pieces were taken: gives the warnings of Prometheus.
    ///
    /// # Errors
    /// When the answer is not whole, tells of an error, or has no vector.
    pub fn end(self) -> Result<Vec<String>, String> {
        let frame: Frame = serde_json::from_slice(&self.frame)
            .map_err(|_| "it is no whole answer in JSON: does the address lead to Prometheus?".to_owned())?;
        match (frame.status.as_str(), frame.data) {
            ("success", Some(data)) if data.result_type == "vector" && data.result.is_empty() => {
                Ok(frame.warnings)
            }
            ("success", _) => Err("it holds no vector of series".to_owned()),
            _ => Err(format!(
                "it tells of an error ({}): {}",
                frame.error_type, frame.error
            )),
        }
    }
}

enum Step {
    /// A series was read; so many bytes of it.
    Series(usize),
    /// The list has ended; so many bytes with its bracket.
    End(usize),
}

impl Head {
    /// Reads up to the bracket that begins the list of series; `None` when it is not in this piece.
    fn read(&mut self, piece: &[u8], frame: &mut Vec<u8>) -> Result<Option<usize>, String> {
        for (i, &byte) in piece.iter().enumerate() {
            frame.push(byte);
            if frame.len() > MAX_FRAME {
                return Err(format!(
                    "there is more than {} KB before its series",
                    MAX_FRAME >> 10
                ));
            }
            if let Some(start) = self.string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => (self.last, self.string) = ((start, frame.len() - 1), None),
                    _ => (),
                }
                continue;
            }
            match byte {
                b'"' => self.string = Some(frame.len()),
                b'[' if self.depth == 2 && &frame[self.last.0..self.last.1] == b"result" => {
                    return Ok(Some(i + 1));
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b' ' | b'\n' | b'\r' | b'\t' => (),
                _ if self.depth == 0 => {
                    return Err("it is no JSON: does the address lead to Prometheus?".to_owned());
                }
                _ => (),
            }
        }
        Ok(None)
    }
}
