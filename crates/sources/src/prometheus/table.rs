//! Rows of edges as they grow while answers arrive.
//!
//! A table lives from window to window and remembers which text of labels belongs to which row: labels are taken
//! apart once, however many families and windows come with the same ones.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::Arc,
};

use memchr::memmem::Finder;
use twox_hash::XxHash3_64;
use vigla_graph::{TrafficKey, TrafficRow};
use vigla_model::{AppName, ClusterName, Fqdn, Namespace, PeerIdentity, Principal, Version, WorkloadName};

use super::{
    cursor::Raw,
    query::{FAMILY, MeshQuery},
    written::{Series, Value, each_label, number},
};
use crate::{
    Names, RowSum,
    series::{Column, Family, Label, Labels},
};

/// Rows of one window: 20 000 edges with both reporters and three answers each, and room.
const MAX_ROWS: usize = 250_000;
/// Texts of labels of one window: of counts by answer, of everything else, and of those that are no edge's.
const MAX_TEXTS: usize = 3 * MAX_ROWS;
/// Series of one window: 20 durations for each of those would be more than any Prometheus gives in ten seconds.
const MAX_SERIES: usize = 3_000_000;
/// Bounds of buckets that are told apart: Istio has 20, and a store may hold those of several settings.
const MAX_BOUNDS: usize = 128;
/// How a bucket's bound begins; the text is no other label's and stands in no value, where quotes are escaped.
const BOUND: &[u8] = br#""le":""#;
const NO_ROW: u32 = u32::MAX;

/// What has arrived in this window, and what texts of labels mean.
#[derive(Debug)]
pub struct Table {
    /// By the hash of a text of labels without a bucket's bound.
    texts: HashMap<u64, Text, BuildHasherDefault<Hashed>>,
    /// Rows by key: different words may mean the same.
    keys: HashMap<Shared, u32, BuildHasherDefault<Hashed>>,
    rows: Vec<Row>,
    names: Names,
    bounds: Bounds,
    /// Counts windows, so that what is remembered is told from what has arrived.
    window: u32,
    found: Found,
    scratch: Vec<u8>,
    finder: Finder<'static>,
}

/// What one text of labels means, and what came with it in the newest window that had it.
#[derive(Debug, Clone, Copy)]
struct Text {
    /// Beside its hash, since a hash alone may be met twice.
    length: u32,
    row: u32,
    /// The family that it names, in answers that hold several.
    family: Option<Family>,
    window: u32,
    /// Queries that brought it, and for buckets their bounds: what comes once more counts once.
    queries: u16,
    bounds: u128,
}

#[derive(Debug)]
struct Row {
    key: Arc<TrafficKey>,
    sum: RowSum,
    window: u32,
}

/// Counts of one window.
#[derive(Debug, Default)]
struct Found {
    series: usize,
    texts: usize,
    rows: usize,
    rates: usize,
    wrong_values: usize,
    duplicates: usize,
    strangers: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            texts: HashMap::default(),
            keys: HashMap::default(),
            rows: Vec::new(),
            names: Names::default(),
            bounds: Bounds::default(),
            window: 1,
            found: Found::default(),
            scratch: Vec::new(),
            finder: Finder::new(BOUND),
        }
    }
}

impl Table {
    /// Takes a series.
    ///
    /// # Errors
    /// When its labels are not what Prometheus writes.
    pub(super) fn take(&mut self, series: Series<'_>, query: MeshQuery) -> Result<(), &'static str> {
        let (text, bound) = if query == MeshQuery::Buckets {
            let bound = self.part(series.labels)?;
            (&self.scratch[..], bound)
        } else {
            (series.labels, None)
        };
        let hash = XxHash3_64::oneshot(text);
        let known = self.texts.get_mut(&hash);
        let text = match known.filter(|known| known.length as usize == text.len()) {
            Some(known) => known,
            None => {
                let read = read(text, query, &mut self.keys, &mut self.rows, &mut self.names)?;
                self.texts.entry(hash).insert_entry(read).into_mut()
            }
        };
        let found = &mut self.found;
        if text.window != self.window {
            (text.window, text.queries, text.bounds) = (self.window, 0, 0);
            found.texts += 1;
        }
        let bound = bound.and_then(|bound| self.bounds.find(&bound));
        // What came before with the same labels is a bit here.
        let again = match bound {
            Some((place, _)) => {
                let bit = 1_u128 << place;
                text.bounds & bit != 0 || {
                    text.bounds |= bit;
                    false
                }
            }
            None => {
                let bit = 1_u16 << query as u8;
                text.queries & bit != 0 || {
                    text.queries |= bit;
                    false
                }
            }
        };
        if again {
            found.duplicates += 1;
            return Ok(());
        }
        found.series += 1;
        let family = match (query.families(), text.family) {
            ([family], None) => Some(*family),
            (families, named) => named.filter(|family| families.contains(family)),
        };
        let (Some(family), Some(row)) = (family, self.rows.get_mut(text.row as usize)) else {
            found.strangers += 1;
            return Ok(());
        };
        if row.window != self.window {
            row.window = self.window;
            found.rows += 1;
        }
        let column = match (family, bound) {
            (Family::Buckets, bound) => bound.map(|(_, bound)| Column::Bucket(bound)),
            (family, _) => family.column(None),
        };
        match (series.value, column) {
            // A rate is a number from zero up; everything else tells nothing.
            (Value::Number(number), Some(column)) if number.is_finite() && number >= 0.0 => {
                if query.is_total() {
                    row.sum.add_total(column, number);
                    return Ok(());
                }
                row.sum.add_rate(column, number);
            }
            (Value::Histogram(native), None) => match (native.histogram(), family) {
                (Some(rates), Family::NativeDurations) => row.sum.add_native_durations(&rates),
                (Some(rates), Family::NativeBytesSent) => row.sum.add_native_bytes(rates.sum_ms, 0.0),
                (Some(rates), Family::NativeBytesReceived) => row.sum.add_native_bytes(0.0, rates.sum_ms),
                (Some(_), _) => {
                    found.strangers += 1;
                    return Ok(());
                }
                (None, _) => {
                    found.wrong_values += 1;
                    return Ok(());
                }
            },
            (Value::Number(_), Some(_)) => {
                found.wrong_values += 1;
                return Ok(());
            }
            // A number where a histogram should be, or a bucket without a bound.
            (Value::Number(_), None) | (Value::Histogram(_), Some(_)) => {
                found.strangers += 1;
                return Ok(());
            }
        }
        found.rates += 1;
        Ok(())
    }

    /// Writes a bucket's labels but for its bound into `scratch`, as the same edge's other series have them, and
    /// gives the bound as written.
    fn part<'a>(&mut self, labels: &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, &'static str> {
        let scratch = &mut self.scratch;
        scratch.clear();
        let place = self.finder.find(labels);
        if let Some(at) = place.filter(|at| *at == 0 || labels[at - 1] == b',') {
            let value = &labels[at + BOUND.len()..];
            if let Some(end) = memchr::memchr2(b'"', b'\\', value).filter(|end| value[*end] == b'"') {
                let (before, after) = (&labels[..at], &value[end + 1..]);
                // The comma on one side goes with it.
                if let [before @ .., _] = before {
                    scratch.extend_from_slice(before);
                }
                let after = after
                    .strip_prefix(b",")
                    .filter(|_| before.is_empty())
                    .unwrap_or(after);
                scratch.extend_from_slice(after);
                return Ok(Some(Cow::Borrowed(&value[..end])));
            }
        }
        // Written otherwise, or without a bound.
        let mut bound = None;
        each_label(labels, |name, value| {
            if name.bytes == Label::Bound.as_str().as_bytes() {
                bound = value.text().map(|text| match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                });
                return;
            }
            if !scratch.is_empty() {
                scratch.push(b',');
            }
            for part in [b"\"", name.bytes, b"\":\"", value.bytes, b"\""] {
                scratch.extend_from_slice(part);
            }
        })?;
        Ok(bound)
    }

    /// # Errors
    /// When more has arrived than is kept.
    pub(super) fn check(&self) -> Result<(), String> {
        let found = &self.found;
        if found.rows > MAX_ROWS || found.texts > MAX_TEXTS || found.series > MAX_SERIES {
            return Err(format!(
                "the mesh has more than {MAX_ROWS} kinds of traffic: narrow it by `scope` in the settings"
            ));
        }
        Ok(())
    }

    /// Series that arrived.
    pub fn series(&self) -> usize {
        self.found.series
    }

    /// Whether no edge's series arrived.
    pub fn is_empty(&self) -> bool {
        self.found.rows == 0
    }

    /// Whether any series had two samples in the window.
    pub fn has_rates(&self) -> bool {
        self.found.rates > 0
    }

    /// Series that are no edge's: they do not say who reports, or were not asked for.
    pub fn strangers(&self) -> usize {
        self.found.strangers
    }

    /// Numbers that were passed over, in words.
    pub fn notes(&self) -> Vec<String> {
        [
            (
                self.found.wrong_values,
                "series without a usable number (NaN, ±Inf, negative) were passed over",
            ),
            (self.found.duplicates, "series came twice and count once"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect()
    }

    /// Texts of labels that are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.texts.len()
    }

    /// All rows of this window, in the order in which they were first met. The table then awaits the next window.
    pub fn finish(&mut self) -> Vec<TrafficRow> {
        let mut rows = Vec::with_capacity(self.found.rows);
        for row in self.rows.iter_mut().filter(|row| row.window == self.window) {
            rows.push(row.sum.take(row.key.clone()));
        }
        let found = std::mem::take(&mut self.found);
        self.window += 1;
        // Once half of what is remembered is of the past, all is forgotten and learned anew.
        if self.texts.len() > 2 * found.texts || self.rows.len() > 2 * found.rows {
            *self = Self::default();
        }
        rows
    }
}

/// Reads a text of labels and enters its row.
fn read(
    text: &[u8],
    query: MeshQuery,
    keys: &mut HashMap<Shared, u32, BuildHasherDefault<Hashed>>,
    rows: &mut Vec<Row>,
    names: &mut Names,
) -> Result<Text, &'static str> {
    let mut values: [Option<Raw<'_>>; Label::ALL.len()] = [None; Label::ALL.len()];
    let mut family = None;
    each_label(text, |name, value| {
        if let Some(label) = Label::find(name.bytes) {
            values[label as usize] = Some(value);
        } else if name.bytes == FAMILY.as_bytes() {
            family = Family::find(value.bytes);
        }
    })?;
    let values = values.map(|value| value.and_then(Raw::text));
    let mut labels = Labels::default();
    for (label, value) in Label::ALL.iter().zip(&values) {
        if let Some(value) = value {
            labels.set(*label, value);
        }
    }
    let key = match (query.families(), family) {
        ([only], None) => labels.key(*only, names),
        (_, Some(named)) => labels.key(named, names),
        _ => None,
    };
    let row = key.map(|key| {
        let key = Arc::new(key);
        *keys.entry(Shared(key.clone())).or_insert_with(|| {
            rows.push(Row {
                key,
                sum: RowSum::default(),
                window: 0,
            });
            (rows.len() - 1) as u32
        })
    });
    Ok(Text {
        length: text.len() as u32,
        row: row.unwrap_or(NO_ROW),
        family,
        window: 0,
        queries: 0,
        bounds: 0,
    })
}

/// Bounds of buckets as they are written, each with its place.
#[derive(Debug, Default)]
struct Bounds {
    known: Vec<(Box<[u8]>, f64)>,
    last: usize,
}

impl Bounds {
    /// Place and number of a bound; `None` when it is no number, or one too many.
    fn find(&mut self, written: &[u8]) -> Option<(usize, f64)> {
        // An edge's buckets often come one after the other.
        let next = self.last + 1;
        let is = |(known, _): &(Box<[u8]>, f64)| **known == *written;
        let place = match self.known.get(next).filter(|known| is(known)) {
            Some(_) => Some(next),
            None => self.known.iter().position(is),
        };
        self.last = match place {
            Some(place) => place,
            None => {
                let bound = number(written);
                if bound.is_nan() || self.known.len() >= MAX_BOUNDS {
                    return None;
                }
                self.known.push((written.into(), bound));
                self.known.len() - 1
            }
        };
        Some((self.last, self.known[self.last].1))
    }
}

/// A key whose names all come from one table's [`Names`]: equal names are the same memory, so that where they lie is
/// hash enough.
#[derive(Debug, PartialEq, Eq)]
struct Shared(Arc<TrafficKey>);

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        fn place(text: Option<&str>) -> usize {
            text.map_or(0, |text| text.as_ptr().addr())
        }
        let key = &*self.0;
        let peer = |peer: &PeerIdentity| {
            [
                place(peer.cluster.as_ref().map(ClusterName::as_str)),
                place(peer.namespace.as_ref().map(Namespace::as_str)),
                place(peer.workload.as_ref().map(WorkloadName::as_str)),
                place(peer.app.as_ref().map(AppName::as_str)),
                place(peer.version.as_ref().map(Version::as_str)),
                place(peer.principal.as_ref().map(Principal::service_account)),
            ]
        };
        let rest = [
            place(key.service.as_ref().map(Fqdn::as_str)),
            place(key.source_address.as_deref()),
            usize::from(key.response_code.unwrap_or_default()),
            usize::from(key.grpc_status.unwrap_or_default()),
            key.reporter as usize,
            key.protocol as usize,
            key.security as usize,
        ];
        let all = peer(&key.source)
            .into_iter()
            .chain(peer(&key.destination))
            .chain(rest);
        let mixed = all.fold(0_u64, |mixed, part| {
            (mixed.rotate_left(5) ^ part as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        });
        state.write_u64(mixed ^ mixed >> 32);
    }
}

/// Keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are hashes, written whole");
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
