//! Streams as dialogues: what the proxy says, and what it gets.

use super::*;
use crate::ResourceKind::{Cluster, Endpoints, Listener, RouteTable, Secret};

/// A target from `(kind, name, content)`.
fn target(parts: &[(ResourceKind, &str, u64)]) -> Arc<Resources> {
    let mut resources = Resources::default();
    for (kind, name, content) in parts {
        resources
            .of_mut(*kind)
            .insert(Resource::new((*name).into(), b"any", *content));
    }
    Arc::new(resources)
}

struct Proxy {
    stream: Stream,
    now: Duration,
    nonces: BTreeMap<ResourceKind, (Arc<str>, Arc<str>)>,
    names: BTreeMap<ResourceKind, BTreeSet<Arc<str>>>,
}

impl Proxy {
    fn new(target: Arc<Resources>) -> Self {
        Self {
            stream: Stream::new(target, Duration::ZERO),
            now: Duration::ZERO,
            nonces: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    fn say(&mut self, kind: ResourceKind, error: Option<&str>) -> Event {
        let (nonce, version) = self.nonces.get(&kind).cloned().unwrap_or_default();
        let request = Request {
            kind,
            version,
            nonce,
            names: self.names.get(&kind).cloned().unwrap_or_default(),
            error: error.map(Into::into),
        };
        self.stream.receive(request, self.now)
    }

    fn ask(&mut self, kind: ResourceKind, names: &[&str]) -> Event {
        self.names
            .insert(kind, names.iter().map(|name| (*name).into()).collect());
        self.say(kind, None)
    }

    fn ack(&mut self, kind: ResourceKind) {
        assert!(
            matches!(self.say(kind, None), Event::Acknowledged { .. }),
            "{kind}"
        );
    }

    /// All answers that come now, as `CDS a b`; they are remembered, not acknowledged.
    fn hear(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        while let Some(push) = self.stream.poll(self.now) {
            self.nonces.insert(push.kind, (push.nonce, push.version));
            let names: Vec<&str> = push.resources.iter().map(|resource| &*resource.name).collect();
            heard.push(format!("{} {}", push.kind, names.join(" ")).trim().to_owned());
        }
        heard
    }

    fn set(&mut self, parts: &[(ResourceKind, &str, u64)]) {
        self.stream.set_target(target(parts), self.now);
    }

    fn later(&mut self, duration: Duration) {
        self.now += duration;
    }
}

const START: [(ResourceKind, &str, u64); 5] = [
    (Cluster, "a", 1),
    (Endpoints, "a", 1),
    (Listener, "l", 1),
    (RouteTable, "9080", 1),
    (Secret, "default", 1),
];

/// A proxy that has everything of `START`.
fn settled() -> Proxy {
    let mut proxy = Proxy::new(target(&START));
    proxy.ask(Cluster, &[]);
    proxy.ask(Listener, &[]);
    assert_eq!(proxy.hear(), ["CDS a"], "listeners wait for endpoints");
    proxy.ack(Cluster);
    proxy.ask(Endpoints, &["a"]);
    proxy.ask(Secret, &["default"]);
    assert_eq!(proxy.hear(), ["EDS a", "SDS default"]);
    proxy.ack(Endpoints);
    proxy.ack(Secret);
    assert_eq!(proxy.hear(), ["LDS l"]);
    proxy.ack(Listener);
    proxy.ask(RouteTable, &["9080"]);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    proxy.ack(RouteTable);
    assert!(proxy.hear().is_empty() && proxy.stream.is_in_sync());
    assert_eq!(proxy.stream.deadline(proxy.now), None);
    proxy
}

#[test]
fn a_proxy_gets_what_it_asks_for_in_order() {
    settled();
}

#[test]
fn only_what_changed_is_sent() {
    let mut proxy = settled();
    let mut next = START;
    next[3].2 = 2;
    proxy.set(&next);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    assert!(!proxy.stream.is_in_sync());
    proxy.later(Duration::from_millis(3));
    let event = proxy.say(RouteTable, None);
    assert!(matches!(event, Event::Acknowledged { took, .. } if took == Duration::from_millis(3)));
    assert!(proxy.stream.is_in_sync());
}

#[test]
fn routes_wait_for_the_endpoints_of_a_new_cluster() {
    let mut proxy = settled();
    let mut next = START.to_vec();
    next.extend([(Cluster, "b", 1), (Endpoints, "b", 1)]);
    next[3].2 = 2;
    proxy.set(&next);
    assert_eq!(proxy.hear(), ["CDS a b"]);
    proxy.ack(Cluster);
    assert!(proxy.hear().is_empty());
    proxy.ask(Endpoints, &["a", "b"]);
    assert_eq!(proxy.hear(), ["EDS b"]);
    proxy.ack(Endpoints);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
}

#[test]
fn routes_do_not_wait_for_ever() {
    let mut proxy = settled();
    let mut next = START.to_vec();
    next.extend([(Cluster, "b", 1), (Endpoints, "b", 1)]);
    next[3].2 = 2;
    proxy.set(&next);
    assert_eq!(proxy.hear(), ["CDS a b"]);
    assert_eq!(proxy.stream.deadline(proxy.now), Some(PATIENCE));
    proxy.later(PATIENCE);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
}

#[test]
fn a_changed_cluster_gets_its_endpoints_again() {
    let mut proxy = settled();
    let mut next = START;
    next[0].2 = 2;
    proxy.set(&next);
    assert_eq!(proxy.hear(), ["CDS a", "EDS a"]);
}

#[test]
fn a_removed_cluster_stays_until_the_routes_without_it_are_acknowledged() {
    let mut proxy = settled();
    let next = [
        (Cluster, "b", 1),
        (Endpoints, "b", 1),
        START[2],
        (RouteTable, "9080", 2),
        START[4],
    ];
    proxy.set(&next);
    assert_eq!(proxy.hear(), ["CDS a b"]);
    proxy.ack(Cluster);
    proxy.ask(Endpoints, &["a", "b"]);
    assert_eq!(proxy.hear(), ["EDS b"]);
    proxy.ack(Endpoints);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    assert!(proxy.hear().is_empty(), "not acknowledged yet");
    proxy.ack(RouteTable);
    assert_eq!(proxy.hear(), ["CDS b"]);
    proxy.ack(Cluster);
    assert!(proxy.hear().is_empty() && proxy.stream.is_in_sync());
}

#[test]
fn a_removed_cluster_goes_after_five_seconds_without_word() {
    let mut proxy = settled();
    proxy.set(&[START[2], (RouteTable, "9080", 2)]);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    proxy.later(PATIENCE);
    assert_eq!(proxy.hear(), ["CDS"]);
}

#[test]
fn who_refuses_the_new_routes_keeps_the_old_clusters() {
    let mut proxy = settled();
    proxy.set(&[START[2], (RouteTable, "9080", 2)]);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    proxy.say(RouteTable, Some("no"));
    proxy.later(PATIENCE * 2);
    assert!(proxy.hear().is_empty());
    assert_eq!(proxy.stream.deadline(proxy.now), None);
}

#[test]
fn a_cluster_that_comes_back_was_never_gone() {
    let mut proxy = settled();
    proxy.set(&[START[2], (RouteTable, "9080", 2)]);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    proxy.set(&START);
    assert!(proxy.hear().is_empty(), "the answer in flight comes first");
    proxy.ack(RouteTable);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    proxy.ack(RouteTable);
    assert!(proxy.stream.is_in_sync());
}

#[test]
fn a_refused_version_is_not_sent_again_but_its_successor_is() {
    let mut proxy = settled();
    let mut next = START;
    next[3].2 = 2;
    proxy.set(&next);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    let event = proxy.say(RouteTable, Some("duplicate domain"));
    let Event::Refused {
        kind: RouteTable,
        names,
        text,
        ..
    } = event
    else {
        panic!("{event:?}")
    };
    assert_eq!((names, &*text), (vec!["9080".into()], "duplicate domain"));
    assert!(proxy.hear().is_empty() && !proxy.stream.is_in_sync());
    assert!(proxy.stream.status(RouteTable).refused.is_some());
    proxy.set(&START);
    assert_eq!(
        proxy.hear(),
        ["RDS 9080"],
        "back to the old content, which the proxy may have lost"
    );
    proxy.ack(RouteTable);
    assert!(proxy.stream.is_in_sync());
}

#[test]
fn a_refused_cluster_does_not_hold_up_the_rest() {
    let mut proxy = settled();
    let mut next = START;
    (next[0].2, next[3].2) = (2, 2);
    proxy.set(&next);
    assert_eq!(proxy.hear(), ["CDS a", "EDS a"]);
    proxy.say(Cluster, Some("no"));
    assert_eq!(proxy.hear(), ["RDS 9080"]);
}

#[test]
fn a_stale_nonce_changes_nothing() {
    let mut proxy = settled();
    let old = proxy.nonces[&RouteTable].clone();
    let mut next = START;
    next[3].2 = 2;
    proxy.set(&next);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    let new = proxy.nonces.insert(RouteTable, old).unwrap();
    assert_eq!(
        proxy.say(RouteTable, Some("refuses the old answer")),
        Event::Stale
    );
    proxy.nonces.insert(RouteTable, new);
    proxy.ack(RouteTable);
    assert!(proxy.stream.is_in_sync());
}

#[test]
fn while_an_answer_is_on_its_way_only_the_newest_state_is_kept_for_later() {
    let mut proxy = settled();
    let mut next = START;
    for content in 2..50 {
        next[3].2 = content;
        proxy.set(&next);
        assert_eq!(proxy.hear().len(), usize::from(content == 2));
    }
    proxy.ack(RouteTable);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    proxy.ack(RouteTable);
    assert!(proxy.stream.is_in_sync());
}

#[test]
fn a_lost_acknowledgement_delays_the_next_answer_but_does_not_stop_it() {
    let mut proxy = settled();
    let mut next = START;
    next[3].2 = 2;
    proxy.set(&next);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
    next[3].2 = 3;
    proxy.set(&next);
    assert!(proxy.hear().is_empty());
    proxy.later(PATIENCE);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
}

#[test]
fn a_reconnecting_proxy_is_sent_only_what_it_lacks() {
    let before = settled();
    let mut next = START;
    next[3].2 = 2;
    let mut proxy = Proxy::new(target(&next));
    for kind in ResourceKind::ALL {
        let version = before.nonces[&kind].1.clone();
        let names = before.names.get(&kind).cloned().unwrap_or_default();
        let request = Request {
            kind,
            version,
            nonce: "".into(),
            names,
            error: None,
        };
        proxy.stream.receive(request, proxy.now);
    }
    assert_eq!(proxy.hear(), ["RDS 9080"]);
}

#[test]
fn a_reconnecting_proxy_gets_known_endpoints_of_changed_clusters_again() {
    let before = settled();
    let mut next = START;
    next[0].2 = 2;
    let mut proxy = Proxy::new(target(&next));
    for (kind, heard) in [(Cluster, "CDS a"), (Endpoints, "EDS a")] {
        let version = before.nonces[&kind].1.clone();
        let names = before.names[&kind].clone();
        let request = Request {
            kind,
            version,
            nonce: "".into(),
            names,
            error: None,
        };
        proxy.stream.receive(request, proxy.now);
        assert_eq!(proxy.hear(), [heard]);
    }
}

#[test]
fn a_name_that_is_asked_for_again_is_sent_again() {
    let mut proxy = settled();
    proxy.ask(RouteTable, &["none"]);
    proxy.ask(RouteTable, &["9080"]);
    assert_eq!(proxy.hear(), ["RDS 9080"]);
}

#[test]
fn who_asks_for_everything_of_nothing_gets_an_empty_answer() {
    let mut proxy = Proxy::new(target(&[]));
    proxy.ask(Cluster, &[]);
    assert_eq!(proxy.hear(), ["CDS"]);
    proxy.ask(RouteTable, &["unknown"]);
    assert!(proxy.hear().is_empty());
}
