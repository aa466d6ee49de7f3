//! Price of a large cluster: `cargo xtask bench kube`.
//!
//! 10 000 pods of 12 KB and 5 000 config objects, over an API server that is a process of its own and answers from
//! what it prepared. By streaming lists and by pages, and the pods alone for what one takes; each in a process of its
//! own, so that none inherits another's memory.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark tells its figures, or why not"
)]

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use vigla_config::{Instance, MeshSettings, Snapshot};
use vigla_kube::{KubeSettings, KubeSource};
use vigla_sources::ConfigSource as _;

const PODS: usize = 10_000;
const WORKLOADS: usize = 1_000;
/// What this process is to be; without it, it starts the others.
const ROLE: &str = "VIGLA_BENCH_ROLE";
/// How lists are had, and of what.
const ROAD: &str = "VIGLA_BENCH_ROAD";

fn main() {
    match env::var(ROLE).as_deref() {
        Ok("server") => serve(),
        Ok(url) => measure(url),
        Err(_) => {
            for road in ["streaming", "pages", "pods"] {
                println!("{road}:");
                let mut server = start("server", road);
                let mut url = String::new();
                BufReader::new(server.stdout.take().unwrap())
                    .read_line(&mut url)
                    .unwrap();
                let measured = start(url.trim(), road).wait_with_output().unwrap();
                print!("{}", String::from_utf8_lossy(&measured.stdout));
                server.kill().unwrap();
                server.wait().unwrap();
                assert!(measured.status.success(), "it could not be measured");
            }
        }
    }
}

fn start(role: &str, road: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .env(ROLE, role)
        .env(ROAD, road)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Objects of one path, as JSON.
struct Objects {
    path: &'static str,
    kind: &'static str,
    objects: Vec<String>,
}

fn metadata(name: &str, namespace: usize, version: usize, more: &str) -> String {
    let fields = r#"{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-11-23T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{".":{},"f:app":{}}}}}"#;
    format!(
        r#"{{"name":"{name}","namespace":"ns-{namespace}","uid":"11fa49bc-3c63-4b60-a2d1-{version:012}","resourceVersion":"{version}","creationTimestamp":"2026-11-23T00:00:00Z","managedFields":[{fields},{fields},{fields}],"annotations":{{"kubectl.kubernetes.io/last-applied-configuration":"{:0800}"}}{more}}}"#,
        0
    )
}

/// Two containers with 45 variables each, as in the study of what pods cost.
fn containers() -> String {
    let container = |name: &str| {
        let mut variables = String::new();
        for index in 0..45 {
            let comma = if index > 0 { "," } else { "" };
            write!(
                variables,
                r#"{comma}{{"name":"VARIABLE_NUMBER_{index}","value":"{index:060}"}}"#
            )
            .unwrap();
        }
        format!(
            r#"{{"name":"{name}","image":"registry/{name}:1","ports":[{{"containerPort":8080}}],"env":[{variables}]}}"#
        )
    };
    format!("{},{}", container("app"), container("istio-proxy"))
}

fn cluster() -> Vec<Objects> {
    let containers = containers();
    let labels = |workload: usize| {
        format!(
            r#""app":"app-{workload}","version":"v1","pod-template-hash":"5f6c7d8","security.istio.io/tlsMode":"istio","service.istio.io/canonical-name":"app-{workload}","service.istio.io/canonical-revision":"v1""#
        )
    };
    let namespace = |workload: usize| workload / 10;
    let pods = (0..PODS).map(|pod| {
        let workload = pod % WORKLOADS;
        let more = format!(
            r#","labels":{{{}}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"app-{workload}-5f6c7d8","uid":"u","controller":true}}]"#,
            labels(workload)
        );
        format!(
            r#"{{"metadata":{},"spec":{{"serviceAccountName":"app-{workload}","containers":[{containers}]}},"status":{{"phase":"Running","podIP":"10.{}.{}.{}","conditions":[{{"type":"Ready","status":"True"}}]}}}}"#,
            metadata(&format!("app-{workload}-5f6c7d8-{pod:05}"), namespace(workload), pod + 1, &more),
            pod / 65_536,
            pod / 256 % 256,
            pod % 256
        )
    });
    let per_workload = |make: &dyn Fn(usize, &str) -> String| -> Vec<String> {
        let name = |workload: usize| format!("app-{workload}");
        (0..WORKLOADS)
            .map(|workload| {
                let meta = metadata(&name(workload), namespace(workload), workload + 1, "");
                make(workload, &meta)
            })
            .collect()
    };
    let of = |path, kind, objects| Objects { path, kind, objects };
    let rules = |meta: &str, workload: usize| {
        format!(
            r#"{{"metadata":{meta},"spec":{{"hosts":["app-{workload}"],"http":[{{"match":[{{"uri":{{"prefix":"/api"}}}}],"timeout":"5s","retries":{{"attempts":3}},"route":[{{"destination":{{"host":"app-{workload}","subset":"v1"}},"weight":90}},{{"destination":{{"host":"app-{workload}","subset":"v2"}},"weight":10}}]}},{{"route":[{{"destination":{{"host":"app-{workload}"}}}}]}}]}}}}"#
        )
    };
    vec![
        of("/api/v1/pods", "Pod", pods.collect()),
        of(
            "/api/v1/services",
            "Service",
            per_workload(&|workload, meta| {
                format!(
                    r#"{{"metadata":{meta},"spec":{{"clusterIP":"10.96.0.1","selector":{{"app":"app-{workload}"}},"ports":[{{"name":"http","port":80,"targetPort":8080,"protocol":"TCP"}}],"type":"ClusterIP"}}}}"#
                )
            }),
        ),
        of(
            "/apis/apps/v1/deployments",
            "Deployment",
            per_workload(&|workload, meta| {
                format!(
                    r#"{{"metadata":{meta},"spec":{{"replicas":10,"selector":{{"matchLabels":{{"app":"app-{workload}"}}}},"template":{{"metadata":{{"labels":{{{}}}}},"spec":{{"serviceAccountName":"app-{workload}","containers":[{containers}]}}}}}}}}"#,
                    labels(workload)
                )
            }),
        ),
        of(
            "/apis/discovery.k8s.io/v1/endpointslices",
            "EndpointSlice",
            per_workload(&|workload, meta| {
                let endpoint = |pod: usize| {
                    format!(
                        r#"{{"addresses":["10.0.0.1"],"conditions":{{"ready":true}},"targetRef":{{"kind":"Pod","name":"app-{workload}-5f6c7d8-{:05}"}}}}"#,
                        pod * WORKLOADS + workload
                    )
                };
                let endpoints: Vec<String> = (0..PODS / WORKLOADS).map(endpoint).collect();
                format!(r#"{{"metadata":{meta},"endpoints":[{}]}}"#, endpoints.join(","))
            }),
        ),
        of(
            "/apis/networking.istio.io/v1/virtualservices",
            "VirtualService",
            per_workload(&|workload, meta| rules(meta, workload)),
        ),
        of(
            "/apis/networking.istio.io/v1/destinationrules",
            "DestinationRule",
            per_workload(&|workload, meta| {
                format!(
                    r#"{{"metadata":{meta},"spec":{{"host":"app-{workload}","trafficPolicy":{{"tls":{{"mode":"ISTIO_MUTUAL"}}}},"subsets":[{{"name":"v1","labels":{{"version":"v1"}}}},{{"name":"v2","labels":{{"version":"v2"}}}}]}}}}"#
                )
            }),
        ),
        of(
            "/apis/security.istio.io/v1/authorizationpolicies",
            "AuthorizationPolicy",
            per_workload(&|workload, meta| {
                format!(
                    r#"{{"metadata":{meta},"spec":{{"selector":{{"matchLabels":{{"app":"app-{workload}"}}}},"rules":[{{"from":[{{"source":{{"principals":["cluster.local/ns/a/sa/b"]}}}}],"to":[{{"operation":{{"methods":["GET"]}}}}]}}]}}}}"#
                )
            }),
        ),
    ]
}

fn serve() {
    let road = env::var(ROAD).unwrap();
    let mut all = cluster();
    if road == "pods" {
        all.truncate(1);
    }
    let all = Arc::new(all);
    let streams = road != "pages";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    for stream in listener.incoming() {
        let all = Arc::clone(&all);
        thread::spawn(move || {
            // A client that goes away in the middle is none of ours.
            let _ = answer(stream?, &all, streams);
            Ok::<_, std::io::Error>(())
        });
    }
}

fn answer(mut stream: TcpStream, all: &[Objects], streams: bool) -> std::io::Result<()> {
    let mut head = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    head.read_line(&mut first)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    let target = first.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let begin = |stream: &mut TcpStream, status: &str| {
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
        )
    };
    let found = all.iter().find(|objects| objects.path == path);
    if path == "/apis" {
        begin(&mut stream, "200 OK")?;
        let group = |name: &str| format!(r#"{{"name":"{name}","versions":[{{"version":"v1"}}]}}"#);
        return write!(
            stream,
            r#"{{"groups":[{},{}]}}"#,
            group("networking.istio.io"),
            group("security.istio.io")
        );
    }
    if path.ends_with("istio.io/v1") {
        begin(&mut stream, "200 OK")?;
        return write!(
            stream,
            r#"{{"resources":[{{"name":"virtualservices"}},{{"name":"destinationrules"}},{{"name":"authorizationpolicies"}}]}}"#
        );
    }
    let none = Vec::new();
    let (kind, objects) = found.map_or(("None", &none), |found| (found.kind, &found.objects));
    let asked = |key: &str| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    };
    if asked("sendInitialEvents").is_some() {
        if !streams {
            begin(&mut stream, "422 Unprocessable Entity")?;
            return write!(stream, r#"{{"code":422,"message":"forbidden for watch"}}"#);
        }
        begin(&mut stream, "200 OK")?;
        for object in objects {
            stream.write_all(b"{\"type\":\"ADDED\",\"object\":")?;
            stream.write_all(object.as_bytes())?;
            stream.write_all(b"}\n")?;
        }
        writeln!(
            stream,
            r#"{{"type":"BOOKMARK","object":{{"kind":"{kind}","metadata":{{"resourceVersion":"100000","annotations":{{"k8s.io/initial-events-end":"true"}}}}}}}}"#
        )?;
    } else if asked("watch").is_none() {
        begin(&mut stream, "200 OK")?;
        let from: usize = asked("continue").map_or(0, |from| from.parse().unwrap());
        let limit: usize = asked("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let to = from.saturating_add(limit).min(objects.len());
        let more = if to < objects.len() {
            to.to_string()
        } else {
            String::new()
        };
        return write!(
            stream,
            r#"{{"metadata":{{"resourceVersion":"100000","continue":"{more}"}},"items":[{}]}}"#,
            objects[from..to].join(",")
        );
    } else {
        begin(&mut stream, "200 OK")?;
    }
    // The watch stays until the client goes.
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// A figure of this process in MB.
fn memory(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024.0 / 1e6
}

/// CPU time of this process.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn measure(url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{{name: a, cluster: {{server: '{url}'}}}}]\n\
         users: [{{name: a, user: {{}}}}]\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n"
    );
    fs::write(&file, kubeconfig).unwrap();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let alone = env::var(ROAD).unwrap() == "pods";
    let files = if alone { 0 } else { 5 * WORKLOADS };
    runtime.block_on(async {
        let (before, started, cpu_before) = (memory("VmRSS"), Instant::now(), cpu());
        let settings = KubeSettings {
            kubeconfig: Some(file),
            ..KubeSettings::default()
        };
        let source = KubeSource::open(&settings).await.unwrap();
        let mut states = source.watch();
        let state = loop {
            states.changed().await.unwrap();
            let state = states.borrow_and_update().clone();
            if state.instances.len() == PODS && state.files.len() == files && state.errors.is_empty() {
                break state;
            }
            println!("  (incomplete: {:?})", state.errors);
            assert!(started.elapsed() < Duration::from_secs(120));
        };
        let read = started.elapsed();
        let peak = memory("VmHWM");
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (held, read_cpu) = (memory("VmRSS") - before, cpu() - cpu_before);
        let built = Instant::now();
        let instances = state.instances.iter().map(|instance| Instance::clone(instance)).collect();
        let snapshot = Snapshot::build(state.objects(), instances, MeshSettings::default());
        println!(
            "  all lists to the first state {:.2} s ({read_cpu:.1} CPU-s), to its snapshot {:.2} s more",
            read.as_secs_f64(),
            built.elapsed().as_secs_f64()
        );
        println!(
            "  held {held:.0} MB, peak {:.0} MB over {before:.0} MB before; snapshot and all {:.0} MB; {} instances, {} objects",
            peak - before,
            memory("VmRSS") - before,
            snapshot.instances().len(),
            snapshot.objects().len()
        );
        if alone {
            println!("  a pod takes {:.0} bytes", held * 1e6 / PODS as f64);
        }
    });
}
