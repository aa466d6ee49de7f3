//! What one target was scraped for: its times, and the samples of its series.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use vigla_graph::TrafficKey;
use vigla_sources::series::{Column, Family};

use crate::{
    exposition,
    labels::{self, Keys},
    samples::Samples,
};

/// A series: what it counts, and its samples.
#[derive(Debug)]
pub(crate) struct Series {
    head: u64,
    pub(crate) row: u32,
    pub(crate) column: Column,
    pub(crate) samples: Samples,
}

/// All that was scraped from one target.
#[derive(Debug, Default)]
pub(crate) struct Scrapes {
    /// Times of the successful scrapes that are kept; the first has number `base`.
    times: VecDeque<i64>,
    base: u32,
    /// Hash of a line's name and labels to its series: in the steady state no label is read.
    heads: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    series: Vec<Option<Series>>,
    free: Vec<u32>,
}

/// What one scrape brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Samples that were kept.
    pub(crate) samples: usize,
    /// Series that were new and found no room.
    pub(crate) refused: usize,
}

impl Scrapes {
    /// Takes the text of a scrape. New series get their row from `rows` while `room` (series) lasts.
    ///
    /// Series that are not in the text end here. A scrape that is not later than the last one is passed over.
    pub(crate) fn take(&mut self, at: i64, text: &[u8], rows: &mut Rows, room: &mut usize) -> Taken {
        let mut taken = Taken::default();
        if self.times.back().is_some_and(|last| *last >= at) {
            return taken;
        }
        let index = self.end();
        self.times.push_back(at);
        for line in exposition::lines(text) {
            let Some(family) = Family::find(line.name) else {
                continue;
            };
            let head = twox_hash::XxHash3_64::oneshot(line.head);
            let slot = match self.heads.get(&head) {
                Some(slot) => *slot,
                None => {
                    let Some((key, column)) = labels::read(family, line.head) else {
                        continue;
                    };
                    if *room == 0 {
                        taken.refused += 1;
                        continue;
                    }
                    *room -= 1;
                    self.add(Series {
                        head,
                        row: rows.enter(key),
                        column,
                        samples: Samples::default(),
                    })
                }
            };
            if let Some(series) = self.series[slot as usize].as_mut()
                // A line that stands twice in a text counts once.
                && series.samples.end() <= index
            {
                series.samples.push(index, line.value);
                taken.samples += 1;
            }
        }
        taken
    }

    fn add(&mut self, series: Series) -> u32 {
        let head = series.head;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.series[slot as usize] = Some(series);
                slot
            }
            None => {
                self.series.push(Some(series));
                (self.series.len() - 1) as u32
            }
        };
        self.heads.insert(head, slot);
        slot
    }

    /// Number of the scrape after the last.
    fn end(&self) -> u32 {
        self.base + self.times.len() as u32
    }

    /// Numbers of the scrapes in the range that is open on the left, from the first to after the last.
    pub(crate) fn between(&self, after: i64, until: i64) -> (u32, u32) {
        let number = |at: i64| self.base + self.times.partition_point(|time| *time <= at) as u32;
        (number(after), number(until))
    }

    /// Time of a scrape that is kept.
    pub(crate) fn time(&self, index: u32) -> i64 {
        self.times[(index - self.base) as usize]
    }

    /// Time of the last successful scrape.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.times.back().copied()
    }

    /// Time of the first scrape that is kept.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.times.front().copied()
    }

    /// The series, in the order in which they came.
    pub(crate) fn series(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().flatten()
    }

    /// Number of series.
    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Forgets what is older, and the series of which nothing is left.
    pub(crate) fn forget_before(&mut self, at: i64, rows: &mut Rows) {
        while self.times.front().is_some_and(|time| *time < at) {
            self.times.pop_front();
            self.base += 1;
        }
        for (slot, place) in self.series.iter_mut().enumerate() {
            if let Some(series) = place
                && series.samples.forget_before(self.base)
            {
                self.heads.remove(&series.head);
                rows.leave(series.row);
                *place = None;
                self.free.push(slot as u32);
            }
        }
    }

    /// Bytes on the heap, but for the rows.
    pub(crate) fn bytes(&self) -> usize {
        let samples: usize = self.series().map(|series| series.samples.bytes()).sum();
        let heads = self.heads.capacity() * (size_of::<(u64, u32)>() + 1);
        samples + heads + self.series.capacity() * size_of::<Option<Series>>() + self.times.capacity() * 8
    }
}

/// The edges' keys, shared by the series of all targets that count for them.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    keys: Keys,
    rows: Vec<Option<(Arc<TrafficKey>, u32)>>,
    free: Vec<u32>,
}

impl Rows {
    fn enter(&mut self, key: TrafficKey) -> u32 {
        if let Some(&row) = self.keys.get(&key) {
            if let Some((_, series)) = &mut self.rows[row as usize] {
                *series += 1;
            }
            return row;
        }
        let key = Arc::new(key);
        let entry = Some((Arc::clone(&key), 1));
        let row = match self.free.pop() {
            Some(row) => {
                self.rows[row as usize] = entry;
                row
            }
            None => {
                self.rows.push(entry);
                (self.rows.len() - 1) as u32
            }
        };
        self.keys.insert(key, row);
        row
    }

    fn leave(&mut self, row: u32) {
        if let Some((key, series)) = &mut self.rows[row as usize] {
            *series -= 1;
            if *series == 0 {
                self.keys.remove(key);
                self.rows[row as usize] = None;
                self.free.push(row);
            }
        }
    }

    /// The key of a row.
    pub(crate) fn key(&self, row: u32) -> Option<&Arc<TrafficKey>> {
        self.rows[row as usize].as_ref().map(|(key, _)| key)
    }

    /// One more than the highest row.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes on the heap: a key holds about a dozen short names.
    pub(crate) fn bytes(&self) -> usize {
        const NAMES: usize = 400;
        self.keys.len() * (size_of::<TrafficKey>() + NAMES)
            + self.rows.capacity() * size_of::<Option<(Arc<TrafficKey>, u32)>>()
    }
}

/// Heads are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Hashed(u64);

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
