use vigla_model::{PeerIdentity, Principal, Protocol, Reporter, SecurityPolicy};

use crate::{Graph, HealthState, Unidentified, fixtures::*};

use Reporter::{Destination, Source};

fn check(rows: impl IntoIterator<Item = Row>, expect: &[&str]) {
    assert_eq!(outline(&view(rows)), expect);
}

#[test]
fn both_reporters_of_a_call_are_one_edge() {
    let view = view(both("productpage-v1", "reviews-v1", 2.0));
    assert_eq!(
        outline(&view),
        ["workload productpage-v1 -> workload reviews-v1 http: 2 (source 2, destination 2)"]
    );
    let edge = only_edge(&view);
    assert_eq!(edge.shown.mtls_share().map(vigla_model::Ratio::get), Some(1.0));
    assert_eq!(edge.by_source.as_ref().unwrap().mtls_share(), None);
    let reviews = &view.nodes[&edge.target];
    assert_eq!(
        (
            reviews.app.as_ref().unwrap().as_str(),
            reviews.version.as_ref().unwrap().as_str()
        ),
        ("reviews", "v1")
    );
    assert_eq!(reviews.cluster.as_ref().unwrap(), &"demo");
}

#[test]
fn requests_that_reached_no_workload_end_at_the_service() {
    let lost = row(Source, "productpage-v1", "reviews-v1", 1.0).failed(503, "NC");
    check(
        both("productpage-v1", "reviews-v1", 9.0)
            .into_iter()
            .chain([lost]),
        &[
            "workload productpage-v1 -> service reviews http: 1 (source 1, destination -)",
            "workload productpage-v1 -> workload reviews-v1 http: 9 (source 9, destination 9)",
        ],
    );
}

#[test]
fn requests_that_never_arrived_are_shown_beside_those_that_did() {
    let mut lost = row(Source, "productpage-v1", "reviews-v1", 1.0).failed(503, "UF,URX");
    lost.0.destination = peer("reviews-v1");
    check(
        both("productpage-v1", "reviews-v1", 9.0)
            .into_iter()
            .chain([lost]),
        &["workload productpage-v1 -> workload reviews-v1 http: 10 (source 10, destination 9)"],
    );
}

#[test]
fn without_a_sidecar_at_the_callee_the_callers_count_is_shown() {
    check(
        [row(Source, "productpage-v1", "legacy", 3.0)],
        &["workload productpage-v1 -> workload legacy http: 3 (source 3, destination -)"],
    );
}

#[test]
fn a_caller_without_certificate_is_unknown_with_a_guess() {
    let rows = || [row(Destination, "", "reviews-v1", 1.0).called_by_address("10.0.0.9")];
    check(
        rows(),
        &["unknown legacy? -> workload reviews-v1 http: 1 (source -, destination 1)"],
    );
    let view = view(rows());
    let caller = &view.nodes[&only_edge(&view).source];
    assert_eq!(caller.guess.as_ref().unwrap().from, "address 10.0.0.9");
    assert_eq!(caller.workload, None);
    assert_eq!(
        only_edge(&view).shown.mtls_share().map(vigla_model::Ratio::get),
        Some(0.0)
    );
    check(
        [row(Destination, "", "reviews-v1", 1.0).called_by_address("192.0.2.1")],
        &["unknown -> workload reviews-v1 http: 1 (source -, destination 1)"],
    );
}

#[test]
fn plain_text_between_sidecars_is_one_edge_when_the_caller_says_so_itself() {
    let tcp = |key: &mut crate::TrafficKey| key.protocol = Protocol::Tcp;
    check(
        [
            row(Source, "productpage-v1", "mongo-v1", 1.0).with(tcp),
            row(Destination, "", "mongo-v1", 1.0)
                .called_by_address("10.0.0.1")
                .with(tcp),
        ],
        &["workload productpage-v1 -> workload mongo-v1 tcp: 1 (source 1, destination 1)"],
    );
}

#[test]
fn refused_connections_count_with_what_they_would_have_carried() {
    check(
        [row(Destination, "", "reviews-v1", 0.5)
            .called_by_address("10.0.0.9")
            .refused()],
        &["unknown legacy? -> workload reviews-v1 http: 0 (source -, destination -) refused 0.5"],
    );
    let before = row(Destination, "", "reviews-v1", 1.0).called_by_address("10.0.0.9");
    let refused = row(Destination, "", "reviews-v1", 0.5)
        .called_by_address("10.0.0.9")
        .refused();
    let view = view([refused.with(|key| key.service = None), before]);
    assert_eq!(
        outline(&view),
        ["unknown legacy? -> workload reviews-v1 http: 1 (source -, destination 1) refused 0.5"],
        "though the refusal came first"
    );
    assert_eq!(only_edge(&view).health.state, HealthState::Failing);
}

#[test]
fn a_callers_proxy_that_saw_the_refusal_counts_as_not_arrived() {
    let mut closed = row(Source, "productpage-v1", "reviews-v1", 2.0).failed(503, "UC");
    closed.0.destination = peer("reviews-v1");
    let refused = row(Destination, "", "reviews-v1", 2.0)
        .called_by_address("10.0.0.1")
        .refused();
    let rows = both("productpage-v1", "reviews-v1", 3.0)
        .into_iter()
        .chain([closed, refused]);
    check(
        rows,
        &["workload productpage-v1 -> workload reviews-v1 http: 5 (source 5, destination 3) refused 2"],
    );
}

#[test]
fn a_service_that_only_the_caller_knows_is_the_services_edge() {
    let [source, destination] = both("productpage-v1", "reviews-v1", 2.0);
    check(
        [source, destination.with(|key| key.service = None)],
        &["workload productpage-v1 -> workload reviews-v1 http: 2 (source 2, destination 2)"],
    );
}

#[test]
fn services_that_the_ends_name_differently_are_not_shown_twice() {
    let [source, destination] = both("productpage-v1", "reviews-v1", 2.0);
    let view = view([source.with(|key| key.service = Some(host("alias"))), destination]);
    let shown: f64 = view.edges.values().map(|edge| edge.shown.traffic.requests).sum();
    assert_eq!(shown, 2.0);
}

#[test]
fn a_service_account_names_the_workload_when_only_one_has_it() {
    let account = |key: &mut crate::TrafficKey| {
        let principal = Some(Principal::new("cluster.local", "bookinfo", "details"));
        key.source = PeerIdentity {
            principal,
            ..PeerIdentity::default()
        };
    };
    let view = view([row(Destination, "", "ratings-v1", 1.0).with(account)]);
    assert_eq!(
        outline(&view),
        ["workload details-v1 -> workload ratings-v1 http: 1 (source -, destination 1)"]
    );
    let edge = only_edge(&view);
    assert_eq!(edge.shown.source_principals.len(), 1);
}

#[test]
fn outside_hosts_unregistered_hosts_and_no_host_are_nodes_of_their_own() {
    let to = |name: &str| {
        let service = (!name.is_empty()).then(|| name.into());
        row(Source, "productpage-v1", "x", 1.0)
            .failed(200, "-")
            .with(|key| key.service = service)
    };
    check(
        [to("books.example"), to("PassthroughCluster"), to("")],
        &[
            "workload productpage-v1 -> external books.example http: 1 (source 1, destination -)",
            "workload productpage-v1 -> passthrough PassthroughCluster http: 1 (source 1, destination -)",
            "workload productpage-v1 -> unknown http: 1 (source 1, destination -)",
        ],
    );
}

#[test]
fn gateways_are_told_by_the_mesh() {
    check(
        both("ingress-gateway", "productpage-v1", 1.0),
        &["gateway ingress-gateway -> workload productpage-v1 http: 1 (source 1, destination 1)"],
    );
}

#[test]
fn every_policy_and_principal_of_an_edge_counts() {
    let plain =
        row(Destination, "productpage-v1", "reviews-v1", 3.0).with(|key| key.security = SecurityPolicy::None);
    let view = view(
        both("productpage-v1", "reviews-v1", 1.0)
            .into_iter()
            .chain([plain]),
    );
    assert_eq!(
        only_edge(&view).shown.mtls_share().map(vigla_model::Ratio::get),
        Some(0.25)
    );
}

#[test]
fn idle_edges_and_nodes_are_left_out_on_request() {
    let zero = row(Source, "reviews-v1", "ratings-v1", 0.0).with(|_| ());
    let zero = Row(zero.0, crate::Traffic::default());
    let whole = view(
        both("productpage-v1", "reviews-v1", 1.0)
            .into_iter()
            .chain([zero]),
    );
    assert_eq!((whole.edges.len(), whole.nodes.len()), (2, 4));
    let busy = whole.without_idle();
    assert_eq!((busy.edges.len(), busy.nodes.len()), (1, 2));
    let idle = whole
        .nodes
        .values()
        .find(|node| name(node) == "workload idle-v1")
        .unwrap();
    assert_eq!(idle.health.state, HealthState::NoTraffic);
}

#[test]
fn indices_stay_from_refresh_to_refresh() {
    let mut graph = Graph::build(&[window(both("a-v1", "b-v1", 1.0))], &Unidentified);
    let before: Vec<_> = graph.as_petgraph().node_indices().collect();
    let rows = both("a-v1", "b-v1", 2.0)
        .into_iter()
        .chain(both("a-v1", "c-v1", 1.0));
    graph.update(&[window(rows)], &Unidentified);
    assert!(
        before
            .iter()
            .all(|index| graph.as_petgraph().contains_node(*index))
    );
    assert_eq!(graph.as_petgraph().edge_count(), 2);
    let a = graph
        .view()
        .nodes
        .values()
        .find(|node| name(node) == "workload a-v1")
        .unwrap()
        .id;
    assert_eq!((graph.outgoing(a).count(), graph.incoming(a).count()), (2, 0));
    graph.update(&[window(both("a-v1", "c-v1", 1.0))], &Unidentified);
    assert_eq!(
        graph.view(),
        Graph::build(&[window(both("a-v1", "c-v1", 1.0))], &Unidentified).view()
    );
}
