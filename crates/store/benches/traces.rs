//! Price of a million spans in the trace store: `cargo bench -p vigla-store --bench traces`.
//!
//! All times are CPU times of one core. Spans are shaped like a sidecar's: twenty tags, of which two are new in every
//! request; ten spans a trace, from ten batches.
#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::{fs, hint::black_box, time::Duration};

use vigla_model::{PeerIdentity, Scope, Timestamp};
use vigla_sources::traces::{
    Span, SpanId, SpanKind, SpanStatus, Tag, TagValue, TraceFilter, TraceId, TraceQuery, otlp::Decoded,
};
use vigla_store::traces::{TraceSettings, TraceStore};

const TRACES: u64 = 100_000;
const SPANS: u64 = 10;
const START: i64 = 1_795_000_000_000;

/// A number that looks random and is the same every time.
fn mix(seed: u64) -> u64 {
    let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) ^ mixed >> 31
}

fn span(trace: u64, number: u64) -> Span {
    let random = mix(trace * SPANS + number + 1);
    let service = (trace % 20 * 7 + number * 3) % 100;
    let failed = random.is_multiple_of(200);
    let code = if failed { 503 } else { 200 };
    let text = |key: &str, value: String| Tag {
        key: key.into(),
        value: TagValue::Text(value.as_str().into()),
    };
    let mut tags = vec![
        text("component", "proxy".into()),
        text(
            "guid:x-request-id",
            format!("{:016x}-{:016x}", mix(trace), mix(trace + 1)),
        ),
        text(
            "http.url",
            format!("http://svc-{service}:9080/items/{}", random % 100_000),
        ),
        text("http.method", "GET".into()),
        text("http.protocol", "HTTP/1.1".into()),
        text("user_agent", "python-requests/2.31.0".into()),
        text(
            "upstream_cluster",
            format!(
                "outbound|9080||svc-{service}.ns{}.svc.cluster.local",
                service % 20
            ),
        ),
        text(
            "upstream_cluster.name",
            format!(
                "outbound|9080||svc-{service}.ns{}.svc.cluster.local",
                service % 20
            ),
        ),
        text("peer.address", format!("10.0.{service}.{number}")),
        text("response_flags", if failed { "UF" } else { "-" }.into()),
        text("downstream_cluster", "-".into()),
        text("istio.canonical_service", format!("svc-{service}")),
        text("istio.canonical_revision", "v1".into()),
        text("istio.mesh_id", "cluster.local".into()),
        text("istio.namespace", format!("ns{}", service % 20)),
        text(
            "node_id",
            format!(
                "sidecar~10.0.0.{service}~svc-{service}.ns{}~cluster.local",
                service % 20
            ),
        ),
    ];
    for (key, value) in [
        ("http.status_code", code),
        ("request_size", 0),
        ("response_size", (random % 4000) as i64),
        ("retries", 0),
    ] {
        tags.push(Tag {
            key: key.into(),
            value: TagValue::Int(value),
        });
    }
    Span {
        id: SpanId::new(random | 1).expect("it is odd"),
        parent: (number > 0)
            .then(|| SpanId::new(mix(trace * SPANS + number) | 1))
            .flatten(),
        name: format!("svc-{service}.ns{}.svc.cluster.local:9080/*", service % 20)
            .as_str()
            .into(),
        kind: if number.is_multiple_of(2) {
            SpanKind::Server
        } else {
            SpanKind::Client
        },
        start_ns: (START as u64 + trace * 20 + number) * 1_000_000,
        duration_ns: random % 1_000_000_000,
        service: format!("svc-{service}.ns{}", service % 20).as_str().into(),
        workload: PeerIdentity {
            namespace: Some(format!("ns{}", service % 20).as_str().into()),
            workload: Some(format!("svc-{service}-v1").as_str().into()),
            ..PeerIdentity::default()
        },
        tags,
        status: if failed {
            SpanStatus::Error
        } else {
            SpanStatus::Unset
        },
        message: None,
        events: Vec::new(),
        links: Vec::new(),
        dropped: 0,
    }
}

/// Time that this thread has spent on a core: a busy machine must not count.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
    let nanos = stat
        .split_whitespace()
        .next()
        .and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.expect("its first field is nanoseconds"))
}

/// Memory of this process in bytes.
fn resident() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: Option<f64> = statm
        .split_whitespace()
        .nth(1)
        .and_then(|field| field.parse().ok());
    pages.expect("its second field is pages") * 4096.0
}

fn fill(settings: TraceSettings) -> TraceStore {
    let before = resident();
    let store = TraceStore::new(settings);
    let (mut took, mut most) = (Duration::ZERO, 0);
    for trace in 0..TRACES {
        let id = TraceId::new(u128::from(mix(trace + 7)) << 64 | 1).expect("it is odd");
        for number in 0..SPANS {
            let decoded = Decoded {
                spans: vec![(id, span(trace, number))],
                ..Decoded::default()
            };
            let started = cpu_time();
            store.take(Timestamp(START + trace as i64 * 20), decoded);
            took += cpu_time() - started;
        }
        most = most.max(store.status().bytes);
    }
    let status = store.status();
    println!(
        "{} spans in, {:.2} µs each; {} traces and {} spans kept in {:.1} MB (most {:.1} MB, process {:.1} MB more), {:.0} bytes a span",
        TRACES * SPANS,
        took.as_secs_f64() * 1e6 / (TRACES * SPANS) as f64,
        status.traces,
        status.spans,
        status.bytes as f64 / 1e6,
        most as f64 / 1e6,
        (resident() - before) / 1e6,
        status.bytes as f64 / status.spans as f64,
    );
    store
}

fn main() {
    println!("default bounds:");
    let store = fill(TraceSettings::default());
    searches(&store);
    drop(store);
    println!("bounds that hold them all:");
    let store = fill(TraceSettings {
        traces: 2 * TRACES as usize,
        bytes: 4 << 30,
        ..TraceSettings::default()
    });
    searches(&store);
}

fn searches(store: &TraceStore) {
    type Change = fn(&mut TraceQuery);
    let cases: [(&str, Change); 10] = [
        ("newest", |_| ()),
        ("service", |q| q.filter.service = Some("svc-7.ns7".into())),
        ("service and operation", |q| {
            q.filter.service = Some("svc-7.ns7".into());
            q.filter.operation = Some("svc-7.ns7.svc.cluster.local:9080/*".into());
        }),
        ("service, errors", |q| {
            q.filter.service = Some("svc-7.ns7".into());
            q.filter.error = Some(true);
        }),
        ("a request by its id, the oldest", |q| {
            let id = format!("{:016x}-{:016x}", mix(0), mix(1));
            q.filter.tags = vec![("guid:x-request-id".into(), id)];
        }),
        ("a tag that no span has", |q| {
            q.filter.tags = vec![("http.status_code".into(), "418".into())];
        }),
        ("a duration that no span has", |q| {
            q.filter.service = Some("svc-7.ns7".into());
            q.filter.min_duration = Some(Duration::from_nanos(999_999_990));
        }),
        // Each trace has spans with each of these, none has one with all: every row is read.
        ("conditions that no span meets at once", |q| {
            q.filter.tags = vec![
                ("http.status_code".into(), "503".into()),
                ("response_flags".into(), "-".into()),
            ];
        }),
        ("no error, and very long", |q| {
            q.filter.error = Some(false);
            q.filter.min_duration = Some(Duration::from_nanos(999_999_000));
        }),
        ("a namespace that hardly is there", |q| {
            q.scope = Scope::Namespaces(["nowhere".into()].into());
        }),
    ];
    for (what, change) in cases {
        let mut query = TraceQuery {
            scope: Scope::All,
            filter: TraceFilter::default(),
            from: Timestamp(START),
            to: Timestamp(START + 86_400_000),
            limit: 20,
            after: None,
        };
        change(&mut query);
        let mut times: Vec<Duration> = (0..7)
            .map(|_| {
                let started = cpu_time();
                black_box(store.find(&query));
                cpu_time() - started
            })
            .collect();
        times.sort();
        let found = store.find(&query).items.len();
        println!("  {what}: {:.1?} ({found} found)", times[times.len() / 2]);
    }
}
