//! Rows of edges as they grow while answers arrive. Labels are read once for each distinct set of them.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use twox_hash::XxHash3_64;
use vigla_graph::{TrafficKey, TrafficRow};

use super::{answer::Series, cursor::Raw};
use crate::{
    RowSum,
    series::{Family, Label, Labels},
};

/// Rows of one window: 20 000 edges with both reporters and three answers each, and room.
const MAX_ROWS: usize = 250_000;
/// Series of one window: 20 durations for each of those would be more than any Prometheus gives in ten seconds.
const MAX_SERIES: usize = 3_000_000;

/// What has arrived.
#[derive(Debug, Default)]
pub struct Table {
    /// Rows by the text of their labels, but for a bucket's bound; `None`: no edge has them.
    texts: HashMap<u64, Option<u32>, BuildHasherDefault<Hashed>>,
    /// Rows by key: different words may mean the same.
    keys: HashMap<Arc<TrafficKey>, u32>,
    rows: Vec<(Arc<TrafficKey>, RowSum)>,
    /// Series that were seen, whole, to tell one that comes twice.
    seen: HashSet<u64, BuildHasherDefault<Hashed>>,
    scratch: Vec<u8>,
    rates: usize,
    wrong_values: usize,
    duplicates: usize,
    strangers: usize,
}

impl Table {
    /// Takes a series.
    pub(super) fn take(&mut self, series: &Series<'_>, is_total: bool) {
        // Order of the labels is Prometheus's own, the same in each answer.
        let whole =
            XxHash3_64::oneshot_with_seed(series.family as u64 * 2 + u64::from(is_total), series.text);
        if !self.seen.insert(whole) {
            self.duplicates += 1;
            return;
        }
        let Some(row) = self.row(series) else {
            self.strangers += 1;
            return;
        };
        let bound = series.labels[Label::Bound as usize];
        let bound = bound.and_then(|bound| std::str::from_utf8(bound.bytes).ok());
        // A rate is a number from zero up; everything else tells nothing.
        if !series.value.is_finite() || series.value < 0.0 {
            self.wrong_values += 1;
            return;
        }
        let Some(column) = series.family.column(bound) else {
            self.strangers += 1;
            return;
        };
        let sum = &mut self.rows[row as usize].1;
        if is_total {
            sum.add_total(column, series.value);
        } else {
            self.rates += 1;
            sum.add_rate(column, series.value);
        }
    }

    /// Takes note of a series that was not asked for.
    pub(super) fn pass_over(&mut self) {
        self.strangers += 1;
    }

    fn row(&mut self, series: &Series<'_>) -> Option<u32> {
        let scratch = &mut self.scratch;
        scratch.clear();
        let is_tcp = matches!(
            series.family,
            Family::TcpBytesSent | Family::TcpBytesReceived | Family::TcpOpened
        );
        scratch.extend([u8::from(is_tcp), u8::from(series.family == Family::Refused)]);
        for (label, value) in Label::ALL.iter().zip(&series.labels) {
            if let Some(value) = value.filter(|_| *label != Label::Bound) {
                scratch.push(*label as u8);
                scratch.extend_from_slice(value.bytes);
                // No text of JSON holds this byte.
                scratch.push(0);
            }
        }
        let hash = XxHash3_64::oneshot(scratch);
        if let Some(row) = self.texts.get(&hash) {
            return *row;
        }
        let row = key_of(series).map(|key| self.enter(key));
        self.texts.insert(hash, row);
        row
    }

    fn enter(&mut self, key: TrafficKey) -> u32 {
        if let Some(row) = self.keys.get(&key) {
            return *row;
        }
        let row = self.rows.len() as u32;
        let key = Arc::new(key);
        self.keys.insert(key.clone(), row);
        self.rows.push((key, RowSum::default()));
        row
    }

    /// # Errors
    /// When more has arrived than is kept.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.rows.len() > MAX_ROWS || self.seen.len() > MAX_SERIES {
            return Err(format!(
                "the mesh has more than {MAX_ROWS} kinds of traffic: narrow it by `scope` in the settings"
            ));
        }
        Ok(())
    }

    /// Series that arrived.
    pub fn series(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing arrived.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether any series had two samples in the window.
    pub fn has_rates(&self) -> bool {
        self.rates > 0
    }

    /// Series that are no edge's: they do not say who reports, or were not asked for.
    pub fn strangers(&self) -> usize {
        self.strangers
    }

    /// Numbers that were passed over, in words.
    pub fn notes(&self) -> Vec<String> {
        [
            (
                self.wrong_values,
                "series without a usable number (NaN, ±Inf, negative) were passed over",
            ),
            (self.duplicates, "series came twice and count once"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect()
    }

    /// All rows.
    pub fn finish(self) -> Vec<TrafficRow> {
        drop(self.keys);
        self.rows.into_iter().map(|(key, sum)| sum.finish(key)).collect()
    }
}

fn key_of(series: &Series<'_>) -> Option<TrafficKey> {
    let mut texts: [Option<Cow<'_, str>>; Label::ALL.len()] = [const { None }; Label::ALL.len()];
    for (text, raw) in texts.iter_mut().zip(&series.labels) {
        *text = raw.and_then(Raw::text);
    }
    let mut labels = Labels::default();
    for (label, text) in Label::ALL.iter().zip(&texts) {
        if let Some(text) = text {
            labels.set(*label, text);
        }
    }
    labels.key(series.family)
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
