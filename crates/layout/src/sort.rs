//! One sort and one index for the whole engine: every further one that the standard library makes for a type of its own
//! is several kilobytes that the browser fetches and compiles before the first picture.

/// A key that orders as the value does.
pub(crate) fn height_key(value: f32) -> u64 {
    // Both zeros are one.
    let bits = (value + 0.0).to_bits();
    u64::from(if bits >> 31 == 0 { bits | 1 << 31 } else { !bits })
}

/// Numbers below `count` in the order of their keys; equal keys keep their order.
pub(crate) fn by_key(count: usize, key: impl Fn(usize) -> u64) -> Vec<u32> {
    let mut pairs: Vec<(u64, u32)> = (0..count).map(|at| (key(at), at as u32)).collect();
    sort(&mut pairs);
    pairs.into_iter().map(|(_, at)| at).collect()
}

/// The value in the middle; the upper one of two.
pub(crate) fn median(values: &[f32]) -> Option<f32> {
    let order = by_key(values.len(), |at| height_key(values[at]));
    order.get(values.len() / 2).map(|&at| values[at as usize])
}

/// Sorts by key; pairs with equal keys keep their order.
pub(crate) fn sort(pairs: &mut [(u64, u32)]) {
    /// Runs of this length are sorted by insertion.
    const RUN: usize = 16;
    for run in pairs.chunks_mut(RUN) {
        for at in 1..run.len() {
            let pair = run[at];
            let mut hole = at;
            while hole > 0 && run[hole - 1].0 > pair.0 {
                run[hole] = run[hole - 1];
                hole -= 1;
            }
            run[hole] = pair;
        }
    }
    let count = pairs.len();
    let mut merged = Vec::new();
    let mut run = RUN;
    while run < count {
        merged.clear();
        let mut start = 0;
        while start < count {
            let (middle, end) = ((start + run).min(count), (start + 2 * run).min(count));
            let (mut left, mut right) = (start, middle);
            while left < middle || right < end {
                if right == end || (left < middle && pairs[left].0 <= pairs[right].0) {
                    merged.push(pairs[left]);
                    left += 1;
                } else {
                    merged.push(pairs[right]);
                    right += 1;
                }
            }
            start = end;
        }
        pairs.copy_from_slice(&merged);
        run *= 2;
    }
}

/// Finds the places of ids in a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Index(Vec<(u64, u32)>);

impl Index {
    pub(crate) fn new(ids: impl Iterator<Item = u64>) -> Self {
        let mut pairs: Vec<(u64, u32)> = ids.enumerate().map(|(at, id)| (id, at as u32)).collect();
        sort(&mut pairs);
        Self(pairs)
    }

    /// The place of an id; the first of several.
    pub(crate) fn find(&self, id: u64) -> Option<usize> {
        let at = self.0.partition_point(|pair| pair.0 < id);
        self.0
            .get(at)
            .filter(|pair| pair.0 == id)
            .map(|pair| pair.1 as usize)
    }

    /// Places of everything with an id, in their order.
    pub(crate) fn all(&self, id: u64) -> impl Iterator<Item = usize> + '_ {
        let at = self.0.partition_point(|pair| pair.0 < id);
        let same = self.0[at..].iter().take_while(move |pair| pair.0 == id);
        same.map(|pair| pair.1 as usize)
    }

    /// An id that several places have.
    pub(crate) fn find_duplicate(&self) -> Option<u64> {
        let mut pairs = self.0.windows(2);
        pairs.find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_the_standard_library() {
        for count in [0, 1, 15, 16, 17, 100, 1000] {
            let keys: Vec<u64> = (0..count).map(|at| (at * 7919) % 97).collect();
            let mut expected: Vec<u32> = (0..count as u32).collect();
            expected.sort_by_key(|&at| keys[at as usize]);
            assert_eq!(by_key(keys.len(), |at| keys[at]), expected);
        }
    }

    #[test]
    fn keys_of_heights_order_as_heights() {
        let heights = [f32::NEG_INFINITY, -3.5, -0.25, 0.0, 1e-9, 2.0, f32::MAX];
        assert!(
            heights
                .windows(2)
                .all(|pair| height_key(pair[0]) < height_key(pair[1]))
        );
        assert_eq!(median(&[3.0, -1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn an_index_finds_places_and_duplicates() {
        let index = Index::new([5, 9, 5].into_iter());
        assert_eq!((index.find(9), index.find(4)), (Some(1), None));
        assert_eq!(index.all(5).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(index.find_duplicate(), Some(5));
    }
}
