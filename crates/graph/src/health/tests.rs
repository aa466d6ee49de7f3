use vigla_model::Reporter::{Destination, Source};

use crate::{Health, fixtures::*};

/// Health of the one edge that these (code, flags, requests per second) make.
fn edge(answers: &[(u16, &str, f64)]) -> Health {
    let rows = answers.iter().flat_map(|(code, flags, rate)| {
        [Source, Destination].map(|reporter| {
            row(reporter, "a-v1", "b-v1", *rate)
                .with(|key| (key.response_code, key.flags) = (Some(*code), flags.parse().unwrap()))
        })
    });
    only_edge(&view(rows)).health.clone()
}

fn check(answers: &[(u16, &str, f64)], state: &str, why: &[&str]) {
    let health = edge(answers);
    let words: Vec<String> = health
        .why
        .iter()
        .map(|why| why.replace('\u{202f}', " "))
        .collect();
    assert_eq!(
        (format!("{:?}", health.state).as_str(), words),
        (state, why.iter().map(ToString::to_string).collect())
    );
}

#[test]
fn thresholds_follow_the_defaults() {
    check(&[(200, "-", 1.0)], "Ok", &[]);
    check(
        &[(200, "-", 99.0), (500, "-", 1.0)],
        "Degraded",
        &["1.0 % of the requests ended with HTTP 5xx (degraded from the first)"],
    );
    check(
        &[(200, "-", 9.0), (503, "-", 1.0)],
        "Failing",
        &["10.0 % of the requests ended with HTTP 5xx (failing from 10 %)"],
    );
    check(&[(200, "-", 91.0), (404, "-", 9.0)], "Ok", &[]);
    check(
        &[(200, "-", 9.0), (404, "-", 1.0)],
        "Degraded",
        &["10.0 % of the requests ended with HTTP 4xx (degraded from 10 %)"],
    );
    check(
        &[(200, "-", 8.0), (404, "-", 2.0)],
        "Failing",
        &["20.0 % of the requests ended with HTTP 4xx (failing from 20 %)"],
    );
    check(
        &[(200, "-", 99.0), (0, "DC", 1.0)],
        "Degraded",
        &["1.0 % of the requests ended without response (degraded from the first)"],
    );
}

#[test]
fn the_worst_reason_comes_first_and_a_tiny_sample_says_so() {
    check(
        &[(500, "-", 0.05), (404, "-", 0.05)],
        "Failing",
        &[
            "50.0 % of the requests ended with HTTP 5xx (failing from 10 %)",
            "50.0 % of the requests ended with HTTP 4xx (failing from 20 %)",
            "only 6 requests in the window: a tiny sample",
        ],
    );
}

#[test]
fn a_grpc_error_is_an_error_whatever_the_http_status() {
    let rows = [Source, Destination].map(|reporter| {
        row(reporter, "a-v1", "b-v1", 1.0).with(|key| {
            key.protocol = vigla_model::Protocol::Grpc;
            key.grpc_status = Some(14);
        })
    });
    let health = only_edge(&view(rows)).health.clone();
    assert!(health.why[0].contains("with a gRPC error"), "{health:?}");
}
