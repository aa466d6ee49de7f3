use std::{sync::Arc, time::Duration};

use vigla_compiler::{ProxyIdentity, compile};
use vigla_config::Snapshot;
use vigla_graph::{
    Confidence, Grain, Graph, MeshFacts, Totals, Traffic, TrafficKey, TrafficRow, TrafficWindow, View,
    quotient,
};
use vigla_model::{
    Fqdn, Histogram, PeerIdentity, Protocol, Reporter, ResponseFlags, SecurityPolicy, Timestamp,
};
use vigla_testing::Mesh;

use super::*;

fn peer(workload: &str) -> PeerIdentity {
    PeerIdentity {
        namespace: Some("bookinfo".into()),
        workload: Some(workload.into()),
        ..PeerIdentity::default()
    }
}

fn row(reporter: Reporter, target: Option<&str>, service: &str, code: u16, flags: &str) -> TrafficRow {
    let requests = 2.0;
    TrafficRow {
        key: Arc::new(TrafficKey {
            reporter,
            source: peer("productpage-v1"),
            destination: target.map(peer).unwrap_or_default(),
            service: Some(Fqdn::of_service(service, "bookinfo", "cluster.local")),
            protocol: Protocol::Http,
            response_code: Some(code),
            grpc_status: None,
            flags: flags.parse::<ResponseFlags>().unwrap(),
            security: SecurityPolicy::Unknown,
            source_address: None,
            refused: false,
        }),
        traffic: Traffic {
            requests,
            latency: Histogram::default(),
            ..Traffic::default()
        },
        totals: Totals::default(),
    }
}

/// Connections from the workload without sidecar that `target` refused.
fn refused(target: &str, address: &str) -> TrafficRow {
    let mut row = row(Reporter::Destination, Some(target), "productpage", 0, "NR");
    let key = Arc::get_mut(&mut row.key).unwrap();
    (key.source, key.response_code, key.refused) = (PeerIdentity::default(), None, true);
    key.source_address = Some(address.into());
    row.traffic = Traffic {
        connections: 3.0,
        ..Traffic::default()
    };
    row
}

fn explained(mesh: &Snapshot, rows: Vec<TrafficRow>) -> View {
    let window = TrafficWindow {
        at: Timestamp(0),
        window: Duration::from_secs(60),
        rows,
    };
    let mut view = Graph::build(&[window], &MeshFacts::of(mesh)).view();
    explain(&mut view, mesh, &|namespace, workload| {
        let instance = format!("{workload}-0").into();
        compile(
            mesh,
            &ProxyIdentity {
                namespace: namespace.into(),
                instance,
            },
        )
        .ok()
        .map(Arc::new)
    });
    view
}

/// The causes that the view holds, one line each: place, confidence, sentence.
fn outline(view: &View) -> Vec<String> {
    let causes = view.edges.values().flat_map(|edge| &edge.why);
    let mut lines: Vec<String> = causes
        .map(|why| {
            let (path, location) = why.place.clone().unwrap_or_default();
            let line = location
                .map(|at| format!("{}:{} ", at.file, at.line))
                .unwrap_or_default();
            let sure = match why.confidence {
                Confidence::Proved => "proved",
                Confidence::Likely => "likely",
            };
            format!("{line}{path} {sure}: {}", why.message.replace('\u{202f}', " "))
        })
        .collect();
    lines.sort();
    lines
}

fn check(yaml: &str, rows: Vec<TrafficRow>, expect: &[&str]) {
    let mesh = Mesh::bookinfo().with_yaml(yaml).snapshot();
    assert_eq!(outline(&explained(&mesh, rows)), expect);
}

fn reviews_rule(http: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: reviews, namespace: bookinfo}}\n\
         spec:\n  hosts: [reviews]\n  http:\n{http}"
    )
}

#[test]
fn a_subset_that_nobody_defines_is_named_with_its_line() {
    check(
        &reviews_rule(
            "  - route:\n    - {destination: {host: reviews, subset: v1}, weight: 90}\n    - destination:\n        \
             host: reviews\n        subset: v4\n      weight: 10\n",
        ),
        vec![row(Reporter::Source, None, "reviews", 503, "NC")],
        &[
            "test.yaml:11 spec.http[0].route[1].destination.subset proved: VirtualService bookinfo/reviews sends 10.0 % \
           of the requests to subset v4 of reviews, but no DestinationRule defines it: subsets of reviews are v1, v2 \
           and v3. The proxy of productpage-v1 has no cluster for it and answers 503 (NC).",
        ],
    );
}

#[test]
fn causes_come_along_into_coarser_views() {
    let rule = reviews_rule("  - route: [{destination: {host: reviews, subset: v4}}]\n");
    let mesh = Mesh::bookinfo().with_yaml(&rule).snapshot();
    let view = explained(&mesh, vec![row(Reporter::Source, None, "reviews", 503, "NC")]);
    let workloads = quotient(&view, Grain::Workload);
    assert_eq!(outline(&workloads), outline(&view));
    assert!(
        outline(&view)[0].contains("sends its requests to subset v4"),
        "{:?}",
        outline(&view)
    );
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    check(
        &reviews_rule("  - route: [{destination: {host: revues}}]\n"),
        vec![row(Reporter::Source, None, "revues", 503, "NC")],
        &[
            "test.yaml:7 spec.http[0].route[0].destination.host proved: VirtualService bookinfo/reviews sends its requests \
           to host revues, which no Service or ServiceEntry has. The proxy of productpage-v1 has no cluster for it and \
           answers 503 (NC).",
        ],
    );
}

#[test]
fn a_policy_that_refuses_plain_text_is_named_with_who_is_calling() {
    let strict = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                  metadata: {name: default, namespace: bookinfo}\nspec:\n  mtls:\n    mode: STRICT\n";
    let mesh = Mesh::bookinfo().with_yaml(strict).snapshot();
    let legacy = mesh
        .instances()
        .iter()
        .find(|instance| instance.sidecar.is_none())
        .unwrap();
    let address = legacy.address.to_string();
    let view = explained(&mesh, vec![refused("productpage-v1", &address)]);
    assert_eq!(
        outline(&view),
        [format!(
            "test.yaml:6 spec.mtls.mode proved: PeerAuthentication bookinfo/default makes mutual TLS a duty for \
             productpage-v1 (mode STRICT), but a caller without certificate speaks plain text: by its address {address} \
             it is most likely batch/batch-report, which has no sidecar. The proxy of productpage-v1 refuses the \
             connections."
        )]
    );
}

#[test]
fn what_the_config_no_longer_explains_says_so() {
    let mesh = Mesh::bookinfo().snapshot();
    let rows = vec![
        refused("productpage-v1", "192.0.2.1"),
        row(Reporter::Source, None, "reviews", 503, "NC"),
    ];
    let lines = outline(&explained(&mesh, rows));
    assert_eq!(lines.len(), 2);
    assert!(
        lines
            .iter()
            .all(|line| line.contains("changed within the window")),
        "{lines:?}"
    );
}

#[test]
fn timeouts_faults_and_retries_are_named_by_field() {
    let rule = reviews_rule(
        "  - timeout: 500ms\n    retries: {attempts: 3}\n    fault:\n      abort: {httpStatus: 418, percentage: {value: 5}}\n      \
         delay: {fixedDelay: 2s}\n    route: [{destination: {host: reviews}}]\n",
    );
    let seen = |flags: &str| vec![row(Reporter::Source, Some("reviews-v1"), "reviews", 504, flags)];
    check(
        &rule,
        seen("UT"),
        &[
            "test.yaml:7 spec.http[0].timeout proved: VirtualService bookinfo/reviews gives requests to reviews 500ms; \
           they took longer, and the proxy of productpage-v1 answers 504 (UT).",
        ],
    );
    check(
        &rule,
        seen("FI,DI"),
        &[
            "test.yaml:10 spec.http[0].fault.abort proved: VirtualService bookinfo/reviews injects a fault: it answers \
             5.0 % of the requests to reviews with 418 (FI).",
            "test.yaml:11 spec.http[0].fault.delay proved: VirtualService bookinfo/reviews injects a fault: it holds \
             100 % of the requests to reviews back for 2s (DI).",
        ],
    );
    check(
        &rule,
        seen("URX"),
        &[
            "test.yaml:8 spec.http[0].retries likely: Requests to reviews failed at the first try and at every retry \
           (VirtualService bookinfo/reviews allows 3 retries); the proxy of productpage-v1 passes the last failure on \
           (URX).",
        ],
    );
}

#[test]
fn a_subset_without_instances_is_named_by_its_labels() {
    let yaml = reviews_rule("  - route: [{destination: {host: reviews, subset: v9}}]\n")
        + "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
           metadata: {name: reviews, namespace: bookinfo}\nspec:\n  host: reviews\n  subsets:\n  - name: v9\n    \
           labels: {version: v9}\n";
    check(
        &yaml,
        vec![row(Reporter::Source, None, "reviews", 503, "UH")],
        &[
            "test.yaml:16 spec.subsets[0].labels proved: No instance has the labels of subset v9 of reviews \
           (DestinationRule bookinfo/reviews). The proxy of productpage-v1 answers 503 (UH).",
        ],
    );
}

#[test]
fn ends_that_disagree_about_tls_are_told_from_a_closed_port() {
    let plain = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: details, namespace: bookinfo}\n\
                 spec:\n  host: details\n  trafficPolicy: {tls: {mode: DISABLE}}\n---\n\
                 apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                 metadata: {name: default, namespace: bookinfo}\nspec: {mtls: {mode: STRICT}}\n";
    let failed = || vec![row(Reporter::Source, Some("details-v1"), "details", 503, "UC")];
    check(
        plain,
        failed(),
        &[
            "test.yaml:6 spec.trafficPolicy.tls.mode likely: productpage-v1 calls in plain text (DestinationRule \
           bookinfo/details), but details-v1 takes mutual TLS only (PeerAuthentication bookinfo/default): the \
           connection fails (UC).",
        ],
    );
    check(
        "",
        failed(),
        &[
            " likely: details-v1 closed the connection to productpage-v1 before it answered (UC): it may have ended or \
           started again.",
        ],
    );
}

#[test]
fn what_the_callees_own_proxy_says_is_about_its_application() {
    check(
        "",
        vec![row(
            Reporter::Destination,
            Some("details-v1"),
            "details",
            503,
            "UF",
        )],
        &[" likely: The proxy of details-v1 cannot reach its own application: nothing listens there (UF)."],
    );
}

#[test]
fn a_gateway_without_a_rule_for_the_request_names_its_gateway() {
    let mut lost = row(Reporter::Source, None, "x", 404, "NR");
    let key = Arc::get_mut(&mut lost.key).unwrap();
    key.service = None;
    (key.source.namespace, key.source.workload) =
        (Some("istio-system".into()), Some("istio-ingressgateway".into()));
    let mesh = Mesh::bookinfo().snapshot();
    let lines = outline(&explained(&mesh, vec![lost]));
    assert!(
        lines[0].contains("Gateway bookinfo/bookinfo-gateway"),
        "{lines:?}"
    );
}

#[test]
fn an_edge_without_trouble_has_no_cause() {
    let mesh = Mesh::bookinfo().snapshot();
    let view = explained(
        &mesh,
        vec![row(Reporter::Source, Some("reviews-v1"), "reviews", 200, "-")],
    );
    assert_eq!(outline(&view), Vec::<String>::new());
}

mod unflagged;
