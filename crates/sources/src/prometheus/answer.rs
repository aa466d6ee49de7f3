//! Reads an answer of Prometheus as it arrives: each series goes into the table at once and is forgotten.

use serde::Deserialize;

use super::{
    cursor::{Cursor, Raw, Stop},
    query::{FAMILY, MeshQuery},
    table::Table,
};
use crate::series::{Family, Label};

/// What may stand around the series: status, warnings, statistics.
const MAX_FRAME: usize = 256 * 1024;
/// Labels of one series are some 700 bytes.
const MAX_SERIES_BYTES: usize = 256 * 1024;

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
    /// Bytes that are not read yet: the end of a piece that ends within a series.
    rest: Vec<u8>,
    /// All but the series.
    frame: Vec<u8>,
    place: Place,
    order: Order,
}

/// Names of the labels of the series before, in their order: the next one's are nearly always the same.
#[derive(Debug, Default)]
struct Order(Vec<(Vec<u8>, Option<Label>)>);

/// Labels that are remembered; a series has some twenty.
const MAX_ORDER: usize = 64;

impl Order {
    /// The label with this name, which stands at this place among its series' labels.
    fn find(&mut self, at: usize, name: &[u8]) -> Option<Label> {
        match self.0.get_mut(at) {
            Some((known, label)) if known == name => *label,
            Some(entry) => {
                *entry = (name.to_vec(), Label::find(name));
                entry.1
            }
            None => {
                let label = Label::find(name);
                if at < MAX_ORDER && at == self.0.len() {
                    self.0.push((name.to_vec(), label));
                }
                label
            }
        }
    }
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

/// One series as it stands in the answer.
pub(super) struct Series<'a> {
    /// Everything between the braces of its labels.
    pub(super) text: &'a [u8],
    pub(super) labels: [Option<Raw<'a>>; Label::ALL.len()],
    pub(super) family: Family,
    pub(super) value: f64,
}

impl Answer {
    /// Nothing was read yet.
    pub fn new(query: MeshQuery) -> Self {
        Self {
            query,
            rest: Vec::new(),
            frame: Vec::with_capacity(256),
            place: Place::Head(Head::default()),
            order: Order::default(),
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
        if let Place::Series { mut after_one } = self.place {
            // Most pieces are read where they lie; only what one ends with is copied.
            let mut joined = std::mem::take(&mut self.rest);
            let bytes = if joined.is_empty() {
                piece
            } else {
                joined.extend_from_slice(piece);
                &joined[..]
            };
            let mut at = 0;
            let ended = loop {
                match step(&bytes[at..], after_one, self.query, &mut self.order, table) {
                    Ok(Step::Series(read)) => (at, after_one) = (at + read, true),
                    Ok(Step::End(read)) => break Some(at + read),
                    Err(Stop::Short) => break None,
                    Err(Stop::Wrong(what)) => return Err(what.to_owned()),
                }
            };
            table.check()?;
            if let Some(end) = ended {
                self.frame.push(b']');
                self.frame.extend_from_slice(&bytes[end..]);
                self.place = Place::Tail;
                return self.check_frame();
            }
            if bytes.len() - at > MAX_SERIES_BYTES {
                return Err(format!("one series is larger than {} KB", MAX_SERIES_BYTES >> 10));
            }
            self.rest = if joined.is_empty() {
                piece[at..].to_vec()
            } else {
                joined.split_off(at)
            };
            self.place = Place::Series { after_one };
            return Ok(());
        }
        if matches!(self.place, Place::Tail) {
            self.frame.extend_from_slice(piece);
        }
        self.check_frame()
    }

    fn check_frame(&self) -> Result<(), String> {
        if self.frame.len() > MAX_FRAME {
            return Err(format!(
                "there is more than {} KB beside its series",
                MAX_FRAME >> 10
            ));
        }
        Ok(())
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

enum Step {
    /// A series was read; so many bytes of it.
    Series(usize),
    /// The list has ended; so many bytes with its bracket.
    End(usize),
}

fn step(
    bytes: &[u8],
    after_one: bool,
    query: MeshQuery,
    order: &mut Order,
    table: &mut Table,
) -> Result<Step, Stop> {
    let mut cursor = Cursor::new(bytes);
    if cursor.peek()? == b']' {
        cursor.expect(b']', "")?;
        return Ok(Step::End(cursor.at()));
    }
    if after_one {
        cursor.expect(b',', "a comma between series is missing")?;
    }
    let series = read_series(&mut cursor, bytes, query, order)?;
    let read = cursor.at();
    match series {
        Some(series) => table.take(&series, query.is_total()),
        None => table.pass_over(),
    }
    Ok(Step::Series(read))
}

/// Reads `{"metric":{…},"value":[time,"number"]}`; `None` for a series that is not of a family that was asked for.
fn read_series<'a>(
    cursor: &mut Cursor<'a>,
    bytes: &'a [u8],
    query: MeshQuery,
    order: &mut Order,
) -> Result<Option<Series<'a>>, Stop> {
    let mut labels = [None; Label::ALL.len()];
    let (mut text, mut value) = (&bytes[..0], None);
    let mut family = match query.families() {
        [family] => Some(*family),
        _ => None,
    };
    cursor.expect(b'{', "a series does not begin")?;
    loop {
        let field = cursor.string()?;
        cursor.expect(b':', "a colon is missing")?;
        match field.bytes {
            b"metric" => {
                cursor.expect(b'{', "labels do not begin")?;
                let start = cursor.at();
                if cursor.peek()? == b'}' {
                    cursor.expect(b'}', "")?;
                } else {
                    for at in 0.. {
                        let name = cursor.string()?;
                        cursor.expect(b':', "a colon is missing")?;
                        let worth = cursor.string()?;
                        if let Some(label) = order.find(at, name.bytes) {
                            labels[label as usize] = Some(worth);
                        } else if name.bytes == FAMILY.as_bytes() {
                            family = Family::find(worth.bytes);
                        }
                        if !cursor.goes_on(b'}')? {
                            break;
                        }
                    }
                }
                text = &bytes[start..cursor.at()];
            }
            b"value" => {
                cursor.expect(b'[', "a value does not begin")?;
                cursor.skip()?;
                cursor.expect(b',', "a value has no number")?;
                let number = cursor.string()?;
                cursor.expect(b']', "a value does not end")?;
                let number = std::str::from_utf8(number.bytes).ok();
                value = Some(number.and_then(|text| text.parse().ok()).unwrap_or(f64::NAN));
            }
            _ => cursor.skip()?,
        }
        if !cursor.goes_on(b'}')? {
            break;
        }
    }
    let value = value.ok_or(Stop::Wrong("a series has no value"))?;
    Ok(family.map(|family| Series {
        text,
        labels,
        family,
        value,
    }))
}
