//! Cases of the matcher, as data: domains, routes, a request, and what is decided.

use std::sync::Arc;

use super::*;
use crate::{NoObserver, Pattern, RouteTable};

const NO_HEADERS: &[(&str, &str)] = &[];

fn forward(clusters: &[(&str, u32)]) -> RouteAction {
    let cluster = |(name, weight): &(&str, u32)| WeightedCluster {
        cluster: (*name).into(),
        weight: *weight,
        request_headers: Default::default(),
        response_headers: Default::default(),
        origin: None,
    };
    RouteAction::Forward(Forward {
        clusters: clusters.iter().map(cluster).collect(),
        ..Forward::default()
    })
}

fn route(name: &str, matches: RouteMatch) -> Route {
    Route {
        name: name.into(),
        matches,
        action: forward(&[(name, 1)]),
        service: None,
        request_headers: Default::default(),
        response_headers: Default::default(),
        origin: None,
    }
}

fn host(name: &str, domains: &[&str], routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name: name.into(),
        domains: domains.iter().map(|domain| (*domain).into()).collect(),
        routes,
    }
}

fn router(virtual_hosts: Vec<VirtualHost>) -> Router {
    Router::new(Arc::new(RouteTable {
        name: "9080".into(),
        virtual_hosts,
    }))
}

/// Name of the route that takes a request to `authority` and `path`.
fn check(router: &Router, authority: &str, path: &str, headers: &[(&str, &str)]) -> Option<String> {
    let request = RequestHead {
        method: "GET",
        scheme: "http",
        authority,
        path,
        headers,
    };
    match decide(router, &request, &mut |_: u32| 0, &mut NoObserver) {
        Decision::Route(matched) => Some(matched.route.name.to_string()),
        Decision::NoRoute(host) => Some(format!("{}: none", host.name)),
        Decision::NoVirtualHost => None,
    }
}

#[test]
fn virtual_hosts_are_found_in_envoys_order() {
    let any = |name: &str| vec![route(name, RouteMatch::default())];
    let router = router(vec![
        host("any", &["*"], any("any")),
        host("short", &["*.example"], any("short")),
        host("long", &["*.shop.example"], any("long")),
        host("start", &["reviews.*"], any("start")),
        host(
            "exact",
            &["reviews", "reviews:9080", "a.shop.example"],
            any("exact"),
        ),
    ]);
    for (authority, want) in [
        ("reviews", Some("exact")),
        ("reviews:9080", Some("exact")),
        ("Reviews:9080", Some("exact")),
        ("reviews:9081", Some("any")),
        ("a.shop.example", Some("exact")),
        ("b.shop.example", Some("long")),
        (".shop.example", Some("short")),
        ("c.example", Some("short")),
        ("reviews.example", Some("short")),
        ("reviews.test", Some("start")),
        ("other", Some("any")),
        ("", None),
    ] {
        assert_eq!(
            check(&router, authority, "/", NO_HEADERS).as_deref(),
            want,
            "{authority}"
        );
    }
}

#[test]
fn a_request_for_an_unknown_host_has_no_virtual_host() {
    let router = router(vec![host("reviews", &["reviews"], vec![])]);
    assert_eq!(check(&router, "ratings", "/", NO_HEADERS), None);
    assert_eq!(
        check(&router, "reviews", "/", NO_HEADERS).as_deref(),
        Some("reviews: none")
    );
}

#[test]
fn paths_match_without_their_query() {
    let path = |path: PathMatch| RouteMatch {
        path,
        ..RouteMatch::default()
    };
    let exact = |text: &str| path(PathMatch::Exact(text.into()));
    let prefix = |text: &str| path(PathMatch::Prefix(text.into()));
    let segment = |text: &str| path(PathMatch::SegmentPrefix(text.into()));
    let regex = |text: &str| path(PathMatch::Regex(Pattern::new(text).unwrap()));
    let any_case = |matches: RouteMatch| RouteMatch {
        ignore_path_case: true,
        ..matches
    };
    for (matches, path, want) in [
        (exact("/a"), "/a?x", true),
        (exact("/a"), "/a#x", true),
        (exact("/a"), "/A", false),
        (any_case(exact("/a")), "/A", true),
        (exact("/a"), "/a/", false),
        (prefix("/a"), "/ab", true),
        (any_case(prefix("/a")), "/AB", true),
        (prefix("/a"), "/", false),
        (segment("/a"), "/a", true),
        (segment("/a"), "/a/b", true),
        (segment("/a/"), "/a", true),
        (segment("/a"), "/ab", false),
        (regex("/[0-9]+"), "/12?a", true),
        (regex("/[0-9]+"), "/12a", false),
    ] {
        let text = format!("{matches:?}");
        let router = router(vec![host("h", &["*"], vec![route("r", matches)])]);
        let taken = check(&router, "h", path, NO_HEADERS).as_deref() == Some("r");
        assert_eq!(taken, want, "{path} {text}");
    }
}

#[test]
fn headers_and_query_parameters_all_must_fit() {
    let header = |name: &str, value: StringMatch, invert: bool| RouteMatch {
        headers: vec![HeaderMatch {
            name: name.into(),
            value,
            invert,
        }],
        ..RouteMatch::default()
    };
    let query = |name: &str, value: StringMatch| RouteMatch {
        query: vec![QueryMatch {
            name: name.into(),
            value,
        }],
        ..RouteMatch::default()
    };
    let exact = |text: &str| StringMatch::Exact(text.into());
    let jason = &[("end-user", "jason")][..];
    for (matches, headers, path, want) in [
        (header("end-user", exact("jason"), false), jason, "/", true),
        (header("end-user", exact("jason"), false), NO_HEADERS, "/", false),
        (header("end-user", exact("jason"), true), jason, "/", false),
        (header("end-user", exact("jason"), true), NO_HEADERS, "/", true),
        (header("end-user", StringMatch::Present, false), jason, "/", true),
        (
            header("end-user", StringMatch::Prefix("ja".into()), false),
            jason,
            "/",
            true,
        ),
        (
            header("a", exact("1,2"), false),
            &[("a", "1"), ("A", "2")],
            "/",
            true,
        ),
        (header(":method", exact("GET"), false), NO_HEADERS, "/", true),
        (header(":method", exact("POST"), false), NO_HEADERS, "/", false),
        (header(":authority", exact("h"), false), NO_HEADERS, "/", true),
        (query("a", exact("1")), NO_HEADERS, "/?b=2&a=1", true),
        (query("a", exact("1")), NO_HEADERS, "/?a=2&a=1", false),
        (query("a", StringMatch::Present), NO_HEADERS, "/?a", true),
        (query("a", StringMatch::Present), NO_HEADERS, "/", false),
    ] {
        let text = format!("{matches:?}");
        let router = router(vec![host("h", &["*"], vec![route("r", matches)])]);
        let taken = check(&router, "h", path, headers).as_deref() == Some("r");
        assert_eq!(taken, want, "{path} {headers:?} {text}");
    }
}

#[test]
fn weights_decide_by_the_dice() {
    let mut split = route("split", RouteMatch::default());
    split.action = forward(&[("v1", 90), ("v2", 10)]);
    let router = router(vec![host("h", &["*"], vec![split])]);
    let request = RequestHead {
        method: "GET",
        scheme: "http",
        authority: "h",
        path: "/",
        headers: NO_HEADERS,
    };
    for (rolled, want) in [(0, "v1"), (89, "v1"), (90, "v2"), (99, "v2")] {
        let mut dice = |sides: u32| {
            assert_eq!(sides, 100);
            rolled
        };
        let Decision::Route(matched) = decide(&router, &request, &mut dice, &mut NoObserver) else {
            panic!("no route");
        };
        assert_eq!(&*matched.cluster.unwrap().cluster, want, "{rolled}");
    }
}

#[test]
fn an_observer_learns_why_a_route_was_left_out() {
    #[derive(Default)]
    struct Notes(Vec<String>);
    impl Observer for Notes {
        fn skipped(&mut self, route: &Route, why: &Mismatch<'_>) {
            let why = match why {
                Mismatch::Path(_, path) => format!("path {path}"),
                Mismatch::Header(wanted, found) => format!("{} is {found:?}", wanted.name),
                Mismatch::Query(wanted, found) => format!("?{} is {found:?}", wanted.name),
            };
            self.0.push(format!("{}: {why}", route.name));
        }
        fn taken(&mut self, route: &Route) {
            self.0.push(format!("{}: taken", route.name));
        }
    }
    let login = RouteMatch {
        path: PathMatch::Exact("/login".into()),
        ..RouteMatch::default()
    };
    let jason = RouteMatch {
        headers: vec![HeaderMatch {
            name: "end-user".into(),
            value: StringMatch::Exact("jason".into()),
            invert: false,
        }],
        ..RouteMatch::default()
    };
    let routes = vec![
        route("login", login),
        route("jason", jason),
        route("rest", RouteMatch::default()),
    ];
    let router = router(vec![host("h", &["*"], routes)]);
    let request = RequestHead {
        method: "GET",
        scheme: "http",
        authority: "h",
        path: "/a",
        headers: NO_HEADERS,
    };
    let mut notes = Notes::default();
    decide(&router, &request, &mut |_: u32| 0, &mut notes);
    assert_eq!(
        notes.0,
        ["login: path /a", "jason: end-user is None", "rest: taken"]
    );
}
