use super::*;
use crate::{NoObserver, Subnet};

fn texts(values: &[&str]) -> Vec<TextMatch> {
    values.iter().map(|value| TextMatch::parse(value)).collect()
}

fn is(wanted: Wanted) -> Condition {
    Condition {
        wanted,
        invert: false,
    }
}

fn is_not(wanted: Wanted) -> Condition {
    Condition { wanted, invert: true }
}

fn rule(name: &str, from: Vec<Vec<Condition>>, to: Vec<Vec<Condition>>) -> AuthorizationRule {
    AuthorizationRule {
        name: name.into(),
        from,
        to,
        origin: None,
    }
}

fn facts(principal: Option<&str>) -> ConnectionFacts<'_> {
    ConnectionFacts {
        principal,
        source: [10, 0, 0, 7].into(),
        remote: [192, 0, 2, 9].into(),
        port: 9080,
        server_name: None,
    }
}

const JANE: &str = "spiffe://cluster.local/ns/shop/sa/jane";

fn holds_for(condition: Condition) -> bool {
    let headers = [("x-team", "red"), ("x-team", "blue")].as_slice();
    let request = RequestHead {
        method: "GET",
        scheme: "http",
        authority: "Reviews:9080",
        path: "/reviews/0?q=1",
        headers,
    };
    let authorization = Authorization {
        deny: Vec::new(),
        allow: Some(vec![rule("r", vec![vec![condition]], Vec::new())]),
    };
    authorize(&authorization, &facts(Some(JANE)), &request, &mut NoObserver).is_allowed()
}

#[test]
fn each_fact_is_matched_in_istios_way() {
    let subnets = |text: &str| vec![Subnet::parse(text).unwrap()];
    for (wanted, holds) in [
        (Wanted::Principal(texts(&["cluster.local/ns/shop/sa/jane"])), true),
        (Wanted::Principal(texts(&["*/sa/jane"])), true),
        (Wanted::Principal(texts(&["cluster.local/ns/*"])), true),
        (Wanted::Principal(texts(&["*"])), true),
        (Wanted::Principal(texts(&["cluster.local/ns/shop/sa/joe"])), false),
        (Wanted::Namespace(texts(&["shop"])), true),
        (Wanted::Namespace(texts(&["sh*"])), true),
        (Wanted::Namespace(texts(&["sho"])), false),
        (Wanted::SourceIp(subnets("10.0.0.0/8")), true),
        (Wanted::SourceIp(subnets("10.0.0.8")), false),
        (Wanted::RemoteIp(subnets("192.0.2.8/31")), true),
        (Wanted::RemoteIp(subnets("::/0")), false),
        (Wanted::Port(vec![80, 9080]), true),
        (Wanted::Port(Vec::new()), false),
        (Wanted::ServerName(texts(&["*"])), false),
        (Wanted::Host(texts(&["reviews:*"])), true),
        (Wanted::Host(texts(&["*:9080"])), true),
        (Wanted::Host(texts(&["reviews"])), false),
        (Wanted::Method(texts(&["GET"])), true),
        (Wanted::Method(texts(&["get"])), false),
        (Wanted::Path(texts(&["/reviews/0"])), true),
        (Wanted::Path(texts(&["*q=1"])), false),
        (Wanted::Header("x-team".into(), texts(&["blue"])), true),
        (Wanted::Header("x-team".into(), texts(&["red,blue"])), false),
        (Wanted::Header("x-none".into(), texts(&["*"])), false),
    ] {
        assert_eq!(holds_for(is(wanted.clone())), holds, "{wanted:?}");
        assert_eq!(holds_for(is_not(wanted.clone())), !holds, "not {wanted:?}");
    }
}

#[test]
fn deny_counts_first_and_one_allow_policy_refuses_all_others() {
    let everyone = || rule("all", Vec::new(), Vec::new());
    let nobody = || rule("nobody", vec![vec![is(Wanted::Port(Vec::new()))]], Vec::new());
    for (deny, allow, allowed, details) in [
        (vec![], None, true, None),
        (vec![everyone()], Some(vec![everyone()]), false, Some("all")),
        (vec![nobody()], Some(vec![everyone()]), true, None),
        (vec![nobody()], Some(vec![]), false, Some("none")),
        (vec![], Some(vec![nobody()]), false, Some("none")),
    ] {
        let authorization = Authorization { deny, allow };
        let verdict = authorize_connection(&authorization, &facts(None), &mut NoObserver);
        assert_eq!(verdict.is_allowed(), allowed, "{authorization:?}");
        let want = details.map(|name| format!("rbac_access_denied_matched_policy[{name}]"));
        assert_eq!(verdict.details(), want);
    }
}

#[test]
fn a_rule_needs_one_caller_and_one_operation() {
    let port = |port| vec![is(Wanted::Port(vec![port]))];
    let mut all = rule("r", vec![port(1), port(9080)], vec![port(9080), port(2)]);
    let allowed = |rule: &AuthorizationRule| {
        let authorization = Authorization {
            deny: Vec::new(),
            allow: Some(vec![rule.clone()]),
        };
        authorize_connection(&authorization, &facts(None), &mut NoObserver).is_allowed()
    };
    assert!(allowed(&all));
    all.to = vec![port(4)];
    assert!(!allowed(&all));
}
