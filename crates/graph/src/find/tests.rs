use std::collections::BTreeSet;

use vigla_model::{Protocol, Reporter, SecurityPolicy};

use super::{About, FIND_WORDS, Find};
use crate::{
    View,
    fixtures::{both, row, view},
    quotient,
};

/// productpage calls details (48/s) and reviews (20/s to v1, 10/s to v3, 4/s fail); reviews-v3 calls ratings by gRPC;
/// legacy calls details in plain text.
fn shop() -> View {
    let grpc = both("reviews-v3", "ratings-v1", 10.0)
        .map(|row| row.with(|key| (key.protocol, key.grpc_status) = (Protocol::Grpc, Some(0))));
    let plain = row(Reporter::Destination, "legacy", "details-v1", 3.0)
        .with(|key| key.security = SecurityPolicy::None);
    let rows = both("productpage-v1", "details-v1", 48.0)
        .into_iter()
        .chain(both("productpage-v1", "reviews-v1", 20.0))
        .chain(both("productpage-v1", "reviews-v3", 10.0))
        .chain([row(Reporter::Source, "productpage-v1", "reviews-v2", 4.0).failed(503, "NC")])
        .chain(grpc)
        .chain([plain]);
    quotient(&view(rows), crate::Grain::Workload)
}

fn found(view: &View, text: &str) -> (Vec<String>, Vec<String>) {
    let found = Find::parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .find(view, None);
    let name = |id| {
        let node = &view.nodes[id];
        let workload = node.workload.as_ref().map(ToString::to_string);
        workload.unwrap_or_else(|| node.kind.as_str().to_owned())
    };
    let mut nodes: Vec<String> = found.nodes.iter().map(name).collect();
    let mut edges: Vec<String> = found
        .edges
        .iter()
        .map(|id| &view.edges[id])
        .map(|edge| format!("{} > {}", name(&edge.source), name(&edge.target)))
        .collect();
    nodes.sort();
    edges.sort();
    (nodes, edges)
}

fn error(text: &str) -> String {
    Find::parse(text).unwrap_err().to_string()
}

#[test]
fn words_about_nodes_find_nodes() {
    let view = shop();
    for (text, wanted) in [
        ("name = details-v1", vec!["details-v1"]),
        ("name *= REVIEWS and version = v3", vec!["reviews-v3"]),
        (
            "app = reviews or app = ratings",
            vec!["ratings-v1", "reviews-v1", "reviews-v3"],
        ),
        ("grpcin > 0", vec!["ratings-v1"]),
        ("httpout >= 82 /s", vec!["productpage-v1"]),
        ("!sidecar and node = workload", vec!["legacy"]),
        ("rank = 1", vec!["productpage-v1"]),
        (
            "tcpin = NaN and (grpcin != NaN or name ^= leg)",
            vec!["legacy", "ratings-v1"],
        ),
        ("not (ns = bookinfo)", vec![]),
        ("svc = reviews", vec!["service"]),
    ] {
        let (mut nodes, edges) = found(&view, text);
        nodes.retain(|name| wanted.contains(&name.as_str()) || name != "idle-v1");
        assert_eq!(
            (nodes, edges),
            (wanted.iter().map(ToString::to_string).collect(), vec![]),
            "{text}"
        );
    }
}

#[test]
fn a_word_about_edges_makes_it_a_search_for_edges() {
    let view = shop();
    for (text, wanted) in [
        ("error > 1 %", vec!["productpage-v1 > service"]),
        ("code = 503 and flag = nc", vec!["productpage-v1 > service"]),
        (
            "rate > 15 and name = reviews-v1",
            vec!["productpage-v1 > reviews-v1"],
        ),
        ("grpc", vec!["reviews-v3 > ratings-v1"]),
        ("plain", vec!["legacy > details-v1"]),
        (
            "source.name = productpage-v1 and to.app = details",
            vec!["productpage-v1 > details-v1"],
        ),
        (
            "%httptraffic > 58 and %httptraffic < 59",
            vec!["productpage-v1 > details-v1"],
        ),
        (
            "rt <= 0.005 s and !mtls",
            vec!["legacy > details-v1", "productpage-v1 > service"],
        ),
    ] {
        let (nodes, edges) = found(&view, text);
        assert_eq!(
            (nodes, edges),
            (vec![], wanted.iter().map(ToString::to_string).collect()),
            "{text}"
        );
    }
}

#[test]
fn words_about_both_find_both() {
    let (nodes, edges) = found(&shop(), "is failing");
    assert_eq!(
        (nodes, edges),
        (
            vec!["service".to_owned()],
            vec!["productpage-v1 > service".to_owned()]
        )
    );
    assert_eq!(Find::parse("failing and degraded").unwrap().about(), About::Both);
}

#[test]
fn outside_is_what_was_not_asked_for() {
    let view = shop();
    let asked = BTreeSet::from(["shop".into()]);
    let outside = Find::parse("outside").unwrap();
    assert_eq!(outside.find(&view, Some(&asked)).nodes.len(), view.nodes.len());
    assert!(outside.find(&view, None).nodes.is_empty());
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, wanted) in [
        (
            "",
            "a word such as `name`, `error` or `failing` is missing here (character 1)",
        ),
        (
            "nmae = x",
            "`nmae` is not known; did you mean `name`? (character 1)",
        ),
        (
            "name = x idle",
            "`and` or `or` is missing before this (character 10)",
        ),
        (
            "name > x",
            "`name` is a text: it takes =, !=, *= (contains), ^= (starts with) and $= (ends with) (character 6)",
        ),
        (
            "rt *= 5",
            "`responsetime` is a number: it takes =, !=, <, <=, > and >= (character 4)",
        ),
        ("rt > x", "`x` is no number (character 6)"),
        ("rt > 5 kg", "`and` or `or` is missing before this (character 8)"),
        (
            "rt > 5kg",
            "`kg` is no unit here; `ms` and `s` are possible (character 6)",
        ),
        ("(idle", "a closing bracket is missing (character 6)"),
        ("idle)", "this bracket closes nothing (character 5)"),
        (
            "idle = 1",
            "`idle` is true or false and is compared with nothing (character 6)",
        ),
        (
            "error",
            "`error` needs an operator and a value, such as `error > 1 %` (character 6)",
        ),
        ("name = \"x", "this quote is not closed (character 8)"),
        (
            "source.rt > 1",
            "`responsetime` is about edges and has no ends (character 1)",
        ),
        (
            "label:team = a",
            "of labels only `label:app` and `label:version` are on the graph (character 1)",
        ),
    ] {
        assert_eq!(error(text), wanted, "{text}");
    }
    let deep = "!".repeat(100) + "idle";
    assert!(error(&deep).starts_with("more than 32"), "{}", error(&deep));
    assert!(error(&"x".repeat(2000)).contains("longer than"));
}

#[test]
fn every_word_can_be_asked() {
    let view = shop();
    for word in FIND_WORDS {
        for name in std::iter::once(&word.name).chain(word.also) {
            let texts = if word.takes_value() {
                vec![format!("{name} = 5"), format!("{name} != NaN")]
            } else {
                vec![
                    (*name).to_owned(),
                    format!("has {name}"),
                    format!("is not {name}"),
                ]
            };
            for text in texts {
                Find::parse(&text)
                    .unwrap_or_else(|error| panic!("{text}: {error}"))
                    .find(&view, None);
            }
        }
    }
}

#[test]
fn hiding_takes_what_loses_its_last_edge_and_leaves_what_had_none() {
    let view = shop();
    let hide = |text: &str| view.hide(&Find::parse(text).unwrap().find(&view, None));
    let names = |view: &View| -> BTreeSet<String> {
        let workloads = view.nodes.values().filter_map(|node| node.workload.as_ref());
        workloads.map(ToString::to_string).collect()
    };
    let without_grpc = hide("grpc");
    let gone: Vec<String> = names(&view).difference(&names(&without_grpc)).cloned().collect();
    assert_eq!(gone, ["ratings-v1"]);
    assert_eq!(without_grpc.edges.len(), view.edges.len() - 1);
    let gone: Vec<String> = names(&view)
        .difference(&names(&hide("app = details")))
        .cloned()
        .collect();
    assert_eq!(gone, ["details-v1", "legacy"]);
    assert_eq!(hide("name = nothing"), view);
}
