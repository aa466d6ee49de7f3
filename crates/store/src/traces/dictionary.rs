//! Texts that many spans share, each once: names of services, operations and tags, and values that come again.

use std::{collections::HashMap, sync::Arc};

/// Texts kept: a mesh of 5 000 workloads has some 10 000 names. What finds no room stands in the rows themselves.
const MAX_TEXTS: usize = 16_384;
/// Bytes of one text; longer ones hardly come again.
const MAX_TEXT: usize = 256;
/// Values of one tag after which it is taken for one that is new in each request, such as an id.
const MAX_VALUES: u16 = 256;
/// What a text costs beside its bytes: two pointers of two words, counts of the `Arc`, its place in the map.
const OVERHEAD: usize = 80;

/// Texts by number. It only grows, up to its bound: names of a mesh change slowly.
#[derive(Debug)]
pub(crate) struct Dictionary {
    /// Bytes that it may take.
    most: usize,
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    /// Values that were given a number, by the number of their key.
    values: HashMap<u32, u16>,
    bytes: usize,
}

impl Dictionary {
    /// An empty one that takes no more than so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            numbers: HashMap::new(),
            texts: Vec::new(),
            values: HashMap::new(),
            bytes: 0,
        }
    }

    /// The number of a name, a new one if there is room.
    pub(crate) fn add(&mut self, text: &Arc<str>) -> Option<u32> {
        if let Some(number) = self.find(text) {
            return Some(number);
        }
        let bytes = text.len() + OVERHEAD;
        if self.texts.len() >= MAX_TEXTS || text.len() > MAX_TEXT || self.bytes + bytes > self.most {
            return None;
        }
        let number = u32::try_from(self.texts.len()).expect("the bound is far below");
        self.texts.push(text.clone());
        self.numbers.insert(text.clone(), number);
        self.bytes += bytes;
        Some(number)
    }

    /// The number of a tag's value; `None` when values of that tag do not come again.
    pub(crate) fn add_value(&mut self, key: Option<u32>, text: &Arc<str>) -> Option<u32> {
        if let Some(number) = self.find(text) {
            return Some(number);
        }
        let count = self.values.entry(key?).or_default();
        if *count >= MAX_VALUES {
            return None;
        }
        *count += 1;
        self.add(text)
    }

    /// The number of a text, if it has one.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The text of a number that this dictionary gave.
    pub(crate) fn text(&self, number: u32) -> &Arc<str> {
        &self.texts[number as usize]
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
