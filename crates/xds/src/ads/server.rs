//! The control plane's end of one ADS stream: what the proxy asked for, has, refused, and gets next.
//!
//! - Push order: clusters, endpoints, listeners, route tables, secrets. At most one answer of a kind is on its
//!   way; what changes meanwhile is sent once, in its newest form, after the answer is acknowledged.
//! - Make before break: listeners and route tables wait until new clusters have their endpoints, and a removed
//!   cluster stays until the proxy has acknowledged listeners and route tables without it.
//! - Whatever a proxy fails to say, nothing waits longer than [`PATIENCE`].
//!
//! Moments are durations since any fixed start, such as that of the stream.

mod kind;
mod message;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

pub use message::{Event, KindStatus, Push, Request};

use crate::{Resource, ResourceKind, Resources, resource::version_of};
use kind::{InFlight, Kind};

/// How long an acknowledgement is waited for before the stream goes on without it.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// One stream.
#[derive(Debug)]
pub struct Stream {
    target: Arc<Resources>,
    target_since: Duration,
    kinds: [Kind; 5],
    nonces: u64,
    /// Clusters that the target has no more, until nothing can lead to them.
    retained: BTreeMap<Arc<str>, Resource>,
    retained_since: Duration,
}

impl Stream {
    /// A new stream towards a proxy that is to have `target`.
    pub fn new(target: Arc<Resources>, now: Duration) -> Self {
        Self {
            target,
            target_since: now,
            kinds: <[Kind; 5]>::default(),
            nonces: 0,
            retained: BTreeMap::new(),
            retained_since: now,
        }
    }

    /// Changes what the proxy is to have.
    pub fn set_target(&mut self, target: Arc<Resources>, now: Duration) {
        let kind = ResourceKind::Cluster;
        let (old, new) = (self.target.of(kind), target.of(kind));
        for name in self.kinds[kind.index()]
            .sent
            .keys()
            .filter(|name| !new.contains(name))
        {
            if let Some(resource) = old.get(name) {
                self.retained.insert(Arc::clone(name), resource.clone());
                self.retained_since = now;
            }
        }
        self.retained.retain(|name, _| !new.contains(name));
        let old = std::mem::replace(&mut self.target, target);
        self.target_since = now;
        for kind in ResourceKind::ALL {
            if old.of(kind) != self.target.of(kind) {
                self.reconsider(kind);
            }
        }
    }

    /// Takes a request.
    pub fn receive(&mut self, request: Request, now: Duration) -> Event {
        let kind = request.kind;
        if self.kinds[kind.index()].names.is_none() {
            self.subscribe(request, now);
            return Event::Subscribed(kind);
        }
        let state = &mut self.kinds[kind.index()];
        if !request.nonce.is_empty() && request.nonce != state.nonce {
            return Event::Stale;
        }
        let event = match state.in_flight.take_if(|_| !request.nonce.is_empty()) {
            Some(answer) => state.settle(kind, answer, request.error, now),
            None => Event::Subscribed(kind),
        };
        if !kind.is_wildcard() {
            state.sent.retain(|name, _| request.names.contains(name));
            state.names = Some(request.names);
        }
        self.reconsider(kind);
        event
    }

    /// The next answer to send, if any. Call it until there is none, and again after each request, each change
    /// of the target, and at [`Stream::deadline`].
    pub fn poll(&mut self, now: Duration) -> Option<Push> {
        self.release(now);
        for kind in ResourceKind::ALL {
            if !self.kinds[kind.index()].may_push(now) {
                continue;
            }
            let follows_clusters = matches!(kind, ResourceKind::Listener | ResourceKind::RouteTable);
            if follows_clusters && now < self.target_since + PATIENCE && !self.clusters_are_settled() {
                continue;
            }
            return Some(self.push(kind, now));
        }
        None
    }

    /// When waiting ends at the latest; `None` when nothing is waited for.
    pub fn deadline(&self, now: Duration) -> Option<Duration> {
        let in_flight = self.kinds.iter().filter_map(|kind| kind.in_flight.as_ref());
        let unsettled = (!self.clusters_are_settled()).then_some(self.target_since);
        let retained =
            (!self.retained.is_empty() && !self.routes_are_refused()).then_some(self.retained_since);
        in_flight
            .map(|answer| answer.since)
            .chain(unsettled)
            .chain(retained)
            .map(|since| since + PATIENCE)
            .filter(|end| *end > now)
            .min()
    }

    /// Whether the proxy has all it asked for, and took it.
    pub fn is_in_sync(&self) -> bool {
        self.retained.is_empty()
            && ResourceKind::ALL.into_iter().all(|kind| {
                let state = &self.kinds[kind.index()];
                state.in_flight.is_none() && state.status.refused.is_none() && !state.is_behind
            })
    }

    /// Whether something was asked for.
    pub fn is_subscribed(&self, kind: ResourceKind) -> bool {
        self.kinds[kind.index()].names.is_some()
    }

    /// What the proxy has of a kind.
    pub fn status(&self, kind: ResourceKind) -> &KindStatus {
        &self.kinds[kind.index()].status
    }

    /// First contact about a kind. What a reconnecting proxy has already is not sent again: versions are hashes
    /// over names and contents, so an equal version means equal content.
    fn subscribe(&mut self, request: Request, now: Duration) {
        let kind = request.kind;
        let names = if kind.is_wildcard() {
            BTreeSet::new()
        } else {
            request.names
        };
        self.kinds[kind.index()].names = Some(names);
        let desired = self.desired(kind);
        let version = version_of(desired.iter().copied());
        // A proxy that got clusters on this stream waits for their endpoints, even for those that it had.
        let waits =
            kind == ResourceKind::Endpoints && !self.kinds[ResourceKind::Cluster.index()].nonce.is_empty();
        if request.version == version && !waits {
            let sent = hashes(desired);
            let state = &mut self.kinds[kind.index()];
            state.sent = sent;
            state.status.acknowledged = Some((Arc::clone(&version), now));
            state.version = Some(version);
        }
        self.reconsider(kind);
    }

    /// What the proxy is to have of a kind now, by name.
    fn desired(&self, kind: ResourceKind) -> Vec<&Resource> {
        let set = self.target.of(kind);
        match (kind, &self.kinds[kind.index()].names) {
            (_, None) => Vec::new(),
            (ResourceKind::Cluster, _) if !self.retained.is_empty() => {
                let mut all: BTreeMap<_, _> = self.retained.iter().collect();
                all.extend(set.iter().map(|resource| (&resource.name, resource)));
                all.into_values().collect()
            }
            (ResourceKind::Cluster | ResourceKind::Listener, _) => set.iter().collect(),
            (_, Some(names)) => names.iter().filter_map(|name| set.get(name)).collect(),
        }
    }

    /// Works out anew whether something of a kind is to be sent.
    fn reconsider(&mut self, kind: ResourceKind) {
        let state = &self.kinds[kind.index()];
        let desired = self.desired(kind);
        // A refused version is not sent again, whole or in part.
        let is_behind = if kind.is_wildcard() || state.status.refused.is_some() {
            state.names.is_some() && state.version != Some(version_of(desired))
        } else {
            !desired.into_iter().all(|resource| state.has(resource))
        };
        self.kinds[kind.index()].is_behind = is_behind;
    }

    fn push(&mut self, kind: ResourceKind, now: Duration) -> Push {
        let state = &self.kinds[kind.index()];
        let desired = self.desired(kind);
        let version = version_of(desired.iter().copied());
        let is_sent = |resource: &&Resource| kind.is_wildcard() || !state.has(resource);
        let resources: Vec<_> = desired.into_iter().filter(is_sent).cloned().collect();
        if kind == ResourceKind::Cluster {
            self.forget_endpoints(&resources);
            self.reconsider(ResourceKind::Endpoints);
        }
        self.nonces += 1;
        let state = &mut self.kinds[kind.index()];
        if kind.is_wildcard() {
            state.sent.clear();
        }
        state.sent.extend(hashes(&resources));
        state.is_behind = false;
        state.version = Some(Arc::clone(&version));
        state.nonce = self.nonces.to_string().into();
        state.in_flight = Some(InFlight {
            since: now,
            names: resources
                .iter()
                .map(|resource| Arc::clone(&resource.name))
                .collect(),
        });
        Push {
            kind,
            version,
            nonce: Arc::clone(&state.nonce),
            resources,
        }
    }

    /// A proxy that gets a changed cluster waits for its endpoints anew, even when those have not changed.
    fn forget_endpoints(&mut self, clusters: &[Resource]) {
        let before = std::mem::take(&mut self.kinds[ResourceKind::Cluster.index()].sent);
        let endpoints = &mut self.kinds[ResourceKind::Endpoints.index()].sent;
        for cluster in clusters {
            if before.get(&cluster.name) != Some(&cluster.hash) {
                endpoints.remove(&cluster.name);
            }
        }
    }

    /// Whether every cluster has arrived with its endpoints.
    fn clusters_are_settled(&self) -> bool {
        let clusters = &self.kinds[ResourceKind::Cluster.index()];
        if clusters.names.is_none() || clusters.status.refused.is_some() {
            return true; // There is nothing to wait for.
        }
        let endpoints = &self.kinds[ResourceKind::Endpoints.index()];
        let arrived = |resource: &Resource| {
            !self.target.of(ResourceKind::Cluster).contains(&resource.name) || endpoints.has(resource)
        };
        clusters.in_flight.is_none()
            && !clusters.is_behind
            && (endpoints.status.refused.is_some()
                || endpoints.in_flight.is_none()
                    && self.target.of(ResourceKind::Endpoints).iter().all(arrived))
    }

    /// Lets removed clusters go when nothing in the proxy leads to them any more.
    fn release(&mut self, now: Duration) {
        if self.retained.is_empty() {
            return;
        }
        let routes = [ResourceKind::Listener, ResourceKind::RouteTable];
        let gone = routes.into_iter().all(|kind| {
            let state = &self.kinds[kind.index()];
            state.in_flight.is_none() && state.status.refused.is_none() && !state.is_behind
        });
        // Who refused the new routes goes on with the old ones, and needs their clusters.
        if gone || (now >= self.retained_since + PATIENCE && !self.routes_are_refused()) {
            self.retained.clear();
            self.reconsider(ResourceKind::Cluster);
        }
    }

    fn routes_are_refused(&self) -> bool {
        [ResourceKind::Listener, ResourceKind::RouteTable]
            .into_iter()
            .any(|kind| self.kinds[kind.index()].status.refused.is_some())
    }
}

fn hashes<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> BTreeMap<Arc<str>, u64> {
    let pairs = resources
        .into_iter()
        .map(|resource| (Arc::clone(&resource.name), resource.hash));
    pairs.collect()
}

#[cfg(test)]
mod tests;
