//! What holds for every graph, whatever was counted.

use std::sync::Arc;

use proptest::{collection::vec, option, prelude::*, sample::select};
use vigla_model::{PeerIdentity, Protocol, Reporter, Scope, SecurityPolicy};

use crate::{
    Edge, Follower, Grain, Graph, Kept, Side, Traffic, View, apply, diff,
    fixtures::{Bookinfo, Row, host, row, view, window},
    quotient,
};

const WORKLOADS: [&str; 7] = [
    "a-v1",
    "a-v2",
    "b-v1",
    "c-v1",
    "c-v2",
    "legacy",
    "ingress-gateway",
];

/// A row of any kind that proxies write.
fn any_row() -> impl Strategy<Value = Row> {
    let reporter = select(vec![Reporter::Source, Reporter::Destination]);
    let answers = vec![
        (200, "-"),
        (404, "NR"),
        (503, "NC"),
        (503, "UF,URX"),
        (0, "DC"),
        (504, "UT"),
    ];
    let ends = (
        reporter,
        select(&WORKLOADS[..]),
        select(&WORKLOADS[..]),
        select(vec!["", "a", "b", "alias"]),
    );
    let kinds = (
        select(answers),
        select(vec![Protocol::Http, Protocol::Grpc, Protocol::Tcp]),
        0..6_u8,
        0..50_u32,
    );
    (ends, kinds).prop_map(
        |((reporter, source, target, service), ((code, flags), protocol, kind, requests))| {
            let mut row = row(reporter, source, target, f64::from(requests)).with(|key| {
                key.service = (!service.is_empty()).then(|| host(service));
                (key.response_code, key.flags) = (Some(code), flags.parse().unwrap());
                key.protocol = protocol;
            });
            match (kind, reporter) {
                (0, Reporter::Source) => row.0.destination = PeerIdentity::default(),
                (0, Reporter::Destination) => row = row.called_by_address("10.0.0.9"),
                (1, Reporter::Destination) => row = row.called_by_address("10.0.0.1"),
                (2, Reporter::Destination) => row = row.called_by_address("10.0.0.9").refused(),
                (3, _) => row.0.security = SecurityPolicy::None,
                (4, _) => row.1 = Traffic::default(),
                _ => (),
            }
            if row.0.protocol == Protocol::Tcp && !row.0.refused {
                row.0.response_code = None;
                row.1 = Traffic {
                    connections: f64::from(requests),
                    ..Traffic::default()
                };
            }
            row
        },
    )
}

fn any_view() -> impl Strategy<Value = View> {
    vec(any_row(), 0..40).prop_map(view)
}

/// Everything that edges count, added up.
fn sum(view: &View) -> (Edge, Vec<f64>) {
    let first = crate::Id(0);
    let mut all = Edge::new(first, first, first, Protocol::Http);
    view.edges.values().for_each(|edge| all.add(edge));
    let of = |side: &Side| {
        let buckets: f64 = side.traffic.latency.count();
        [
            side.traffic.requests,
            side.traffic.connections,
            side.traffic.bytes_sent,
            side.traffic.bytes_received,
            side.traffic.messages_sent,
            side.traffic.messages_received,
            side.traffic.latency.sum_ms,
            buckets,
            side.responses.values().sum(),
            side.mutual_tls,
            side.security_known,
            side.totals.requests,
            side.totals.connections,
        ]
    };
    let sides = [
        Some(&all.shown),
        all.by_source.as_ref(),
        all.by_destination.as_ref(),
    ];
    let numbers = sides
        .into_iter()
        .flatten()
        .flat_map(of)
        .chain([all.refused])
        .collect();
    (all, numbers)
}

const ALL_GRAINS: [Grain; 5] = [
    Grain::Finest,
    Grain::Workload,
    Grain::App,
    Grain::VersionedApp,
    Grain::Service,
];
const GRAINS: [Grain; 4] = [Grain::Workload, Grain::App, Grain::VersionedApp, Grain::Service];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_delta_turns_the_old_view_into_the_new(old in any_view(), new in any_view()) {
        for grain in GRAINS {
            let (old, new) = (quotient(&old, grain), quotient(&new, grain));
            let mut followed = old.clone();
            apply(&mut followed, &diff(&old, &new));
            prop_assert_eq!(&followed, &new);
        }
    }

    #[test]
    fn no_count_is_lost_or_doubled_in_a_coarser_view(finest in any_view()) {
        let (_, expect) = sum(&finest);
        for grain in GRAINS {
            let view = quotient(&finest, grain);
            // All rates are small whole numbers, so sums are exact in every order.
            prop_assert_eq!(&sum(&view).1, &expect, "{:?}", grain);
            let inbound: f64 = view.nodes.values().map(|node| node.inbound.traffic.requests).sum();
            let outbound: f64 = view.nodes.values().map(|node| node.outbound.traffic.requests).sum();
            prop_assert_eq!((inbound, outbound), (expect[0], expect[0]), "{:?}", grain);
        }
    }

    #[test]
    fn every_end_is_a_node_and_every_box_is_drawn(finest in any_view()) {
        for grain in GRAINS.into_iter().chain([Grain::Finest]) {
            for view in [quotient(&finest, grain), quotient(&finest, grain).without_idle()] {
                for edge in view.edges.values() {
                    prop_assert!(view.nodes.contains_key(&edge.source) && view.nodes.contains_key(&edge.target));
                }
                for parent in view.nodes.values().filter_map(|node| node.parent) {
                    prop_assert!(view.boxes.contains_key(&parent));
                }
                for group in view.boxes.values() {
                    let filled = view.nodes.values().any(|node| node.parent == Some(group.id))
                        || view.boxes.values().any(|inner| inner.parent == Some(group.id));
                    prop_assert!(filled, "box {} is empty", group.name);
                }
            }
        }
    }

    #[test]
    fn what_is_kept_is_what_would_be_built(
        rows in vec(any_row(), 1..40),
        changes in vec((any::<prop::sample::Index>(), 0..50_u32), 1..6),
        extra in option::weighted(0.3, any_row()),
    ) {
        let mesh = Arc::new(Bookinfo);
        let mut newest = window(rows);
        let mut kept = Kept::build(vec![newest.clone()], mesh.clone());
        let mut followers: Vec<Follower> =
            ALL_GRAINS.iter().map(|grain| Follower::new(kept.view(), *grain)).collect();
        let mut views: Vec<View> = followers.iter().map(|follower| follower.view().clone()).collect();
        for (step, (place, rate)) in changes.into_iter().enumerate() {
            newest.at.0 += 1000;
            let row = place.index(newest.rows.len());
            let traffic = &mut newest.rows[row].traffic;
            (traffic.requests, traffic.connections) = (f64::from(rate), f64::from(rate % 7));
            if let (2, Some(extra)) = (step, &extra) {
                newest.rows.push(window([Row(extra.0.clone(), extra.1.clone())]).rows.remove(0));
            }
            let changed = kept.update(vec![newest.clone()], &mesh);
            prop_assert_eq!(kept.view(), &Graph::build(&[newest.clone()], &Bookinfo).view());
            for (follower, view) in followers.iter_mut().zip(&mut views) {
                let delta = follower.follow(kept.view(), &changed);
                prop_assert_eq!(follower.view(), &quotient(kept.view(), view.grain));
                prop_assert_eq!(&delta, &diff(view, follower.view()));
                apply(view, &delta);
                prop_assert_eq!(&*view, follower.view());
            }
        }
    }

    #[test]
    fn who_may_see_all_sees_all(finest in any_view()) {
        prop_assert_eq!(&finest.filter(&Scope::All, None), &finest);
    }
}
