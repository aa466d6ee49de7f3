use vigla_model::{Histogram, Reporter::Source};

use crate::{BoxKind, Grain, fixtures::*, quotient};

fn bookinfo() -> crate::View {
    let calls = [
        both("productpage-v1", "reviews-v1", 1.0),
        both("productpage-v1", "reviews-v2", 2.0),
        both("reviews-v2", "ratings-v1", 2.0),
        both("ingress-gateway", "productpage-v1", 3.0),
    ];
    let lost = row(Source, "productpage-v1", "reviews-v1", 0.5).failed(503, "UH");
    view(calls.into_iter().flatten().chain([lost]))
}

fn check(grain: Grain, expect: &[&str]) {
    let lines = outline(&quotient(&bookinfo(), grain).without_idle());
    let short: Vec<&str> = lines
        .iter()
        .map(|line| line.split(" (").next().unwrap())
        .collect();
    assert_eq!(short, expect);
}

#[test]
fn apps_merge_their_versions() {
    check(
        Grain::App,
        &[
            "app productpage -> app reviews http: 3",
            "app productpage -> service reviews http: 0.5",
            "app reviews -> app ratings http: 2",
            "gateway ingress-gateway -> app productpage http: 3",
        ],
    );
}

#[test]
fn versioned_apps_keep_them_apart() {
    check(
        Grain::VersionedApp,
        &[
            "gateway ingress-gateway -> versionedapp productpage v1 http: 3",
            "versionedapp productpage v1 -> service reviews http: 0.5",
            "versionedapp productpage v1 -> versionedapp reviews v1 http: 1",
            "versionedapp productpage v1 -> versionedapp reviews v2 http: 2",
            "versionedapp reviews v2 -> versionedapp ratings v1 http: 2",
        ],
    );
}

#[test]
fn services_take_the_place_of_their_workloads() {
    check(
        Grain::Service,
        &[
            "gateway ingress-gateway -> service productpage http: 3",
            "service productpage -> service reviews http: 3.5",
            "service reviews -> service ratings http: 2",
        ],
    );
}

#[test]
fn merged_latency_comes_from_merged_buckets() {
    let slow = both("productpage-v1", "reviews-v2", 1.0).map(|mut row| {
        row.1.latency = Histogram {
            buckets: vec![(1000.0, 1.0)],
            sum_ms: 900.0,
        };
        row
    });
    let view = view(both("productpage-v1", "reviews-v1", 9.0).into_iter().chain(slow));
    let apps = quotient(&view, Grain::App).without_idle();
    let latency = &only_edge(&apps).shown.traffic.latency;
    assert_eq!(latency.buckets, [(5.0, 9.0), (1000.0, 1.0)]);
    assert_eq!(latency.sum_ms, 936.0);
}

#[test]
fn a_part_that_only_callers_counted_is_not_lost_beside_one_that_both_did() {
    let view = view(both("productpage-v1", "reviews-v1", 1.0).into_iter().chain([row(
        Source,
        "productpage-v1",
        "reviews-v9",
        2.0,
    )]));
    let apps = quotient(&view, Grain::App).without_idle();
    assert_eq!(
        outline(&apps),
        ["app productpage -> app reviews http: 3 (source 3, destination 1)"]
    );
}

#[test]
fn boxes_hold_namespaces_and_apps_with_several_versions() {
    let view = quotient(&bookinfo(), Grain::Workload);
    let mut boxes: Vec<_> = view
        .boxes
        .values()
        .map(|group| (group.kind, group.name.as_str()))
        .collect();
    boxes.sort();
    assert_eq!(
        boxes,
        [(BoxKind::Namespace, "bookinfo"), (BoxKind::App, "reviews")]
    );
    let reviews = view
        .nodes
        .values()
        .find(|node| name(node) == "workload reviews-v1")
        .unwrap();
    let inner = &view.boxes[&reviews.parent.unwrap()];
    assert_eq!(
        (inner.kind, view.boxes[&inner.parent.unwrap()].kind),
        (BoxKind::App, BoxKind::Namespace)
    );
}
