//! The word that somebody may have meant.

/// The candidate nearest to a word, when it is near enough to be a slip: a third of the letters, at least one.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let most = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to change, add, leave out or swap with their neighbour; upper and lower case are the same.
fn distance(left: &str, right: &str) -> usize {
    // Names are short; what is longer than this is no slip of a name.
    const LONGEST: usize = 64;
    let letters = |text: &str| -> Vec<char> { text.to_lowercase().chars().collect() };
    let (left, right) = (letters(left), letters(right));
    if left.len() > LONGEST || right.len() > LONGEST {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, &a) in left.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, &b) in right.iter().enumerate() {
            let mut cost = (last[column] + usize::from(a != b))
                .min(last[column + 1] + 1)
                .min(next[column] + 1);
            let swapped =
                row > 0 && column > 0 && a == right[column - 1] && left[row - 1] == b && !before.is_empty();
            if swapped {
                cost = cost.min(before[column - 1] + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        for (word, candidates, meant) in [
            ("subest", vec!["subset", "host"], Some("subset")),
            ("destinaton", vec!["destination", "delegate"], Some("destination")),
            ("Timeout", vec!["timeout"], Some("timeout")),
            ("v4", vec!["v1", "v2"], Some("v1")),
            ("weigth", vec!["weight"], Some("weight")),
            ("reviews", vec!["ratings", "details"], None),
            ("v1", vec!["v1"], None),
        ] {
            assert_eq!(nearest(word, candidates), meant, "{word}");
        }
    }
}
