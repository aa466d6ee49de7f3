//! Where edges leave boxes: each end of an edge has a port on every box between it and the level that draws the edge.

use super::Engine;
use crate::{
    level::{Port, Side},
    sort::by_key,
    tree::{ItemIndex, TreeEdge},
};

impl Engine<'_> {
    /// Finds the ports of all boxes, and how many edges each stands for.
    pub(super) fn find_ports(&mut self) {
        self.ports_of.iter_mut().for_each(Vec::clear);
        self.weights_of.iter_mut().for_each(Vec::clear);
        for edge in &self.tree.edges {
            for (node, port) in [edge.from, edge.to].into_iter().zip(self.ports(edge)) {
                let Some(port) = port else { continue };
                for level in self.tree.levels_below(node, edge.level) {
                    self.ports_of[level].push(port);
                }
            }
        }
        for (ports, weights) in self.ports_of.iter_mut().zip(&mut self.weights_of) {
            sort_ports(ports);
            let mut different: Vec<Port> = Vec::new();
            for port in ports.drain(..) {
                if different.last() == Some(&port) {
                    *weights.last_mut().expect("each port has a weight") += 1;
                } else {
                    different.push(port);
                    weights.push(1);
                }
            }
            *ports = different;
        }
    }

    /// Where caller and callee leave their boxes; `None` for an end that has none to leave.
    pub(super) fn ports(&self, edge: &TreeEdge) -> [Option<Port>; 2] {
        let sides = match self.columns[edge.items.0].cmp(&self.columns[edge.items.1]) {
            std::cmp::Ordering::Less => [Side::Right, Side::Left],
            std::cmp::Ordering::Greater => [Side::Left, Side::Right],
            std::cmp::Ordering::Equal => [self.flat_side(edge); 2],
        };
        let port = |node: ItemIndex, item: ItemIndex, side| {
            (node != item).then(|| Port {
                node: self.tree.ids[node],
                side,
                edge: edge.own_way.then_some(edge.id),
            })
        };
        [
            port(edge.from, edge.items.0, sides[0]),
            port(edge.to, edge.items.1, sides[1]),
        ]
    }

    /// The side on which a call within a column runs: that to which both ends are nearer within their boxes.
    pub(super) fn flat_side(&self, edge: &TreeEdge) -> Side {
        let mut steps = 0;
        for node in [edge.from, edge.to] {
            let mut item = node;
            for level in self.tree.levels_below(node, edge.level) {
                steps += 2 * self.columns[item] as i32 - self.last_column[level] as i32;
                item = self.tree.item_of(level);
            }
        }
        if steps < 0 { Side::Left } else { Side::Right }
    }
}

/// Sorts ports in their own order, with the engine's one sort.
fn sort_ports(ports: &mut Vec<Port>) {
    let keys: [fn(&Port) -> u64; 3] = [
        |port| port.edge.unwrap_or_default(),
        |port| u64::from(port.side == Side::Right) << 1 | u64::from(port.edge.is_some()),
        |port| port.node,
    ];
    for key in keys {
        let order = by_key(ports.len(), |at| key(&ports[at]));
        *ports = order.into_iter().map(|at| ports[at as usize]).collect();
    }
}

pub(super) fn port_key(port: &Port) -> u64 {
    let side = match port.side {
        Side::Left => 1,
        Side::Right => 2,
    };
    // Keys of ports and edges share one space; ids are hashes, so that a turned one is another edge's by chance only,
    // and then costs one odd hint.
    port.node.rotate_left(17) ^ port.edge.unwrap_or_default().rotate_left(31) ^ side
}
