//! From samples and config to one frame of the live graph.

use std::sync::{Arc, Mutex, PoisonError};

use vigla_api::{Degraded, format_time};
use vigla_config::Snapshot;
use vigla_dataplane::Plan;
use vigla_graph::{Graph, Kept, MeshFacts, TrafficWindow, View};
use vigla_model::Timestamp;
use vigla_sources::SourceError;

use crate::live::Frame;

/// Gives the plan of a workload's proxy, by namespace and workload.
pub type PlanLookup = Arc<dyn Fn(&str, &str) -> Option<Arc<Plan>> + Send + Sync>;

/// A source that could not give its part of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degradation {
    /// The source.
    pub source: String,
    /// End of what it gave last.
    pub since: Timestamp,
    /// Why, in words.
    pub reason: String,
}

impl From<&Degradation> for Degraded {
    fn from(part: &Degradation) -> Self {
        Self {
            source: part.source.clone(),
            since: format_time(part.since),
            reason: part.reason.clone(),
        }
    }
}

/// A config, and what it says of identities.
type Known = (Arc<Snapshot>, Arc<MeshFacts>);

/// Builds frames.
#[derive(Clone)]
pub struct Builder {
    plans: PlanLookup,
    /// Parts of the metric source that are missing now, such as a sidecar that does not answer.
    blind: Arc<dyn Fn() -> Vec<Degradation> + Send + Sync>,
    /// What the newest config says of identities: looked up once a revision, not once a frame.
    facts: Arc<Mutex<Option<Known>>>,
    /// The newest window's view without causes, from which the next one is made.
    kept: Arc<Mutex<Option<Kept<MeshFacts>>>>,
}

impl Builder {
    /// `plans` tells what proxies were told, `blind` which parts of the metrics are missing.
    pub fn new(plans: PlanLookup, blind: Arc<dyn Fn() -> Vec<Degradation> + Send + Sync>) -> Self {
        Self {
            plans,
            blind,
            facts: Arc::default(),
            kept: Arc::default(),
        }
    }

    /// Joins traffic with config, and adds the causes of what is wrong. `newest` for the window that is built at
    /// every refresh.
    pub fn build(&self, number: u64, traffic: TrafficWindow, newest: bool, snapshot: Arc<Snapshot>) -> Frame {
        let facts = self.facts(&snapshot);
        let mut view = if newest {
            self.refresh(traffic, facts)
        } else {
            Graph::build(&[traffic], &*facts).into_view()
        };
        vigla_insight::explain(&mut view, &snapshot, &|namespace, workload| {
            (self.plans)(namespace, workload)
        });
        Frame {
            number,
            view,
            snapshot,
            degraded: (self.blind)(),
            stale: false,
        }
    }

    /// A copy of the kept view, after that one was brought to this window.
    fn refresh(&self, traffic: TrafficWindow, facts: Arc<MeshFacts>) -> View {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *kept {
            Some(kept) => {
                kept.update(vec![traffic], &facts);
                kept.view().clone()
            }
            None => kept.insert(Kept::build(vec![traffic], facts)).view().clone(),
        }
    }

    fn facts(&self, snapshot: &Arc<Snapshot>) -> Arc<MeshFacts> {
        let mut known = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((of, facts)) if Arc::ptr_eq(of, snapshot) => facts.clone(),
            _ => {
                let facts = Arc::new(MeshFacts::of(snapshot));
                *known = Some((snapshot.clone(), facts.clone()));
                facts
            }
        }
    }

    /// What a frame is missing when the metric source gave nothing at all.
    pub fn degraded_by(&self, error: &SourceError, before: &Frame) -> Vec<Degradation> {
        let source = error.source_name().to_owned();
        let known = before.degraded.iter().find(|part| part.source == source);
        let since = known.map_or(before.view.at, |part| part.since);
        vec![Degradation {
            source,
            since,
            reason: error.to_string(),
        }]
    }
}
