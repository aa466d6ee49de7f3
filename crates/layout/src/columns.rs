//! Which column an item stands in: calls point to the right; cycles are broken by few reversals.

mod simplex;

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{Size, sort::by_key};

/// One level's items and the calls between them, by their numbers within the level.
pub(crate) struct Task<'a> {
    pub(crate) sizes: &'a [Size],
    pub(crate) edges: &'a [(usize, usize)],
    /// Columns that were on screen; unknown items join the column after their callers.
    pub(crate) known: &'a [Option<u32>],
    pub(crate) node_gap: f32,
    pub(crate) column_gap: f32,
    /// Fold a long strip of boxes to about this width : height.
    pub(crate) fold: Option<f32>,
}

/// Columns, and the size that the level will about have.
pub(crate) fn assign(task: &Task<'_>) -> (Vec<u32>, Size) {
    let calls = Calls::new(task);
    if task.known.iter().flatten().count() * 2 > task.sizes.len() {
        let columns = keep(task, &calls);
        let size = extent(task, &columns);
        return (columns, size);
    }
    let mut columns = vec![0i64; task.sizes.len()];
    for &item in &calls.order {
        columns[item] = calls.before[item]
            .iter()
            .map(|&caller| columns[caller] + 1)
            .max()
            .unwrap_or(0);
    }
    simplex::shorten(&calls.list, &mut columns);
    let least = columns.iter().copied().min().unwrap_or(0);
    let mut columns: Vec<u32> = columns.iter().map(|column| (column - least) as u32).collect();
    let size = extent(task, &columns);
    if let Some(aspect) = task.fold
        && size.width > 2.0 * aspect * size.height
    {
        fold(task, &calls, aspect, &mut columns);
        let size = extent(task, &columns);
        return (columns, size);
    }
    (columns, size)
}

/// Calls without cycles, both ways, and an order that they all follow.
struct Calls {
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    /// All of them.
    list: Vec<(usize, usize)>,
    order: Vec<usize>,
}

impl Calls {
    fn new(task: &Task<'_>) -> Self {
        let order = flow(task);
        let mut place = vec![0; order.len()];
        for (at, &item) in order.iter().enumerate() {
            place[item] = at;
        }
        let (mut before, mut after) = (vec![Vec::new(); order.len()], vec![Vec::new(); order.len()]);
        let mut list = Vec::with_capacity(task.edges.len());
        for &(a, b) in task.edges {
            let (first, then) = if place[a] < place[b] { (a, b) } else { (b, a) };
            if first != then {
                after[first].push(then);
                before[then].push(first);
                list.push((first, then));
            }
        }
        Self {
            before,
            after,
            list,
            order,
        }
    }
}

/// An order with few calls against it (Eades, Lin and Smyth): pure callers go to the front, pure callees to the back,
/// and between them the item with the most surplus of calls is next.
fn flow(task: &Task<'_>) -> Vec<usize> {
    const CALLER: i64 = i64::MAX;
    const CALLEE: i64 = i64::MAX - 1;
    let count = task.sizes.len();
    let (mut after, mut before) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for &(a, b) in task.edges {
        if a != b {
            after[a].push(b);
            before[b].push(a);
        }
    }
    let mut open: Vec<(i64, i64)> = (0..count)
        .map(|item| (after[item].len() as i64, before[item].len() as i64))
        .collect();
    let urgency = |(calls, called): (i64, i64)| match (calls, called) {
        (_, 0) => CALLER,
        (0, _) => CALLEE,
        (calls, called) => calls - called,
    };
    let mut heap: BinaryHeap<(i64, Reverse<usize>)> = (0..count)
        .map(|item| (urgency(open[item]), Reverse(item)))
        .collect();
    let mut placed = vec![false; count];
    let (mut front, mut back) = (Vec::with_capacity(count), Vec::new());
    while let Some((value, Reverse(item))) = heap.pop() {
        if placed[item] || value != urgency(open[item]) {
            continue;
        }
        placed[item] = true;
        if value == CALLEE {
            back.push(item);
        } else {
            front.push(item);
        }
        for &next in &after[item] {
            if !placed[next] {
                open[next].1 -= 1;
                heap.push((urgency(open[next]), Reverse(next)));
            }
        }
        for &next in &before[item] {
            if !placed[next] {
                open[next].0 -= 1;
                heap.push((urgency(open[next]), Reverse(next)));
            }
        }
    }
    back.reverse();
    front.extend(back);
    front
}

/// Known items stay in their columns; a new one joins the column after its callers, or before its callees.
fn keep(task: &Task<'_>, calls: &Calls) -> Vec<u32> {
    let mut columns: Vec<Option<u32>> = task.known.to_vec();
    let last = columns.iter().flatten().copied().max().unwrap_or(0);
    for &item in &calls.order {
        if columns[item].is_some() {
            continue;
        }
        let after_callers = calls.before[item]
            .iter()
            .filter_map(|&caller| columns[caller])
            .max()
            .map(|column| column + 1);
        let before_callees = calls.after[item]
            .iter()
            .filter_map(|&callee| columns[callee])
            .min()
            .map(|column| column.saturating_sub(1));
        columns[item] = Some(after_callers.or(before_callees).unwrap_or(0).min(last + 1));
    }
    columns.into_iter().map(|column| column.unwrap_or(0)).collect()
}

/// Fills columns one after the other up to the height that gives the wanted shape. Calls within a column result.
fn fold(task: &Task<'_>, calls: &Calls, aspect: f32, columns: &mut [u32]) {
    let area: f32 = task
        .sizes
        .iter()
        .map(|size| (size.width + 2.0 * task.column_gap) * (size.height + 3.0 * task.node_gap))
        .sum();
    let wanted = (area / aspect).sqrt();
    let by_column = by_key(calls.order.len(), |at| u64::from(columns[calls.order[at]]));
    let (mut column, mut used) = (0, 0.0);
    for at in by_column {
        let item = calls.order[at as usize];
        let height = task.sizes[item].height + 3.0 * task.node_gap;
        if used > 0.0 && used + height / 2.0 > wanted {
            column += 1;
            used = 0.0;
        }
        used += height;
        columns[item] = column;
    }
    settle(task, wanted, columns);
}

/// Moves single items to columns where their calls are shorter, while columns keep about the wanted height.
fn settle(task: &Task<'_>, wanted: f32, columns: &mut [u32]) {
    const ROUNDS: usize = 8;
    /// A column may be so much higher than wanted.
    const TOLERANCE: f32 = 1.1;
    let height = |item: usize| task.sizes[item].height + 3.0 * task.node_gap;
    let count = columns.iter().max().map_or(0, |&last| last + 1);
    let mut heights = vec![0.0; count as usize];
    let mut calls = vec![Vec::new(); columns.len()];
    for (item, &column) in columns.iter().enumerate() {
        heights[column as usize] += height(item);
    }
    for &(a, b) in task.edges {
        if a != b {
            calls[a].push((b, true));
            calls[b].push((a, false));
        }
    }
    for _ in 0..ROUNDS {
        let mut moved = false;
        for item in 0..columns.len() {
            let now = columns[item];
            let cost = |column: u32| -> f32 {
                let far = |&(other, is_callee): &(usize, bool)| {
                    let step = i64::from(columns[other]) - i64::from(column);
                    strain(if is_callee { step } else { -step })
                };
                calls[item].iter().map(far).sum()
            };
            let fits = |column: u32| heights[column as usize] + height(item) <= TOLERANCE * wanted;
            let (mut best, mut target) = (cost(now) - 0.01, now);
            for column in (0..count).filter(|&column| column != now && fits(column)) {
                let cost = cost(column);
                if cost < best {
                    (best, target) = (cost, column);
                }
            }
            if target != now {
                heights[now as usize] -= height(item);
                heights[target as usize] += height(item);
                columns[item] = target;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    // A column that everything left is no column.
    let mut used = vec![0; count as usize + 1];
    columns.iter().for_each(|&column| used[column as usize + 1] = 1);
    for column in 0..count as usize {
        used[column + 1] += used[column];
    }
    columns
        .iter_mut()
        .for_each(|column| *column = used[*column as usize]);
}

/// How much a call that goes so many columns to the right disturbs a folded picture: within a column it crosses what
/// leaves the column, backwards it reads badly, and far ones cross what they pass.
fn strain(step: i64) -> f32 {
    match step {
        1.. => step as f32,
        0 => 1.8,
        _ => 1.0 - step as f32,
    }
}

fn extent(task: &Task<'_>, columns: &[u32]) -> Size {
    let count = columns.iter().max().map_or(0, |&last| last as usize + 1);
    let (mut widths, mut heights) = (vec![0f32; count], vec![0f32; count]);
    for (size, &column) in task.sizes.iter().zip(columns) {
        let column = column as usize;
        widths[column] = widths[column].max(size.width);
        heights[column] += size.height + task.node_gap;
    }
    Size::new(
        widths.iter().map(|width| width + task.column_gap).sum(),
        heights.iter().copied().fold(0.0, f32::max),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(count: usize, edges: &[(usize, usize)]) -> Vec<u32> {
        assign(&Task {
            sizes: &vec![Size::new(100.0, 40.0); count],
            edges,
            known: &vec![None; count],
            node_gap: 20.0,
            column_gap: 50.0,
            fold: None,
        })
        .0
    }

    #[test]
    fn calls_point_to_the_right() {
        assert_eq!(columns(4, &[(0, 1), (1, 2), (0, 2), (2, 3)]), [0, 1, 2, 3]);
    }

    #[test]
    fn one_call_of_a_cycle_is_reversed() {
        let columns = columns(3, &[(0, 1), (1, 2), (2, 0)]);
        let reversed = [(0, 1), (1, 2), (2, 0)]
            .iter()
            .filter(|&&(a, b): &&(usize, usize)| columns[a] > columns[b])
            .count();
        assert_eq!(reversed, 1);
    }

    #[test]
    fn a_caller_stands_right_before_its_callee() {
        // 3 calls 2 only: beside 1, not at the far left.
        assert_eq!(columns(4, &[(0, 1), (1, 2), (3, 2)]), [0, 1, 2, 1]);
    }

    #[test]
    fn known_columns_stay_and_new_items_follow_their_callers() {
        let (columns, _) = assign(&Task {
            sizes: &[Size::new(100.0, 40.0); 3],
            edges: &[(0, 1), (1, 2)],
            known: &[Some(4), Some(5), None],
            node_gap: 20.0,
            column_gap: 50.0,
            fold: None,
        });
        assert_eq!(columns, [4, 5, 6]);
    }
}
