//! What each level is asked to draw, and what it is told of other pictures.

use super::{Engine, Level, Pass, ports::port_key};
use crate::{
    level::{Frame, HintUse, Hints, Item, LevelSpec, Link, Port, Side, Tip},
    tree::ItemIndex,
};

/// Distance from the page's border, for lines around the outermost items.
const PAGE_PADDING: f32 = 12.0;

impl Engine<'_> {
    /// What a level draws.
    pub(super) fn spec(&self, level: usize, levels: &[Option<Level>]) -> LevelSpec {
        let tree = self.tree;
        let items = &tree.items[level];
        let local = |item: ItemIndex| items.partition_point(|&other| other < item);
        let frame = match level {
            page if page == tree.page() => Frame {
                padding: PAGE_PADDING,
                ..Frame::default()
            },
            _ => {
                let spec = &tree.input.boxes[level];
                Frame {
                    header: spec.header,
                    padding: spec.padding,
                    min_width: spec.min_width,
                }
            }
        };
        let ports = self.ports_of[level].clone();
        let tip = |item: ItemIndex, port: Option<Port>| Tip {
            vertex: local(item),
            offset: tree
                .level_in(item)
                .and_then(|inner| Some(levels[inner].as_ref()?.port_offset(port?)))
                .unwrap_or(0.0),
        };
        let mut links = Vec::with_capacity(ports.len() + self.edges_of[level].len());
        for (at, port) in ports.iter().enumerate() {
            let inner = tip(tree.holder(tree.at(port.node), level), Some(*port));
            let border = Tip {
                vertex: items.len() + at,
                offset: 0.0,
            };
            let (from, to) = match port.side {
                Side::Left => (border, inner),
                Side::Right => (inner, border),
            };
            links.push(Link {
                key: port_key(port),
                from,
                to,
                reversed: false,
                flat: Side::Right,
            });
        }
        for &edge in &self.edges_of[level] {
            let edge = &tree.edges[edge];
            let [from_port, to_port] = self.ports(edge);
            let from = tip(edge.items.0, from_port);
            let to = tip(edge.items.1, to_port);
            let reversed = self.columns[edge.items.0] > self.columns[edge.items.1];
            let (from, to) = if reversed { (to, from) } else { (from, to) };
            links.push(Link {
                key: edge.id,
                from,
                to,
                reversed,
                flat: self.flat_side(edge),
            });
        }
        LevelSpec {
            frame,
            items: items
                .iter()
                .map(|&item| Item {
                    id: tree.ids[item],
                    size: match tree.level_in(item) {
                        None => tree.sizes[item],
                        Some(inner) => levels[inner]
                            .as_ref()
                            .map(|inner| inner.kept.drawing.size)
                            .unwrap_or_default(),
                    },
                    column: self.columns[item],
                    is_box: tree.level_in(item).is_some(),
                    pin: self.pin(item),
                })
                .collect(),
            links,
            options: tree.input.options,
            ports,
        }
    }

    /// Hints from the picture on screen.
    pub(super) fn hints_to_hold(&self, level: usize, spec: &LevelSpec) -> Hints {
        let Some(previous) = self.previous else {
            return self.first_hints(level);
        };
        let remembered = self.remembered(level);
        let old_port = |port: &Port| {
            let old = remembered?;
            let at = old.kept.spec.ports.binary_search(port).ok()?;
            Some(old.origin.y + old.kept.drawing.ports[at])
        };
        let items = spec.items.iter().map(|item| {
            if let (Some(pin), Some(old)) = (item.pin, remembered) {
                return Some(old.origin.y + pin.y);
            }
            let rect = previous
                .find_node(item.id)
                .or_else(|| previous.find_box(item.id))?;
            Some(rect.middle().y)
        });
        let lanes = remembered.map(|old| old.kept.drawing.lanes.moved(old.origin.y));
        Hints {
            heights: items.chain(spec.ports.iter().map(old_port)).collect(),
            lanes: lanes.unwrap_or_default(),
            room: remembered.map(|old| old.kept.drawing.size),
            use_as: HintUse::Hold,
            ..self.first_hints(level)
        }
    }

    pub(super) fn first_hints(&self, level: usize) -> Hints {
        Hints {
            weights: self.weights_of[level].clone(),
            is_draft: self.hurries,
            ..Hints::default()
        }
    }

    /// Hints from the pass before: ports by the far ends of their links.
    pub(super) fn hints_from(&self, last: &Pass, level: usize, spec: &LevelSpec) -> Hints {
        let Pass { layout, far, .. } = last;
        let items = spec.items.iter().map(|item| {
            let rect = layout.find_node(item.id).or_else(|| layout.find_box(item.id))?;
            Some(rect.middle().y)
        });
        let mean = |heights: &Vec<f32>| {
            let sum: f32 = heights.iter().sum();
            (!heights.is_empty()).then(|| sum / heights.len() as f32)
        };
        Hints {
            heights: items.chain(far[level].iter().map(mean)).collect(),
            far: far[level].clone(),
            use_as: HintUse::Seed,
            ..self.first_hints(level)
        }
    }
}
