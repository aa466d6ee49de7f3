//! From samples to the traffic of every edge in a window.

use vigla_graph::TrafficRow;
use vigla_sources::RowSum;

use crate::{
    rate::Range,
    target::{Rows, Scrapes},
};

/// Rows of all edges with a sample in the window of `length` milliseconds that ends at `end`.
pub(crate) fn rows<'a>(
    targets: impl Iterator<Item = &'a Scrapes>,
    rows: &Rows,
    end: i64,
    length: i64,
) -> Vec<TrafficRow> {
    // `None` for rows without a sample in the window.
    let mut sums: Vec<Option<RowSum>> = vec![None; rows.len()];
    for target in targets {
        let (from, to) = target.between(end - length, end);
        for series in target
            .series()
            .filter(|series| from < to && series.samples.end() > from)
        {
            let mut range = Range::default();
            let mut last = None;
            series.samples.read(from, to, |index, value| {
                range.push(target.time(index), value);
                last = Some(value);
            });
            let Some(last) = last else { continue };
            // A single sample says that the series exists, and no rate.
            let rate = range.rate(end, length as f64 / 1000.0).unwrap_or(0.0);
            let sum = sums[series.row as usize].get_or_insert_default();
            sum.add_rate(series.column, rate);
            sum.add_total(series.column, last);
        }
    }
    let sums = sums.into_iter().enumerate();
    sums.filter_map(|(row, sum)| Some(sum?.finish(rows.key(row as u32)?.clone())))
        .collect()
}
