//! In which column of its level each item stands.

use super::{Engine, FOLD_FROM};
use crate::{
    Point, Size,
    columns::{self, Task},
    memory::Kept,
    tree::ItemIndex,
};

impl Engine<'_> {
    /// Columns inside out, because the estimated size of a box counts in the level around it.
    pub(super) fn assign_columns(&mut self, page_aspect: f32) {
        let tree = self.tree;
        let options = &tree.input.options;
        let mut sizes = tree.sizes.clone();
        sizes.resize(tree.ids.len(), Size::default());
        let mut local = vec![0; tree.ids.len()];
        for &level in &tree.inside_out {
            let items = &tree.items[level];
            for (at, &item) in items.iter().enumerate() {
                local[item] = at;
            }
            let edges: Vec<(usize, usize)> = self.edges_of[level]
                .iter()
                .map(|&edge| tree.edges[edge].items)
                .map(|(a, b)| (local[a], local[b]))
                .collect();
            let known: Vec<Option<u32>> = items.iter().map(|&item| self.known_column(item)).collect();
            let boxes = items
                .iter()
                .filter(|&&item| tree.level_in(item).is_some())
                .count();
            let aspect = if level == tree.page() {
                page_aspect
            } else {
                options.aspect
            };
            let (columns, size) = columns::assign(&Task {
                sizes: &items.iter().map(|&item| sizes[item]).collect::<Vec<_>>(),
                edges: &edges,
                known: &known,
                node_gap: options.node_gap,
                column_gap: options.column_gap,
                fold: (boxes >= FOLD_FROM).then_some(aspect),
            });
            self.last_column[level] = columns.iter().copied().max().unwrap_or(0);
            for (&item, column) in items.iter().zip(columns) {
                self.columns[item] = column;
            }
            if level != tree.page() {
                let spec = &tree.input.boxes[level];
                sizes[tree.item_of(level)] = Size::new(
                    (size.width + 2.0 * spec.padding).max(spec.min_width),
                    size.height + spec.header + spec.padding,
                );
            }
        }
    }

    /// Where an item was put by hand. A first picture is drawn without: it tells where columns are.
    pub(super) fn pin(&self, item: ItemIndex) -> Option<Point> {
        self.previous?;
        self.tree.input.nodes.get(item)?.pin
    }

    /// The column that is nearest to where an item was put, unless it is there already.
    pub(super) fn pinned_column(&self, item: ItemIndex) -> Option<u32> {
        let pin = self.pin(item)?;
        let Kept { spec, drawing } = &*self.remembered(self.tree.level_of[item])?.kept;
        let id = self.tree.ids[item];
        let others = spec.items.iter().zip(&drawing.items);
        let (mut nearest, mut end) = (None, (0, 0f32));
        for (other, place) in others {
            if other.id == id {
                if other.pin == Some(pin) {
                    return None;
                }
                continue;
            }
            let distance = (place.x + other.size.width / 2.0 - pin.x).abs();
            if nearest.is_none_or(|(least, _)| distance < least) {
                nearest = Some((distance, other.column));
            }
            end = (end.0.max(other.column + 1), end.1.max(place.x + other.size.width));
        }
        let (_, column) = nearest?;
        let beyond = pin.x > end.1 + self.tree.input.options.column_gap / 2.0;
        Some(if beyond { end.0 } else { column })
    }

    pub(super) fn known_column(&self, item: ItemIndex) -> Option<u32> {
        if let Some(column) = self.pinned_column(item) {
            return Some(column);
        }
        let memory = &self.previous?.memory;
        let id = self.tree.ids[item];
        if let Some(at) = memory.items.find(id) {
            return Some(memory.columns[at]);
        }
        // What was in a collapsed box comes back to where it was.
        let level = memory.earlier(self.box_id(self.tree.level_of[item])).next()?;
        let item = level.kept.spec.items.iter().find(|item| item.id == id)?;
        Some(item.column)
    }
}
