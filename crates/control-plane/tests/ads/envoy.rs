//! Stock Envoy on the same socket. `VIGLA_ENVOY` names its binary; without it these tests say "skipped".

use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vigla_xds::{BootstrapOptions, bootstrap};

use super::*;

/// All meshes of this process are at the same addresses: one test at a time listens on them.
static ADDRESSES: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// An Envoy that ends with the test.
struct Envoy {
    process: Child,
    admin: SocketAddr,
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Envoy {
    fn start(world: &World, instance: &str) -> Option<Self> {
        let Some(binary) = std::env::var_os("VIGLA_ENVOY") else {
            eprintln!("skipped: VIGLA_ENVOY does not name an Envoy");
            return None;
        };
        let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let options = BootstrapOptions {
            node_id: instance,
            ads_socket: &world.socket(),
            token: &world.admit(instance),
            admin_socket: &world.dir.path().join(format!("{instance}.sock")),
            admin_address: admin,
        };
        let path = world.dir.path().join(format!("{instance}.json"));
        std::fs::write(&path, bootstrap(&options).to_string()).unwrap();
        let process = Command::new(binary)
            .args(["--use-dynamic-base-id", "--concurrency", "1", "-l", "warn", "-c"])
            .arg(path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { process, admin })
    }
}

/// One HTTP/1.1 exchange; the whole answer as text.
async fn exchange(at: SocketAddr, head: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    let request = format!("{head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// An application that answers everything with its request.
async fn echo(at: SocketAddr) {
    let listener = tokio::net::TcpListener::bind(at).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 8192];
                while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {read}\r\n\r\n");
                    socket.write_all(head.as_bytes()).await.unwrap();
                    socket.write_all(&buffer[..read]).await.unwrap();
                }
            });
        }
    });
}

/// Waits for a line of metrics that has all these parts.
async fn metric(admin: SocketAddr, parts: &[&str]) -> String {
    let mut text = String::new();
    for _ in 0..100 {
        text = exchange(admin, "GET /stats/prometheus HTTP/1.1\r\nHost: x").await;
        if let Some(line) = text
            .lines()
            .find(|line| parts.iter().all(|part| line.contains(part)))
        {
            return line.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ours: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("istio") || line.contains("vigla"))
        .collect();
    panic!("no metric with {parts:?} in\n{}", ours.join("\n"))
}

#[tokio::test]
async fn two_envoys_take_their_plans_and_count_with_istios_labels() {
    let _alone = ADDRESSES.lock().await;
    let world = World::start();
    let Some(caller) = Envoy::start(&world, "productpage-v1-0") else {
        return;
    };
    let callee = Envoy::start(&world, "reviews-v1-0").unwrap();
    let status = world.until("productpage-v1-0", |status| status.in_sync).await;
    assert_eq!(status.program, ProxyProgram::Envoy);
    assert_eq!(&*status.agent_version, "1.40.0");
    assert_eq!(status.refusals, []);
    assert_eq!(
        world
            .until("reviews-v1-0", |status| status.in_sync)
            .await
            .refusals,
        []
    );

    let snapshot = world.snapshots.borrow().snapshot.clone();
    let capture = |name| {
        snapshot
            .instance("bookinfo", name)
            .unwrap()
            .sidecar
            .clone()
            .unwrap()
    };
    let (outbound, app) = (
        capture("productpage-v1-0").outbound[&9080],
        capture("reviews-v1-0").app[&9080],
    );
    echo(app).await;
    let mut answer = String::new();
    for _ in 0..100 {
        // Two of three times another version of reviews is called, which does not run.
        answer = exchange(outbound, "GET /reviews/0 HTTP/1.1\r\nHost: reviews:9080").await;
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!answer.to_lowercase().contains("x-vigla-peer"), "{answer}");

    let line = metric(
        caller.admin,
        &[
            "envoy_istio_requests_total{",
            "reporter=\"source\"",
            "response_code=\"200\"",
        ],
    )
    .await;
    for part in [
        "source_workload=\"productpage-v1\"",
        "destination_workload=\"reviews-v1\"",
        "destination_version=\"v1\"",
        "destination_service=\"reviews.bookinfo.svc.cluster.local\"",
        "destination_service_name=\"reviews\"",
        "destination_principal=\"spiffe://cluster.local/ns/bookinfo/sa/",
        "connection_security_policy=\"unknown\"",
        "response_flags=\"-\"",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let line = metric(
        callee.admin,
        &["envoy_istio_requests_total{", "reporter=\"destination\""],
    )
    .await;
    for part in [
        "source_peer=\"productpage-v1.bookinfo.pod.vigla\"",
        "source_principal=\"spiffe://cluster.local/ns/bookinfo/sa/",
        "destination_workload=\"reviews-v1\"",
        "connection_security_policy=\"mutual_tls\"",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    metric(
        callee.admin,
        &["envoy_istio_request_duration_milliseconds_bucket{", "le=\"5\""],
    )
    .await;
    metric(callee.admin, &["envoy_istio_response_bytes_sum{"]).await;
    println!("{line}");

    let log = std::fs::read_to_string(world.dir.path().join("reviews-v1-0.log"));
    println!("{log:?}");

    for (head, code) in [
        ("GET /ready", "200"),
        ("GET /server_info", "200"),
        ("GET /clusters", "200"),
        ("GET /config_dump", "200"),
        ("POST /quitquitquit", "404"),
        ("POST /ready", "404"),
        ("GET /logging", "404"),
    ] {
        let answer = exchange(callee.admin, &format!("{head} HTTP/1.1\r\nHost: x")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {code}")),
            "{head}: {answer}"
        );
        assert!(!answer.contains("PRIVATE KEY"));
    }

    // Plain text to a port that takes both: counted with its address. Under STRICT: refused and counted.
    let address = snapshot
        .instance("bookinfo", "reviews-v1-0")
        .unwrap()
        .endpoint(9080);
    let plain = exchange(
        address,
        "GET / HTTP/1.1\r\nHost: reviews:9080\r\nx-vigla-peer: shop-v1.shop",
    )
    .await;
    if plain.starts_with("HTTP/1.1 200") {
        assert!(!plain.contains("x-vigla-peer"), "{plain}");
        let line = metric(callee.admin, &["requests_total{", "source_address=\"127.0.0.1\""]).await;
        assert!(line.contains("source_peer=\"shop-v1.shop.pod.vigla\""), "{line}");
    }
    let mut pushes = world.handle.pushes();
    world.publish(
        2,
        &Mesh::bookinfo().with_yaml(
            "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: bookinfo}
spec: {mtls: {mode: STRICT}}
",
        ),
    );
    let event = timeout(SOON, pushes.recv()).await.unwrap().unwrap();
    println!("{event:?}");
    let mut refused = String::new();
    for _ in 0..40 {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let _ = stream
            .write_all(b"GET / HTTP/1.1\r\nHost: reviews:9080\r\nConnection: close\r\n\r\n")
            .await;
        refused.clear();
        let _ = stream.read_to_string(&mut refused).await;
        if refused.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(refused, "");
    let line = metric(callee.admin, &["envoy_vigla_connections_refused_total{"]).await;
    for part in [
        "source_address=\"127.0.0.1\"",
        "response_flags=\"NR\"",
        "destination_workload=\"reviews-v1\"",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    // A changed cluster must not warm for ever: its endpoints come again. New ones come with it.
    let rule = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: bookinfo}
spec:
  host: reviews
  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}
  subsets: [{name: v1, labels: {version: v1}}]
";
    world.publish(3, &Mesh::bookinfo().with_yaml(rule));
    let event = timeout(SOON, pushes.recv()).await.unwrap().unwrap();
    assert_eq!(event.revision, 3);
    println!("{event:?}");
    metric(caller.admin, &["envoy_cluster_manager_warming_clusters{} 0"]).await;
    let clusters = exchange(caller.admin, "GET /clusters HTTP/1.1\r\nHost: x").await;
    assert!(
        clusters.contains("outbound|9080|v1|reviews.bookinfo.svc.cluster.local::127."),
        "{clusters}"
    );

    for status in world.handle.proxies() {
        assert_eq!(status.refusals, []);
    }
}

#[tokio::test]
async fn envoys_refuse_what_policies_deny_and_call_outside_hosts_by_dns() {
    let _alone = ADDRESSES.lock().await;
    let world = World::start();
    let outside = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let yaml = format!(
        "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: reviews, namespace: bookinfo}}
spec:
  selector: {{matchLabels: {{app: reviews}}}}
  rules:
  - from: [{{source: {{principals: ['*/sa/bookinfo-productpage'], namespaces: [bookinfo]}}}}]
    to: [{{operation: {{methods: [GET], paths: [/reviews/*], ports: ['9080']}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: outside, namespace: bookinfo}}
spec:
  hosts: [outside.example]
  resolution: DNS
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  endpoints: [{{address: localhost, ports: {{http: {}}}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: outside, namespace: bookinfo}}
spec:
  host: outside.example
  trafficPolicy:
    connectionPool: {{tcp: {{maxConnections: 8, tcpKeepalive: {{time: 60s}}}}, http: {{maxRequestsPerConnection: 1}}}}
    outlierDetection: {{consecutive5xxErrors: 3}}
",
        outside.port()
    );
    world.publish(2, &Mesh::bookinfo().with_yaml(&yaml));
    let Some(caller) = Envoy::start(&world, "productpage-v1-0") else {
        return;
    };
    let _callee = Envoy::start(&world, "reviews-v1-0").unwrap();
    let snapshot = world.snapshots.borrow().snapshot.clone();
    let capture = |name| {
        let instance = snapshot.instance("bookinfo", name).unwrap();
        instance.sidecar.clone().unwrap()
    };
    echo(capture("reviews-v1-0").app[&9080]).await;
    echo(outside).await;
    for instance in ["productpage-v1-0", "reviews-v1-0"] {
        let status = world.until(instance, |status| status.in_sync).await;
        assert_eq!(status.refusals, []);
        assert_eq!(status.problems.len(), 0, "{:?}", status.problems);
    }
    let outbound = capture("productpage-v1-0").outbound;
    // Two of three calls go to versions that do not run.
    for (path, wanted) in [("/reviews/0", "HTTP/1.1 200"), ("/admin", "HTTP/1.1 403")] {
        let mut answer = String::new();
        for _ in 0..100 {
            answer = exchange(
                outbound[&9080],
                &format!("GET {path} HTTP/1.1\r\nHost: reviews:9080"),
            )
            .await;
            if !answer.starts_with("HTTP/1.1 503") {
                break;
            }
        }
        assert!(answer.starts_with(wanted), "{path}: {answer}");
        assert_eq!(
            answer.ends_with("RBAC: access denied"),
            wanted.ends_with("403"),
            "{answer}"
        );
    }
    let answer = exchange(outbound[&80], "GET / HTTP/1.1\r\nHost: outside.example").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    metric(
        caller.admin,
        &[
            "envoy_istio_requests_total{",
            "destination_service=\"outside.example\"",
            "response_code=\"200\"",
        ],
    )
    .await;
}
