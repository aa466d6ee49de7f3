//! A deterministic exporter: the n-th scrape of it is always the same text.

use std::{
    fmt::Write,
    net::SocketAddr,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use vigla_store::Target;

/// Serves numbered scrapes, under Istio's names or in the manner of stock Envoy.
pub(crate) struct Exporter {
    kind: &'static str,
    address: SocketAddr,
}

impl Exporter {
    /// `istio` or `envoy`.
    pub(crate) async fn start(kind: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let count = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let count = count.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                        let body = body(kind, count.fetch_add(1, SeqCst));
                        let head = format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\n\r\n",
                            body.len()
                        );
                        if stream.write_all((head + &body).as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { kind, address }
    }

    /// How it is scraped.
    pub(crate) fn target(&self) -> Target {
        Target {
            name: format!("test/{}-0", self.kind).into(),
            address: self.address,
        }
    }

    /// The text of the n-th scrape.
    pub(crate) fn body(&self, number: usize) -> String {
        body(self.kind, number)
    }
}

const BOUNDS: [&str; 5] = ["1", "5", "25", "100", "+Inf"];

fn body(kind: &str, number: usize) -> String {
    let mut text = format!("istio_scrape_number {number}\n");
    let n = number as f64;
    let prefix = if kind == "envoy" { "envoy_" } else { "" };
    let mut line = |name: &str, labels: &str, value: f64| {
        let _ = writeln!(text, "{prefix}{name}{{{labels}}} {value}");
    };
    let labels = |reporter: &str, target: &str, code: &str| {
        let source = if kind == "envoy" {
            r#"source_peer="web.shop.svc.cluster.local,web-v1.shop.pod.vigla",source_app="-",grpc_response_status="-""#
        } else {
            r#"source_workload="web-v1",source_workload_namespace="shop",source_app="web",source_cluster="unknown""#
        };
        let security = if reporter == "destination" {
            "mutual_tls"
        } else {
            "unknown"
        };
        format!(
            "reporter=\"{reporter}\",{source},source_principal=\"spiffe://cluster.local/ns/shop/sa/web\",\
             destination_workload=\"{target}\",destination_workload_namespace=\"shop\",destination_version=\"v1\",\
             destination_service=\"{target}.shop.svc.cluster.local\",request_protocol=\"http\",\
             response_code=\"{code}\",response_flags=\"-\",connection_security_policy=\"{security}\""
        )
    };
    for reporter in ["source", "destination"] {
        // Steady, uneven, reset at the seventh scrape, born at the fifth, gone after the tenth.
        let mut edges = vec![("cart", "200", 100.0 + 7.0 * n), ("cart", "503", n * n / 3.0)];
        edges.push((
            "stock",
            "200",
            if number < 7 { 1000.0 + 11.0 * n } else { 3.0 * n },
        ));
        if number >= 5 {
            edges.push(("late", "200", 2.0 * (n - 5.0)));
        }
        if number <= 10 {
            edges.push(("gone", "404", 5.0 * n));
        }
        edges.push(("idle", "200", 42.0));
        for (target, code, count) in edges {
            let labels = labels(reporter, target, code);
            line("istio_requests_total", &labels, count);
            for (i, bound) in BOUNDS.iter().enumerate() {
                let share = (i as f64 + 1.0) / BOUNDS.len() as f64;
                let labels = format!("{labels},le=\"{bound}\"");
                line(
                    "istio_request_duration_milliseconds_bucket",
                    &labels,
                    (count * share).floor(),
                );
            }
            line("istio_request_duration_milliseconds_sum", &labels, count * 13.7);
            line("istio_request_duration_milliseconds_count", &labels, count);
            line("istio_request_bytes_sum", &labels, count * 120.0);
            line("istio_response_bytes_sum", &labels, count * 4100.0);
        }
        let tcp =
            labels(reporter, "db", "0").replace("request_protocol=\"http\"", "request_protocol=\"tcp\"");
        line("istio_tcp_sent_bytes_total", &tcp, 900.0 * n);
        line("istio_tcp_received_bytes_total", &tcp, 77.0 * n);
        line("istio_tcp_connections_opened_total", &tcp, (n / 2.0).floor());
    }
    let refused = "reporter=\"destination\",source_address=\"10.0.0.7\",destination_workload=\"cart\",\
                   destination_workload_namespace=\"shop\",response_flags=\"NR\"";
    line("vigla_connections_refused_total", refused, 3.0 * n);
    text
}
