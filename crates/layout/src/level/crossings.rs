//! Counting crossings: of two neighbours, and of all lines between two columns. A line that stands for several edges
//! counts as often.

use crate::sort::{by_key, height_key};

/// The far end of a line as a key that orders, and how many edges the line stands for.
pub(super) type End = (f32, u32);

/// Crossings that a swap of two neighbours removes less those that it makes, by the sorted far ends of their lines.
pub(super) fn saved_by_swap(upper: &[End], lower: &[End]) -> i64 {
    // Most vertices are bends, which have one line on each side.
    if let ([a], [b]) = (upper, lower) {
        let product = i64::from(a.1) * i64::from(b.1);
        return product * (i64::from(b.0 < a.0) - i64::from(a.0 < b.0));
    }
    let all: i64 = lower.iter().map(|end| i64::from(end.1)).sum();
    let mut saved = 0;
    let (mut less, mut not_more) = (0, 0);
    let (mut weight_less, mut weight_not_more) = (0i64, 0i64);
    for &(key, weight) in upper {
        while less < lower.len() && lower[less].0 < key {
            weight_less += i64::from(lower[less].1);
            less += 1;
        }
        while not_more < lower.len() && lower[not_more].0 <= key {
            weight_not_more += i64::from(lower[not_more].1);
            not_more += 1;
        }
        saved += i64::from(weight) * (weight_less - (all - weight_not_more));
    }
    saved
}

/// Sorts the far ends of one vertex. There are few, and most are in order already.
pub(super) fn sort_ends(ends: &mut [End]) {
    /// Longer lists are sorted by merging.
    const LONG: usize = 24;
    if ends.len() > LONG {
        let order = by_key(ends.len(), |at| height_key(ends[at].0));
        let sorted: Vec<End> = order.into_iter().map(|at| ends[at as usize]).collect();
        ends.copy_from_slice(&sorted);
        return;
    }
    for at in 1..ends.len() {
        let end = ends[at];
        let mut hole = at;
        while hole > 0 && ends[hole - 1].0 > end.0 {
            ends[hole] = ends[hole - 1];
            hole -= 1;
        }
        ends[hole] = end;
    }
}

/// Products of weights of pairs in the wrong order; sorts by merging.
pub(super) fn inversions(ends: &mut [End], merge: &mut Vec<End>) -> u64 {
    let count = ends.len();
    if count <= 12 {
        let mut sum = 0;
        for at in 1..count {
            let mut hole = at;
            while hole > 0 && ends[hole - 1].0 > ends[hole].0 {
                sum += u64::from(ends[hole - 1].1) * u64::from(ends[hole].1);
                ends.swap(hole - 1, hole);
                hole -= 1;
            }
        }
        return sum;
    }
    let (left, right) = ends.split_at_mut(count / 2);
    let mut sum = inversions(left, merge) + inversions(right, merge);
    merge.clear();
    let mut open: u64 = left.iter().map(|end| u64::from(end.1)).sum();
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        if left[l].0 <= right[r].0 {
            open -= u64::from(left[l].1);
            merge.push(left[l]);
            l += 1;
        } else {
            sum += open * u64::from(right[r].1);
            merge.push(right[r]);
            r += 1;
        }
    }
    merge.extend_from_slice(&left[l..]);
    merge.extend_from_slice(&right[r..]);
    ends.copy_from_slice(merge);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inversions_are_pairs_in_the_wrong_order() {
        let mut ends: Vec<End> = (0..40).map(|at| (((at * 17) % 40) as f32, 1 + at % 3)).collect();
        let by_hand: u64 = (0..40)
            .flat_map(|a| (a + 1..40).map(move |b| (a, b)))
            .filter(|&(a, b)| ends[a].0 > ends[b].0)
            .map(|(a, b)| u64::from(ends[a].1 * ends[b].1))
            .sum();
        assert_eq!(inversions(&mut ends, &mut Vec::new()), by_hand);
        assert!(ends.is_sorted_by_key(|end| end.0));
    }

    #[test]
    fn a_swap_saves_what_crosses_now() {
        assert_eq!(saved_by_swap(&[(3.0, 1), (4.0, 1)], &[(1.0, 1)]), 2);
        assert_eq!(saved_by_swap(&[(3.0, 2)], &[(1.0, 3)]), 6);
        assert_eq!(saved_by_swap(&[(1.0, 1)], &[(1.0, 1)]), 0);
        assert_eq!(saved_by_swap(&[(1.0, 1)], &[(2.0, 1), (3.0, 1)]), -2);
    }

    #[test]
    fn far_ends_are_sorted_however_many() {
        for count in [3, 30] {
            let mut ends: Vec<End> = (0..count).map(|at| (((at * 11) % count) as f32, at)).collect();
            sort_ends(&mut ends);
            assert!(ends.is_sorted_by_key(|end| end.0));
        }
    }
}
