//! Counting crossings: of two neighbours, and of all lines between two columns.

/// Crossings that a swap of two neighbours removes less those that it makes, by the sorted keys of their links.
pub(super) fn saved_by_swap(upper: &[f32], lower: &[f32]) -> i64 {
    let (mut crossing, mut would_cross) = (0i64, 0i64);
    let (mut less, mut not_more) = (0, 0);
    for &key in upper {
        while less < lower.len() && lower[less] < key {
            less += 1;
        }
        crossing += less as i64;
        while not_more < lower.len() && lower[not_more] <= key {
            not_more += 1;
        }
        would_cross += (lower.len() - not_more) as i64;
    }
    crossing - would_cross
}

/// Pairs in the wrong order; sorts by merging.
pub(super) fn inversions(values: &mut [f32], merge: &mut Vec<f32>) -> u64 {
    let count = values.len();
    if count <= 12 {
        let mut sum = 0;
        for at in 1..count {
            let mut hole = at;
            while hole > 0 && values[hole - 1] > values[hole] {
                values.swap(hole - 1, hole);
                hole -= 1;
                sum += 1;
            }
        }
        return sum;
    }
    let (left, right) = values.split_at_mut(count / 2);
    let mut sum = inversions(left, merge) + inversions(right, merge);
    merge.clear();
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        if left[l] <= right[r] {
            merge.push(left[l]);
            l += 1;
        } else {
            sum += (left.len() - l) as u64;
            merge.push(right[r]);
            r += 1;
        }
    }
    merge.extend_from_slice(&left[l..]);
    merge.extend_from_slice(&right[r..]);
    values.copy_from_slice(merge);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inversions_are_pairs_in_the_wrong_order() {
        let mut values: Vec<f32> = (0..40).map(|at| ((at * 17) % 40) as f32).collect();
        let by_hand = (0..40)
            .flat_map(|a| (a + 1..40).map(move |b| (a, b)))
            .filter(|&(a, b)| values[a] > values[b])
            .count() as u64;
        assert_eq!(inversions(&mut values, &mut Vec::new()), by_hand);
        assert!(values.is_sorted());
    }

    #[test]
    fn a_swap_saves_what_crosses_now() {
        assert_eq!(saved_by_swap(&[3.0, 4.0], &[1.0]), 2);
        assert_eq!(saved_by_swap(&[1.0], &[1.0]), 0);
        assert_eq!(saved_by_swap(&[1.0], &[2.0, 3.0]), -2);
    }
}
