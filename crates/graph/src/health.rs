//! Health of nodes and edges from shares of answers, with sentences that name the threshold.

use std::{collections::BTreeMap, time::Duration};

use vigla_model::{Protocol, Ratio};

use crate::{Edge, Health, HealthState, Id, Node, NodeKind, ResponseKey, Side, View};

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
