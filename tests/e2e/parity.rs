//! The embedded store and a real Prometheus over the same samples: the same graph, number by number.
//!
//! Prometheus scrapes an exporter with our written configuration. What it scraped, at the times that it noted, is
//! given to the embedded store as well; then both are asked for windows that end between two scrapes.

mod exporter;

use std::{path::Path, time::Duration};

use vigla_graph::{Graph, Side, TrafficWindow, Unidentified, View};
use vigla_model::{Timestamp, Window};
use vigla_sources::{
    MetricSource, SourceError,
    outbound::{Outbound, OutboundSettings},
    prometheus::PrometheusSource,
};
use vigla_store::{MetricStore, StoreSettings, Target};
use vigla_tests::Prometheus;

use exporter::Exporter;

/// Scrapes that are compared: enough for every series of the exporter to be born, to be reset and to end.
const SCRAPES: usize = 16;

/// Our configuration with a shorter period, so that the test is.
fn configure(folder: &Path, targets: &[Target]) -> std::path::PathBuf {
    vigla_demo::write_prometheus_config(folder, targets).expect("the folder can be written");
    let path = folder.join("prometheus.yml");
    let text = std::fs::read_to_string(&path).expect("it was written");
    let text = text
        .replace("scrape_interval: 2s", "scrape_interval: 1s")
        .replace("scrape_timeout: 1s", "scrape_timeout: 900ms");
    std::fs::write(&path, text).expect("the folder can be written");
    path
}

/// What Prometheus noted: for each target the times of its scrapes with their numbers.
async fn scrapes_of(prometheus: &Prometheus) -> Vec<(String, Vec<(i64, usize)>)> {
    let answer = prometheus.query("istio_scrape_number[5m]").await;
    let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    series
        .iter()
        .map(|series| {
            let target = series["metric"]["vigla_target"].as_str().unwrap_or_default();
            let values = series["values"].as_array().cloned().unwrap_or_default();
            let value = |pair: &serde_json::Value| {
                let millis = (pair[0].as_f64()? * 1000.0).round() as i64;
                Some((millis, pair[1].as_str()?.parse::<usize>().ok()?))
            };
            (target.to_owned(), values.iter().filter_map(value).collect())
        })
        .collect()
}

/// Whether the second that ends shortly after the last scrape holds no other of any target: on a busy machine
/// Prometheus comes late to one scrape and in time to the next.
fn last_second_holds_one(scrapes: &[(String, Vec<(i64, usize)>)]) -> bool {
    let times = || {
        scrapes
            .iter()
            .map(|(_, scrapes)| scrapes.iter().rev().map(|(at, _)| *at))
    };
    let last = times().filter_map(|mut times| times.next()).max();
    times()
        .filter_map(|mut times| times.nth(1))
        .all(|before| last.is_some_and(|last| before <= last - 997))
}

struct Both {
    embedded: MetricStore,
    prometheus: PrometheusSource,
    /// A moment shortly after the last scrape of both targets and before the next.
    at: Timestamp,
    _program: Prometheus,
    _folder: tempfile::TempDir,
}

/// Both sources over the same samples; `None` where there is no Prometheus.
async fn both() -> Option<Both> {
    let exporters = [Exporter::start("istio").await, Exporter::start("envoy").await];
    let targets: Vec<Target> = exporters.iter().map(Exporter::target).collect();
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let program = Prometheus::start(&configure(folder.path(), &targets)).await?;
    let scrapes = vigla_tests::until_some("scrapes", Duration::from_secs(60), async || {
        let scrapes = scrapes_of(&program).await;
        let enough = scrapes.len() == 2 && scrapes.iter().all(|(_, scrapes)| scrapes.len() >= SCRAPES);
        let enough = enough && last_second_holds_one(&scrapes);
        enough.then_some(scrapes).ok_or("not enough yet".to_owned())
    })
    .await;
    let embedded = MetricStore::new(StoreSettings {
        period: Duration::from_secs(1),
        ..StoreSettings::default()
    });
    let first = Timestamp(scrapes[0].1[0].0);
    embedded.set_targets(&targets, first);
    let mut last = 0;
    for (target, scrapes) in &scrapes {
        let exporter = exporters
            .iter()
            .find(|exporter| &*exporter.target().name == target)?;
        for (at, number) in scrapes {
            embedded.take(
                target,
                Timestamp(*at),
                Duration::ZERO,
                exporter.body(*number).as_bytes(),
            );
            last = last.max(*at);
        }
    }
    let client = OutboundSettings::new("Prometheus", program.address().parse().expect("it is a URL"));
    Some(Both {
        embedded,
        prometheus: PrometheusSource::new(
            Outbound::new(client).expect("loopback is named"),
            Default::default(),
        ),
        // 3 ms: no sample of an earlier scrape lies on the edge of any window, whose lengths are whole seconds.
        at: Timestamp(last + 3),
        _program: program,
        _folder: folder,
    })
}

fn view(window: TrafficWindow) -> View {
    Graph::build(&[window], &Unidentified).view()
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1e-3)
}

/// Numbers of a side, each with its name.
fn numbers(side: Option<&Side>) -> Vec<(String, f64)> {
    let Some(side) = side else { return Vec::new() };
    let traffic = &side.traffic;
    let mut numbers = vec![
        ("requests".to_owned(), traffic.requests),
        ("bytes sent".to_owned(), traffic.bytes_sent),
        ("bytes received".to_owned(), traffic.bytes_received),
        ("connections".to_owned(), traffic.connections),
        ("messages sent".to_owned(), traffic.messages_sent),
        ("messages received".to_owned(), traffic.messages_received),
        ("duration".to_owned(), traffic.latency.sum_ms),
        ("mutual TLS".to_owned(), side.mutual_tls),
        ("security known".to_owned(), side.security_known),
        ("total requests".to_owned(), side.totals.requests),
        ("total connections".to_owned(), side.totals.connections),
    ];
    numbers.extend(
        traffic
            .latency
            .buckets
            .iter()
            .map(|(bound, rate)| (format!("up to {bound} ms"), *rate)),
    );
    numbers.extend(
        side.responses
            .iter()
            .map(|(key, rate)| (format!("{key:?}"), *rate)),
    );
    numbers
}

fn compare(embedded: &View, prometheus: &View, window: &str) {
    let names = |view: &View| {
        view.nodes
            .values()
            .map(|node| format!("{node:?}"))
            .collect::<Vec<_>>()
    };
    let edges = |view: &View| view.edges.keys().copied().collect::<Vec<_>>();
    assert_eq!(edges(embedded), edges(prometheus), "{window}: edges");
    assert_eq!(
        embedded.nodes.keys().collect::<Vec<_>>(),
        prometheus.nodes.keys().collect::<Vec<_>>(),
        "{window}: nodes {:#?} {:#?}",
        names(embedded),
        names(prometheus)
    );
    for (id, edge) in &embedded.edges {
        let other = &prometheus.edges[id];
        assert!(
            near(edge.refused, other.refused),
            "{window}: refused {} {}",
            edge.refused,
            other.refused
        );
        let sides = [
            ("source", &edge.by_source, &other.by_source),
            ("destination", &edge.by_destination, &other.by_destination),
        ];
        for (reporter, one, two) in sides {
            let (one, two) = (numbers(one.as_ref()), numbers(two.as_ref()));
            let same = one.len() == two.len()
                && one
                    .iter()
                    .zip(&two)
                    .all(|((a, x), (b, y))| a == b && near(*x, *y));
            assert!(
                same,
                "{window}, {reporter} of {:?}:\n{one:#?}\n{two:#?}",
                edge.services
            );
        }
        assert_eq!(
            edge.shown.source_principals, other.shown.source_principals,
            "{window}"
        );
    }
}

/// What any source of numbers keeps to, whatever is behind it.
async fn check_contract(source: &dyn MetricSource, at: Timestamp) {
    let name = source.name();
    assert!(!name.is_empty());
    let window: Window = "10s".parse().expect("it is a window");
    let answer = source
        .traffic(window, Some(at))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        (answer.at, answer.window),
        (at, window.duration()),
        "{name}: what was asked"
    );
    assert!(
        answer.rows.iter().any(|row| row.traffic.requests > 0.0),
        "{name}: traffic"
    );
    for row in &answer.rows {
        let traffic = &row.traffic;
        let all = [
            traffic.requests,
            traffic.connections,
            traffic.bytes_sent,
            traffic.bytes_received,
        ];
        assert!(
            all.iter().all(|rate| rate.is_finite() && *rate >= 0.0),
            "{name}: {row:?}"
        );
        let buckets = &traffic.latency.buckets;
        assert!(
            buckets.windows(2).all(|two| two[0].0 < two[1].0),
            "{name}: {buckets:?}"
        );
        assert!(buckets.iter().all(|(_, rate)| *rate > 0.0), "{name}: {buckets:?}");
    }
    let keys: std::collections::BTreeSet<_> = answer.rows.iter().map(|row| &row.key).collect();
    assert_eq!(keys.len(), answer.rows.len(), "{name}: each row once");
    let again = source
        .traffic(window, Some(at))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        view(again),
        view(answer),
        "{name}: the same question, the same answer"
    );
    let short = source
        .traffic("1s".parse().expect("it is a window"), Some(at))
        .await;
    assert!(
        matches!(short, Err(SourceError::Window { .. })),
        "{name}: {short:?}"
    );
    let early = source
        .traffic(window, Some(at.minus(Duration::from_secs(86_400))))
        .await;
    assert!(
        early.is_err(),
        "{name}: nothing is known of yesterday, and nothing is not zero"
    );
    let newest = source.traffic(window, None).await;
    assert!(newest.is_ok(), "{name}: {newest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_store_and_prometheus_agree_on_the_same_samples() {
    let Some(both) = both().await else { return };
    for text in ["5s", "8s", "12s", "1m"] {
        let window: Window = text.parse().expect("it is a window");
        let embedded = both
            .embedded
            .traffic(window, Some(both.at))
            .await
            .expect("the store answers");
        let prometheus = both.prometheus.traffic(window, Some(both.at)).await;
        let prometheus = prometheus.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(both.prometheus.about().notes, Vec::<String>::new());
        let (embedded, prometheus) = (view(embedded), view(prometheus));
        // Both exporters' edges meet: cart, stock, late, idle, the database, and the refused caller's.
        assert!(embedded.edges.len() >= 6, "{text}: {:#?}", embedded.edges);
        assert!(embedded.edges.values().any(|edge| edge.refused > 0.0), "{text}");
        compare(&embedded, &prometheus, text);
    }
    check_contract(&both.embedded, both.at).await;
    check_contract(&both.prometheus, both.at).await;
    let about = both.prometheus.about();
    assert!(
        about
            .version
            .is_some_and(|version| version.starts_with("Prometheus "))
    );
}
