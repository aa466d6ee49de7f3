//! Health of nodes and edges from shares of answers, with sentences that name the threshold.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use vigla_model::{Protocol, Ratio};

use crate::{Edge, Health, HealthState, Id, Node, NodeKind, ResponseKey, Side, View, id::ById};

/// Fewer requests than this in a window and the state says that it stands on little.
const TINY_SAMPLE: f64 = 10.0;

/// One line of the defaults: from which share on is it degraded, from which failing.
struct Threshold {
    what: &'static str,
    counts: fn(&ResponseKey) -> bool,
    /// `None`: every single one degrades.
    degraded: Option<f64>,
    failing: f64,
}

/// The defaults. An answer is counted by the first line that fits it.
const THRESHOLDS: [Threshold; 4] = [
    Threshold {
        what: "without response",
        counts: |key| key.code == Some(0),
        degraded: None,
        failing: 0.10,
    },
    Threshold {
        what: "with a gRPC error",
        counts: |key| key.grpc_status.is_some_and(|status| status != 0),
        degraded: None,
        failing: 0.10,
    },
    Threshold {
        what: "with HTTP 5xx",
        counts: |key| key.code.is_some_and(|code| (500..600).contains(&code)),
        degraded: None,
        failing: 0.10,
    },
    Threshold {
        what: "with HTTP 4xx",
        counts: |key| key.code.is_some_and(|code| (400..500).contains(&code)),
        degraded: Some(0.10),
        failing: 0.20,
    },
];

/// Fills what follows from edges: sides of nodes, and the health of both.
pub(crate) fn settle(view: &mut View) {
    let mut refused: BTreeMap<Id, (f64, f64)> = BTreeMap::new();
    for node in view.nodes.values_mut() {
        (node.inbound, node.outbound) = (Side::default(), Side::default());
    }
    for edge in view.edges.values_mut() {
        edge.health = of_edge(edge, view.window);
        if let Some(node) = view.nodes.get_mut(&edge.target) {
            node.inbound.add(&edge.shown);
            refused.entry(edge.target).or_default().0 += edge.refused;
        }
        if let Some(node) = view.nodes.get_mut(&edge.source) {
            node.outbound.add(&edge.shown);
            refused.entry(edge.source).or_default().1 += edge.refused;
        }
    }
    for node in view.nodes.values_mut() {
        node.health = of_node(
            node,
            refused.get(&node.id).copied().unwrap_or_default(),
            view.window,
        );
    }
}

/// Edges of each node by their ids, incoming and outgoing: what its sums are made of.
#[derive(Debug, Default)]
pub(crate) struct Beside(ById<Id, (Vec<Id>, Vec<Id>)>);

impl Beside {
    pub(crate) fn of(view: &View) -> Self {
        let mut beside = Self::default();
        for edge in view.edges.values() {
            beside.0.entry(edge.target).or_default().0.push(edge.id);
            beside.0.entry(edge.source).or_default().1.push(edge.id);
        }
        beside
    }
}

/// Fills what follows from some edges that changed, and gives the nodes that changed by it.
///
/// Sums are made of the same edges in the same order as [`settle`] makes them, so they are the same to the last bit.
pub(crate) fn settle_part(view: &mut View, beside: &Beside, edges: &BTreeSet<Id>) -> BTreeSet<Id> {
    let mut ends = BTreeSet::new();
    for id in edges {
        if let Some(edge) = view.edges.get_mut(id) {
            edge.health = of_edge(edge, view.window);
            ends.extend([edge.source, edge.target]);
        }
    }
    ends.retain(|id| {
        let (Some(node), Some((incoming, outgoing))) = (view.nodes.get_mut(id), beside.0.get(id)) else {
            return false;
        };
        let (mut inbound, mut outbound, mut refused) = (Side::default(), Side::default(), (0.0, 0.0));
        for edge in incoming.iter().filter_map(|id| view.edges.get(id)) {
            inbound.add(&edge.shown);
            refused.0 += edge.refused;
        }
        for edge in outgoing.iter().filter_map(|id| view.edges.get(id)) {
            outbound.add(&edge.shown);
            refused.1 += edge.refused;
        }
        let changed = (&node.inbound, &node.outbound) != (&inbound, &outbound);
        (node.inbound, node.outbound) = (inbound, outbound);
        let health = of_node(node, refused, view.window);
        let changed = changed || health != node.health;
        node.health = health;
        changed
    });
    ends
}

fn of_edge(edge: &Edge, window: Duration) -> Health {
    let mut verdict = Verdict::default();
    verdict.judge(&edge.shown, edge.refused, "requests", window);
    if edge.protocol == Protocol::Tcp && !edge.shown.traffic.is_zero() {
        verdict.reach(HealthState::Ok);
    }
    verdict.health(HealthState::NoTraffic)
}

fn of_node(node: &Node, (refused_in, refused_out): (f64, f64), window: Duration) -> Health {
    let mut verdict = Verdict::default();
    if let Some((ready, wanted)) = node.replicas
        && ready < wanted
    {
        let state = if ready == 0 {
            HealthState::Failing
        } else {
            HealthState::Degraded
        };
        verdict.say(
            state,
            f64::INFINITY,
            format!("{ready} of {wanted} instances are ready"),
        );
    }
    verdict.judge(&node.inbound, refused_in, "requests to it", window);
    verdict.judge(&node.outbound, refused_out, "requests from it", window);
    // Without a sidecar nobody counts what its callers' proxies do not see.
    let blind = node.sidecar == Some(false) || node.kind == NodeKind::Unknown;
    verdict.health(if blind {
        HealthState::Unknown
    } else {
        HealthState::NoTraffic
    })
}

/// The worst state so far and the sentences that led to it.
#[derive(Default)]
struct Verdict {
    state: Option<HealthState>,
    reasons: Vec<(HealthState, f64, String)>,
    notes: Vec<String>,
}

impl Verdict {
    fn reach(&mut self, state: HealthState) {
        self.state = self.state.max(Some(state));
    }

    fn say(&mut self, state: HealthState, weight: f64, reason: String) {
        self.reach(state);
        self.reasons.push((state, weight, reason));
    }

    /// Compares the answers of one side with every threshold.
    fn judge(&mut self, side: &Side, refused: f64, of_what: &str, window: Duration) {
        let attempts = side.traffic.requests.max(side.traffic.connections) + refused;
        if let Some(share) = Ratio::of(refused, attempts)
            && refused > 0.0
        {
            let state = if share.get() >= 0.10 {
                HealthState::Failing
            } else {
                HealthState::Degraded
            };
            let reason = format!(
                "{share} of the connections were refused ({})",
                limit(state, None, 0.10)
            );
            self.say(state, share.get(), reason);
        }
        let requests = side.traffic.requests;
        if requests <= 0.0 {
            if !side.traffic.is_zero() {
                self.reach(HealthState::Ok);
            }
            return;
        }
        self.reach(HealthState::Ok);
        let mut counted = [0.0; THRESHOLDS.len()];
        for (key, rate) in &side.responses {
            if let Some(line) = THRESHOLDS.iter().position(|threshold| (threshold.counts)(key)) {
                counted[line] += rate;
            }
        }
        for (threshold, rate) in THRESHOLDS.iter().zip(counted) {
            let Some(share) = Ratio::of(rate, requests).filter(|share| share.get() > 0.0) else {
                continue;
            };
            let state = match share.get() {
                share if share >= threshold.failing => HealthState::Failing,
                share if share >= threshold.degraded.unwrap_or(0.0) => HealthState::Degraded,
                _ => continue,
            };
            let limit = limit(state, threshold.degraded, threshold.failing);
            let reason = format!("{share} of the {of_what} ended {} ({limit})", threshold.what);
            self.say(state, share.get(), reason);
        }
        let sample = (requests * window.as_secs_f64()).round();
        if sample < TINY_SAMPLE {
            let note = format!("only {sample} {of_what} in the window: a tiny sample");
            self.notes.push(note);
        }
    }

    /// The state, worst reason first, notes last; `quiet` when nothing was counted.
    fn health(mut self, quiet: HealthState) -> Health {
        self.reasons
            .sort_by(|a, b| (b.0, b.1).partial_cmp(&(a.0, a.1)).expect("shares are never NaN"));
        let reasons = self.reasons.into_iter().map(|(_, _, reason)| reason);
        Health {
            state: self.state.unwrap_or(quiet),
            why: reasons.chain(self.notes).collect(),
        }
    }
}

/// The threshold that a state passed, in words.
fn limit(state: HealthState, degraded: Option<f64>, failing: f64) -> String {
    let percent = |share: f64| format!("{}\u{202f}%", share * 100.0);
    match (state, degraded) {
        (HealthState::Failing, _) => format!("failing from {}", percent(failing)),
        (_, Some(share)) => format!("degraded from {}", percent(share)),
        (_, None) => "degraded from the first".to_owned(),
    }
}

#[cfg(test)]
mod tests;
