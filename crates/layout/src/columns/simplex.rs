//! The least sum of lengths of all calls, with every call to the right: network simplex.
//!
//! A tree of calls that are as short as they can be holds all items together. Cut at one of its calls, it falls into two
//! halves; where more calls would become shorter than longer, the halves move apart until another call is as short as
//! it can be and takes the place of the first. (Gansner, Koutsofios, North, Vo: A Technique for Drawing Directed Graphs.)

/// Work that is spent at most; what was reached by then is good too. Enough for meshes of 1000 workloads without boxes.
const STEPS: usize = 6_000_000;

/// Improves columns in which every call points to the right.
pub(super) fn shorten(calls: &[(usize, usize)], columns: &mut [i64]) {
    if calls.is_empty() {
        return;
    }
    let mut simplex = Simplex::new(calls, columns);
    let round = 4 * columns.len() + calls.len();
    let mut next = 0;
    for _ in 0..STEPS / round {
        if !simplex.pivot(columns, &mut next) {
            break;
        }
    }
    simplex.start_at_zero(columns);
}

struct Simplex<'a> {
    calls: &'a [(usize, usize)],
    /// Calls of each item.
    calls_of: Vec<Vec<usize>>,
    /// Whether a call is of the tree (of one of them, when not all items are connected).
    in_tree: Vec<bool>,
    /// Items, callers and callees before what hangs on them.
    order: Vec<usize>,
    /// The call on which an item hangs.
    hangs_on: Vec<Option<usize>>,
}

impl<'a> Simplex<'a> {
    fn new(calls: &'a [(usize, usize)], columns: &mut [i64]) -> Self {
        let mut calls_of = vec![Vec::new(); columns.len()];
        for (at, &(from, to)) in calls.iter().enumerate() {
            calls_of[from].push(at);
            calls_of[to].push(at);
        }
        let mut simplex = Self {
            calls,
            calls_of,
            in_tree: vec![false; calls.len()],
            order: Vec::new(),
            hangs_on: vec![None; columns.len()],
        };
        let mut reached = vec![false; columns.len()];
        for root in 0..columns.len() {
            if !reached[root] {
                simplex.grow(root, columns, &mut reached);
            }
        }
        simplex.hang();
        simplex
    }

    fn slack(&self, call: usize, columns: &[i64]) -> i64 {
        let (from, to) = self.calls[call];
        columns[to] - columns[from] - 1
    }

    /// Makes the tree of everything that is connected to `root`. What is reached moves together, when nothing beside it is
    /// near enough.
    fn grow(&mut self, root: usize, columns: &mut [i64], reached: &mut [bool]) {
        let mut tree = vec![root];
        reached[root] = true;
        let mut looked_at = 0;
        loop {
            while let Some(&item) = tree.get(looked_at) {
                looked_at += 1;
                for at in 0..self.calls_of[item].len() {
                    let call = self.calls_of[item][at];
                    let (from, to) = self.calls[call];
                    let other = if from == item { to } else { from };
                    if !reached[other] && self.slack(call, columns) == 0 {
                        reached[other] = true;
                        self.in_tree[call] = true;
                        tree.push(other);
                    }
                }
            }
            let beside = tree.iter().flat_map(|&item| &self.calls_of[item]).copied();
            let open = beside.filter(|&call| reached[self.calls[call].0] != reached[self.calls[call].1]);
            let Some(call) = open.min_by_key(|&call| self.slack(call, columns)) else {
                return;
            };
            let (from, _) = self.calls[call];
            let slack = self.slack(call, columns);
            let step = if reached[from] { slack } else { -slack };
            tree.iter().for_each(|&item| columns[item] += step);
            looked_at = 0;
        }
    }

    /// Walks through the trees anew.
    fn hang(&mut self) {
        self.order.clear();
        let mut seen = vec![false; self.calls_of.len()];
        for root in 0..seen.len() {
            if seen[root] {
                continue;
            }
            seen[root] = true;
            self.hangs_on[root] = None;
            let mut looked_at = self.order.len();
            self.order.push(root);
            while let Some(&item) = self.order.get(looked_at) {
                looked_at += 1;
                for &call in self.calls_of[item].iter().filter(|&&call| self.in_tree[call]) {
                    let (from, to) = self.calls[call];
                    let other = if from == item { to } else { from };
                    if !std::mem::replace(&mut seen[other], true) {
                        self.hangs_on[other] = Some(call);
                        self.order.push(other);
                    }
                }
            }
        }
    }

    /// Moves what is connected so that its first column is 0.
    fn start_at_zero(&self, columns: &mut [i64]) {
        let is_root = |&(_, item): &(usize, &usize)| self.hangs_on[*item].is_none();
        let mut starts: Vec<usize> = self
            .order
            .iter()
            .enumerate()
            .filter(is_root)
            .map(|(at, _)| at)
            .collect();
        starts.push(self.order.len());
        for pair in starts.windows(2) {
            let tree = &self.order[pair[0]..pair[1]];
            let least = tree.iter().map(|&item| columns[item]).min().unwrap_or(0);
            tree.iter().for_each(|&item| columns[item] -= least);
        }
    }

    /// Cuts the tree at one call where that shortens the whole; `false` when there is none.
    fn pivot(&mut self, columns: &mut [i64], next: &mut usize) -> bool {
        // Calls that leave what hangs on an item, less those that enter it: calls within count for neither.
        let mut surplus: Vec<i64> = vec![0; columns.len()];
        for &(from, to) in self.calls {
            surplus[from] += 1;
            surplus[to] -= 1;
        }
        for &item in self.order.iter().rev() {
            if let Some(call) = self.hangs_on[item] {
                let (from, to) = self.calls[call];
                surplus[if from == item { to } else { from }] += surplus[item];
            }
        }
        let count = columns.len();
        let cut = (0..count).map(|step| (*next + step) % count).find(|&item| {
            let call = self.hangs_on[item];
            call.is_some_and(|call| {
                if self.calls[call].0 == item {
                    surplus[item] < 0
                } else {
                    surplus[item] > 0
                }
            })
        });
        let Some(cut) = cut else { return false };
        *next = (cut + 1) % count;
        let Some(leaving) = self.hangs_on[cut] else {
            return false;
        };
        // All that hangs on the item.
        let mut half = vec![false; count];
        half[cut] = true;
        for &item in &self.order {
            if let Some(call) = self.hangs_on[item] {
                let (from, to) = self.calls[call];
                half[item] |= half[if from == item { to } else { from }] && item != cut;
            }
        }
        let calls_out = self.calls[leaving].0 == cut;
        // The half moves away from the tree's call; what holds it back are calls in the other direction.
        let holds = |call: &usize| {
            let (from, to) = self.calls[*call];
            if calls_out {
                half[to] && !half[from]
            } else {
                half[from] && !half[to]
            }
        };
        let held = (0..self.calls.len())
            .filter(holds)
            .min_by_key(|&call| self.slack(call, columns));
        let Some(entering) = held else { return false };
        let slack = self.slack(entering, columns);
        let step = if calls_out { -slack } else { slack };
        for item in 0..count {
            if half[item] {
                columns[item] += step;
            }
        }
        self.in_tree[leaving] = false;
        self.in_tree[entering] = true;
        self.hang();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(calls: &[(usize, usize)], columns: &[i64]) -> i64 {
        calls.iter().map(|&(from, to)| columns[to] - columns[from]).sum()
    }

    #[test]
    fn calls_are_as_short_as_they_can_be() {
        // 0 calls 1, 1 calls 2 and 3, 4 calls 3 and 5; 5 is called by 2, too.
        let calls = [(0, 1), (1, 2), (1, 3), (4, 3), (4, 5), (2, 5)];
        let mut columns = [0, 1, 2, 2, 0, 3];
        shorten(&calls, &mut columns);
        assert!(calls.iter().all(|&(from, to)| columns[from] < columns[to]));
        assert_eq!(length(&calls, &columns), 7);
    }

    #[test]
    fn no_columns_of_small_graphs_are_better() {
        for seed in 0..60u64 {
            let bit = |at: u64| (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> at) & 1 == 1;
            let pairs = (0..5usize).flat_map(|a| (a + 1..5).map(move |b| (a, b)));
            let calls: Vec<(usize, usize)> = pairs
                .zip(10..)
                .filter(|&(_, at)| bit(at))
                .map(|(pair, _)| pair)
                .collect();
            let mut columns: Vec<i64> = (0..5).collect();
            shorten(&calls, &mut columns);
            let mut least = i64::MAX;
            for code in 0..5i64.pow(5) {
                let tried: Vec<i64> = (0..5).map(|item| code / 5i64.pow(item) % 5).collect();
                if calls.iter().all(|&(from, to)| tried[from] < tried[to]) {
                    least = least.min(length(&calls, &tried));
                }
            }
            assert!(calls.iter().all(|&(from, to)| columns[from] < columns[to]));
            assert_eq!(length(&calls, &columns), least, "{calls:?}");
        }
    }
}
