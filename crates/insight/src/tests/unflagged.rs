//! Causes of what no flag tells: policies, applications, attempts.

use vigla_model::Principal;

use super::*;

#[test]
fn a_caller_that_did_not_wait_is_told_from_a_failure() {
    check(
        "",
        vec![row(Reporter::Source, Some("details-v1"), "details", 0, "DC")],
        &[
            " likely: The application of productpage-v1 gave up before details had answered (DC): its own limit is \
           shorter, or whoever waited for it left first.",
        ],
    );
}

#[test]
fn who_may_not_call_is_named_with_the_policy() {
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
                  metadata: {name: details-callers, namespace: bookinfo}\nspec:\n  selector: {matchLabels: {app: details}}\n  \
                  rules:\n  - from: [{source: {principals: [cluster.local/ns/bookinfo/sa/other]}}]\n";
    let mut refused = row(Reporter::Destination, Some("details-v1"), "details", 403, "-");
    let id = "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-productpage";
    Arc::get_mut(&mut refused.key).unwrap().source.principal = Some(Principal::parse(id).unwrap());
    check(
        policy,
        vec![refused.clone()],
        &[
            "test.yaml:7 spec.rules proved: productpage-v1 may not call details-v1: no rule of AuthorizationPolicy \
           bookinfo/details-callers, which say who may, lets cluster.local/ns/bookinfo/sa/bookinfo-productpage in. The \
           proxy of details-v1 answers 403 (RBAC).",
        ],
    );
    let denies = policy
        .replace("spec:\n", "spec:\n  action: DENY\n")
        .replace("sa/other", "*");
    let lines = outline(&explained(
        &Mesh::bookinfo().with_yaml(&denies).snapshot(),
        vec![refused.clone()],
    ));
    assert!(
        lines[0].contains("AuthorizationPolicy bookinfo/details-callers denies it"),
        "{lines:?}"
    );
    // Without a policy the application itself refuses.
    check("", vec![refused], &[]);
}

#[test]
fn a_failure_without_a_flag_is_the_applications_and_its_ejection_is_named() {
    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: details, namespace: bookinfo}\n\
                spec:\n  host: details\n  trafficPolicy:\n    outlierDetection: {consecutive5xxErrors: 3, maxEjectionPercent: 50}\n";
    let failed = || {
        let of = |reporter, code| row(reporter, Some("details-v1"), "details", code, "-");
        let sides = [Reporter::Source, Reporter::Destination];
        sides
            .into_iter()
            .flat_map(|side| [of(side, 200), of(side, 500)])
            .collect::<Vec<_>>()
    };
    let itself = "The application of details-v1 answers 50.0 % of the requests of productpage-v1 with 500 itself: no \
                  proxy has a word for it.";
    check(
        rule,
        failed(),
        &[&format!(
            "test.yaml:7 spec.trafficPolicy.outlierDetection likely: {itself} DestinationRule bookinfo/details ejects an \
             endpoint after 3 failures in a row for 30s (at most 50 % of the endpoints)."
        )],
    );
    check("", failed(), &[&format!(" likely: {itself}")]);
}

#[test]
fn retries_that_multiply_are_told_from_calls() {
    let rule = reviews_rule(
        "  - retries: {attempts: 3, perTryTimeout: 100ms}\n    route: [{destination: {host: reviews}}]\n",
    );
    let mut attempts = row(Reporter::Destination, Some("reviews-v1"), "reviews", 200, "-");
    attempts.traffic.requests = 7.0;
    let calls = row(Reporter::Source, Some("reviews-v1"), "reviews", 200, "-");
    check(
        &rule,
        vec![calls.clone(), attempts],
        &[
            "test.yaml:7 spec.http[0].retries proved: VirtualService bookinfo/reviews allows 3 retries of requests to \
           reviews, each after at most 100ms: reviews-v1 gets about 3.5 attempts for each call of productpage-v1. The two \
           counts differ because sources count calls and destinations count attempts.",
        ],
    );
    let mut few = row(Reporter::Destination, Some("reviews-v1"), "reviews", 200, "-");
    few.traffic.requests = 2.2;
    check(&rule, vec![calls, few], &[]);
}

#[test]
fn a_match_that_decides_who_gets_a_request_is_told_for_both_sides_of_it() {
    let rule = reviews_rule(
        "  - name: testers\n    match: [{headers: {end-user: {exact: qa}}}]\n    \
         route: [{destination: {host: reviews, subset: v2}}]\n  - name: everyone\n    \
         route: [{destination: {host: reviews, subset: v1}}]\n",
    );
    let calls = |target| vec![row(Reporter::Source, Some(target), "reviews", 200, "-")];
    check(
        &rule,
        calls("reviews-v2"),
        &[
            "test.yaml:8 spec.http[0].match proved: VirtualService bookinfo/reviews sends requests of productpage-v1 to \
           reviews with header end-user: qa to subset v2 by route testers: what they carry decides, not a weight.",
        ],
    );
    check(
        &rule,
        calls("reviews-v1"),
        &[
            "test.yaml:10 spec.http[1] proved: VirtualService bookinfo/reviews sends requests of productpage-v1 to \
           reviews that no match before takes (header end-user: qa) to subset v1 by route everyone: what they carry \
           decides, not a weight.",
        ],
    );
    // No route leads there any more.
    check(&rule, calls("reviews-v3"), &[]);
}
