//! Graphs to draw in tests and benches: Bookinfo, and meshes of any size that look like real ones.

use crate::{BoxSpec, EdgeSpec, Input, NodeSpec, Options, Size};

/// First id of boxes; nodes count from 0.
const BOXES: u64 = 1 << 32;
/// First id of edges.
const EDGES: u64 = 1 << 33;

/// Bookinfo behind its gateway, with a caller that has no sidecar.
pub fn bookinfo() -> Input {
    let card = |id, parent: Option<u64>| NodeSpec {
        id,
        size: Size::new(128.0, 38.0),
        parent: parent.map(|at| BOXES + at),
        pin: None,
    };
    let frame = |at| BoxSpec {
        id: BOXES + at,
        parent: None,
        header: 28.0,
        padding: 14.0,
        min_width: 120.0,
    };
    let calls = [(0, 1), (7, 2), (1, 2), (1, 3), (1, 4), (1, 5), (4, 6), (5, 6)];
    Input {
        nodes: vec![
            card(0, Some(0)),
            card(1, Some(1)),
            card(2, Some(1)),
            card(3, Some(1)),
            card(4, Some(1)),
            card(5, Some(1)),
            card(6, Some(1)),
            card(7, None),
        ],
        boxes: vec![frame(0), frame(1)],
        edges: calls
            .into_iter()
            .enumerate()
            .map(|(at, (from, to))| edge(at, from, to))
            .collect(),
        options: Options::default(),
    }
}

fn edge(at: usize, from: u64, to: u64) -> EdgeSpec {
    EdgeSpec {
        id: EDGES + at as u64,
        from,
        to,
        label: Some(Size::new(60.0, 16.0)),
        own_way: false,
    }
}

/// A small generator of numbers that are the same everywhere (xorshift).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Starts at `seed`.
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed ^ 0x9E37_79B9_7F4A_7C15);
        for _ in 0..8 {
            dice.next();
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to below 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From 0 to below `count`; 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.share() * count as f64) as usize).min(count.saturating_sub(1))
    }
}

/// Workloads in a namespace of [`mesh`].
const NAMESPACE: usize = 20;

/// A mesh of `count` workloads in namespaces of twenty and about 1.45 calls a workload: trees below each namespace's
/// entry, some extra calls (one in twelve backwards), and calls between namespaces, a third of them to two shared
/// platforms. With `boxes` the namespaces are drawn. No labels, so that other engines can be compared.
pub fn mesh(count: usize, boxes: bool) -> Input {
    let mut dice = Dice::new(count as u64);
    let namespaces = count.div_ceil(NAMESPACE);
    let size = |namespace: usize| (count - namespace * NAMESPACE).min(NAMESPACE);
    let mut calls = Calls::default();
    for namespace in 0..namespaces {
        let (base, size) = (namespace * NAMESPACE, size(namespace));
        for workload in 1..size {
            if dice.share() < 0.9 {
                let callers = if dice.share() < 0.45 {
                    workload.min(3)
                } else {
                    workload
                };
                calls.add(base + dice.below(callers), base + workload);
            }
        }
        for _ in 0..size / 4 {
            let (a, b) = (dice.below(size), dice.below(size));
            let backwards = dice.share() < 1.0 / 12.0;
            let (first, then) = if (a > b) == backwards { (a, b) } else { (b, a) };
            calls.add(base + first, base + then);
        }
    }
    for namespace in 1..namespaces {
        if dice.share() < 0.34 {
            calls.add(0, namespace * NAMESPACE);
        }
    }
    let wanted = (count as f64 * 1.45) as usize;
    for _ in 0..50 * count {
        if calls.list.len() >= wanted {
            break;
        }
        let here = dice.below(namespaces);
        let caller = here * NAMESPACE + dice.below(size(here));
        if namespaces == 1 {
            let callee = dice.below(count);
            calls.add(caller.min(callee), caller.max(callee));
            continue;
        }
        let there = if namespaces > 4 && dice.share() < 0.33 {
            namespaces - 1 - dice.below(2)
        } else {
            let distance = 1 + dice.below(6);
            if dice.share() < 0.1 {
                here.saturating_sub(distance)
            } else {
                (here + distance).min(namespaces - 1)
            }
        };
        if there != here {
            let entry = dice.share() < 0.6;
            let callee = if entry { 0 } else { dice.below(size(there)) };
            calls.add(caller, there * NAMESPACE + callee);
        }
    }
    Input {
        nodes: (0..count)
            .map(|at| NodeSpec {
                id: at as u64,
                size: Size::new(120.0, 36.0),
                parent: boxes.then_some(BOXES + (at / NAMESPACE) as u64),
                pin: None,
            })
            .collect(),
        boxes: (0..if boxes { namespaces } else { 0 })
            .map(|at| BoxSpec {
                id: BOXES + at as u64,
                parent: None,
                header: 24.0,
                padding: 16.0,
                min_width: 120.0,
            })
            .collect(),
        edges: calls
            .list
            .iter()
            .enumerate()
            .map(|(at, &(from, to))| EdgeSpec {
                label: None,
                ..edge(at, from as u64, to as u64)
            })
            .collect(),
        options: Options::default(),
    }
}

/// The mesh with one call in `one_in` replaced by a random new one.
pub fn churned(input: &Input, one_in: usize, seed: u64) -> Input {
    let mut dice = Dice::new(seed);
    let mut input = input.clone();
    let count = input.nodes.len();
    for at in 0..input.edges.len() / one_in {
        let old = dice.below(input.edges.len());
        let edge = &mut input.edges[old];
        edge.id = EDGES * 2 + at as u64;
        edge.from = input.nodes[dice.below(count)].id;
        edge.to = input.nodes[dice.below(count)].id;
    }
    input.edges.retain(|edge| edge.from != edge.to);
    input
}

/// Different calls in order of their making.
#[derive(Default)]
struct Calls {
    list: Vec<(usize, usize)>,
    seen: std::collections::HashSet<(usize, usize)>,
}

impl Calls {
    fn add(&mut self, from: usize, to: usize) {
        if from != to && self.seen.insert((from, to)) {
            self.list.push((from, to));
        }
    }
}
