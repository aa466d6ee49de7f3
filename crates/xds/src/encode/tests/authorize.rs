//! `dataplane::authorize` and Envoy's RBAC filter decide alike, request by request.

use std::{
    io::{Read, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command},
    time::Duration,
};

use envoy_types::pb::envoy::config::bootstrap::v3::{Bootstrap, bootstrap::StaticResources};
use vigla_model::Reporter;

use super::*;

/// An Envoy that ends with the test.
struct Envoy(Child);

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A request, and what it sends beside its head.
struct Call {
    method: &'static str,
    path: &'static str,
    host: &'static str,
    headers: Vec<(&'static str, &'static str)>,
}

fn calls() -> Vec<Call> {
    let call = |method, path, host, headers: &[(&'static str, &'static str)]| Call {
        method,
        path,
        host,
        headers: headers.to_vec(),
    };
    vec![
        call("GET", "/reviews/0", "reviews:9080", &[("x-team", "blue")]),
        call("GET", "/reviews?x=/admin", "REVIEWS.bookinfo", &[("x-team", "")]),
        call(
            "POST",
            "/admin",
            "reviews",
            &[("x-team", "a"), ("x-team", "blue")],
        ),
        call(
            "DELETE",
            "/a/reviews",
            "other.bookinfo",
            &[("x-forwarded-for", "192.0.2.7")],
        ),
        call(
            "GET",
            "/",
            "reviews",
            &[("x-forwarded-for", "10.1.2.3, 192.0.2.200")],
        ),
        call(
            "HEAD",
            "/reviews/../admin",
            "bookinfo",
            &[("x-team", "deep blue")],
        ),
    ]
}

/// Each fact with each form of value, as it is and inverted.
fn conditions(port: u16) -> Vec<Condition> {
    type Fact = fn(Vec<TextMatch>) -> Wanted;
    let facts: [(Fact, [&str; 5]); 7] = [
        (
            Wanted::Principal,
            ["cluster.local/ns/a/sa/b", "cluster.local/*", "*/sa/b", "*", "x"],
        ),
        (Wanted::Namespace, ["bookinfo", "book*", "*info", "*", "x"]),
        (
            Wanted::Host,
            ["reviews", "Reviews*", "*.BOOKINFO", "*", "bookinfo"],
        ),
        (Wanted::Method, ["GET", "P*", "*E", "*", "get"]),
        (
            Wanted::Path,
            ["/admin", "/reviews*", "*reviews", "*", "/reviews?x=/admin"],
        ),
        (Wanted::ServerName, ["a", "a*", "*a", "*", ""]),
        (
            |values| Wanted::Header("x-team".into(), values),
            ["blue", "b*", "*blue", "*", "a,blue"],
        ),
    ];
    let texts = facts.iter().flat_map(|(fact, values)| {
        let each = values.iter().map(|value| fact(vec![TextMatch::parse(value)]));
        each.chain([fact(
            values[..2].iter().map(|value| TextMatch::parse(value)).collect(),
        )])
    });
    let subnets = ["127.0.0.1", "127.0.0.0/8", "192.0.2.0/25", "10.0.0.0/8", "::/0"];
    let subnets = subnets.iter().flat_map(|text| {
        let subnet = vec![Subnet::parse(text).unwrap()];
        [Wanted::SourceIp(subnet.clone()), Wanted::RemoteIp(subnet)]
    });
    let ports = [vec![port], vec![1, port], vec![1], Vec::new()].map(Wanted::Port);
    let all = texts.chain(subnets).chain(ports);
    all.flat_map(|wanted| {
        [false, true].map(|invert| Condition {
            wanted: wanted.clone(),
            invert,
        })
    })
    .collect()
}

fn rule(name: &str, condition: Condition) -> AuthorizationRule {
    let is_of_caller = condition.wanted.is_of_caller();
    let (from, to) = match is_of_caller {
        true => (vec![vec![condition]], Vec::new()),
        false => (Vec::new(), vec![vec![condition]]),
    };
    AuthorizationRule {
        name: name.into(),
        from,
        to,
        origin: None,
    }
}

/// A listener that answers everything that it allows.
fn listener_with(at: SocketAddr, authorization: Authorization) -> Listener {
    let answer = sample::route(
        "answer",
        RouteMatch::default(),
        RouteAction::Respond {
            status: 200,
            body: "allowed".into(),
        },
    );
    let table = sample::table("all", &["*"], vec![answer]);
    Listener {
        name: format!("inbound|{}", at.port()).into(),
        address: at,
        direction: Direction::Inbound,
        chains: vec![FilterChain {
            name: "plaintext".into(),
            matches: ChainMatch::default(),
            tls: None,
            authorization: Some(Arc::new(authorization)),
            rate_limit: None,
            network: Network::Http(RouteSource::Inline(Arc::new(table))),
            origin: None,
        }],
        telemetry: Telemetry {
            reporter: Reporter::Destination,
            local: sample::identity("reviews-v1"),
            service: None,
        },
        tracing: None,
        origin: None,
    }
}

fn start(envoy: &std::ffi::OsStr, dir: &Path, listeners: &[Listener]) -> Envoy {
    let message = Bootstrap {
        static_resources: Some(StaticResources {
            listeners: listeners
                .iter()
                .map(|part| listener::write(part, EncodeOptions::default()))
                .collect(),
            ..StaticResources::default()
        }),
        ..Bootstrap::default()
    };
    let path = dir.join("bootstrap.pb");
    std::fs::write(&path, message.encode_to_vec()).unwrap();
    let process = Command::new(envoy)
        .args(["--use-dynamic-base-id", "--concurrency", "1", "-l", "error", "-c"])
        .arg(&path)
        .spawn()
        .unwrap();
    Envoy(process)
}

/// Status line and body of one exchange; waits until somebody listens.
fn exchange(at: SocketAddr, call: &Call) -> String {
    let connected = (0..200).find_map(|_| {
        let stream = TcpStream::connect(at).ok();
        if stream.is_none() {
            std::thread::sleep(Duration::from_millis(50));
        }
        stream
    });
    let mut stream = connected.expect("the Envoy listens within ten seconds");
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let headers = call.headers.iter();
    let headers: String = headers
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let (method, path, host) = (call.method, call.path, call.host);
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // An Envoy that is to close waits a second for the other side: what was announced is enough.
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if call.method == "HEAD" || body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut buffer).unwrap() {
            0 => return text,
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
}

#[test]
fn authorize_and_envoy_decide_alike() {
    let Some(envoy) = std::env::var_os("VIGLA_ENVOY") else {
        eprintln!("skipped: VIGLA_ENVOY does not name an Envoy");
        return;
    };
    let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
    // The ports are free now, and nobody else is likely to take them before the Envoy does.
    let count = conditions(0).len() + 1;
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((home, 0)).unwrap())
        .collect();
    let places: Vec<SocketAddr> = held.iter().map(|held| held.local_addr().unwrap()).collect();
    drop(held);
    let mut policies: Vec<Authorization> = Vec::new();
    for (index, at) in places.iter().enumerate().take(count - 1) {
        let condition = conditions(at.port()).swap_remove(index);
        policies.push(if index % 2 == 0 {
            Authorization {
                deny: Vec::new(),
                allow: Some(vec![rule("allow", condition)]),
            }
        } else {
            Authorization {
                deny: vec![rule("deny", condition)],
                allow: None,
            }
        });
    }
    policies.push(Authorization {
        deny: Vec::new(),
        allow: Some(Vec::new()),
    });
    let listeners: Vec<Listener> = places
        .iter()
        .zip(&policies)
        .map(|(at, policy)| listener_with(*at, policy.clone()))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let _envoy = start(&envoy, dir.path(), &listeners);
    let mut refused = 0;
    for (at, policy) in places.iter().zip(&policies) {
        for call in calls() {
            let normal = normalize_path(call.path);
            let forwarded = call.headers.iter().find(|(name, _)| *name == "x-forwarded-for");
            let remote = forwarded.and_then(|(_, value)| value.rsplit(", ").next()?.parse().ok());
            let facts = ConnectionFacts {
                principal: None,
                source: home,
                remote: remote.unwrap_or(home),
                port: at.port(),
                server_name: None,
            };
            let request = RequestHead {
                method: call.method,
                scheme: "http",
                authority: call.host,
                path: &normal,
                headers: call.headers.as_slice(),
            };
            let verdict = authorize(policy, &facts, &request, &mut NoObserver);
            let answer = exchange(*at, &call);
            let want = if verdict.is_allowed() { "200" } else { "403" };
            let case = format!("{} {} {} {policy:?}", call.method, call.path, call.host);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {want}")),
                "{case}: {answer}"
            );
            if !verdict.is_allowed() && call.method != "HEAD" {
                assert!(answer.ends_with(DENIED_BODY), "{case}: {answer}");
            }
            refused += usize::from(!verdict.is_allowed());
        }
    }
    let all = places.len() * calls().len();
    assert!(
        refused > all / 5 && refused < all * 4 / 5,
        "{refused} of {all} refused"
    );
}
