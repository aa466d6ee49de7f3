//! The source over an API server that misbehaves. What a source knows after trouble is compared with what a fresh one
//! reads, so that no test repeats what the source believes.

mod fake;
mod real;
mod trouble;

use std::time::Duration;

use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;
use fake::{Expiry, Fake, Streaming};

/// What is promised after any trouble.
const SOON: Duration = Duration::from_secs(5);

fn service(name: &str, port: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"app": name}, "ports": [{"port": port, "name": "http"}]}})
}

fn rule(name: &str, weight: u8) -> Value {
    json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"hosts": [name], "http": [{"route": [{"destination": {"host": name}, "weight": weight}]}]}})
}

fn pod(name: &str, address: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": {"app": "cart", "version": "v1"},
            "ownerReferences": [{"kind": "StatefulSet", "name": "cart", "controller": true}]},
        "spec": {"serviceAccountName": "cart", "containers": [{"name": "app"}, {"name": "istio-proxy"}]},
        "status": {"phase": "Running", "podIP": address, "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn slice(pod: &str, ready: bool) -> Value {
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "cart-x", "namespace": "shop"},
        "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready},
            "targetRef": {"kind": "Pod", "name": pod, "namespace": "shop"}}], "ports": []})
}

fn open(fake: &Fake) -> KubeSource {
    // Another test may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = Config::new(fake.url.parse().unwrap());
    config.default_retry = false;
    KubeSource::over(Client::try_from(config).unwrap(), "fake", &[])
}

/// All that a state says, a line each.
fn says(state: &ConfigState) -> Vec<String> {
    let files = state.files.iter().map(|file| file.text.replace('\n', "|"));
    let instances = state.instances.iter().map(|instance| format!("{instance:?}"));
    files.chain(instances).collect()
}

async fn wait_for(
    source: &KubeSource,
    what: &str,
    condition: impl Fn(&ConfigState) -> bool,
) -> Arc<ConfigState> {
    let started = Instant::now();
    let mut states = source.watch();
    loop {
        let state = states.borrow_and_update().clone();
        if state.revision > 0 && condition(&state) {
            return state;
        }
        let left = SOON.saturating_sub(started.elapsed());
        assert!(
            timeout(left, states.changed()).await.is_ok(),
            "not within {SOON:?}: {what}: {:#?} {:?}",
            says(&state),
            state.errors
        );
    }
}

/// Waits until a source says what a fresh one reads.
async fn wait_for_fresh(source: &KubeSource, fake: &Fake) {
    let fresh = open(fake);
    let expected = says(&*wait_for(&fresh, "a fresh source reads", |state| state.errors.is_empty()).await);
    wait_for(source, &format!("{expected:#?}"), |state| {
        says(state) == expected && state.errors.is_empty()
    })
    .await;
}

fn has(state: &ConfigState, text: &str) -> bool {
    says(state).iter().any(|line| line.contains(text))
}

async fn cluster(tasks: &mut JoinSet<()>) -> Fake {
    let fake = Fake::start(tasks).await;
    for (index, name) in ["cart", "pay", "ship"].into_iter().enumerate() {
        fake.put(service(name, 80));
        fake.put(rule(name, 100));
        fake.put(pod(&format!("{name}-0"), &format!("10.0.0.{}", index + 1)));
    }
    fake
}

#[tokio::test]
async fn everything_is_read_and_changes_arrive() {
    let mut tasks = JoinSet::new();
    let fake = cluster(&mut tasks).await;
    let source = open(&fake);
    let first = wait_for(&source, "the first state", |_| true).await;
    assert_eq!(
        (first.revision, first.files.len(), first.instances.len()),
        (1, 6, 3)
    );
    assert_eq!(first.errors, []);
    assert_eq!(&*first.files[0].name, "shop/services/cart");
    let names: Vec<&str> = first.instances.iter().map(|instance| &*instance.name).collect();
    assert_eq!(names, ["cart-0", "pay-0", "ship-0"]);
    assert!(
        fake.lock().asked.iter().all(|asked| !asked.contains("limit=")),
        "no list was needed"
    );

    fake.put(rule("cart", 10));
    let second = wait_for(&source, "the change", |state| has(state, "weight: 10|")).await;
    let changes = second.changes_since(&first);
    assert_eq!(changes.len(), 1, "{changes:?}");
    fake.remove(rule("cart", 10));
    fake.remove(pod("pay-0", "10.0.0.2"));
    wait_for(&source, "the ends", |state| {
        (state.files.len(), state.instances.len()) == (5, 2)
    })
    .await;
    // What differs in nothing that is kept is no revision.
    let before = source.state().revision;
    fake.put(service("pay", 80));
    fake.put(service("ship", 81));
    let after = wait_for(&source, "the port", |state| has(state, "port: 81")).await;
    assert_eq!(after.revision, before + 1);
    wait_for_fresh(&source, &fake).await;
}

#[tokio::test]
async fn a_service_that_sends_nothing_to_a_pod_makes_it_unready() {
    let mut tasks = JoinSet::new();
    let fake = cluster(&mut tasks).await;
    fake.put(slice("cart-0", false));
    let source = open(&fake);
    let ready = |state: &ConfigState| {
        state
            .instances
            .iter()
            .map(|instance| instance.ready)
            .collect::<Vec<_>>()
    };
    wait_for(&source, "unready", |state| ready(state) == [false, true, true]).await;
    fake.put(slice("cart-0", true));
    wait_for(&source, "ready", |state| ready(state) == [true, true, true]).await;
}

#[tokio::test]
async fn servers_that_do_not_stream_lists_are_read_in_pages() {
    for streaming in [Streaming::Refused, Streaming::ErrorEvent] {
        let mut tasks = JoinSet::new();
        let fake = cluster(&mut tasks).await;
        fake.lock().streaming = streaming;
        fake.lock().expiring_pages = 1;
        let source = open(&fake);
        wait_for(&source, "all pages", |state| {
            (state.files.len(), state.instances.len()) == (6, 3)
        })
        .await;
        fake.put(rule("cart", 10));
        wait_for(&source, "the change", |state| has(state, "weight: 10|")).await;
        fake.expire();
        wait_for_fresh(&source, &fake).await;
        let asked = fake.lock().asked.clone();
        assert!(
            asked.iter().any(|asked| asked.contains("continue=2")),
            "{asked:#?}"
        );
    }
}

#[tokio::test]
async fn a_list_whose_pages_expire_is_asked_for_whole() {
    let mut tasks = JoinSet::new();
    let fake = cluster(&mut tasks).await;
    fake.lock().streaming = Streaming::Refused;
    fake.lock().expiring_pages = usize::MAX;
    let source = open(&fake);
    wait_for(&source, "everything", |state| {
        (state.files.len(), state.instances.len()) == (6, 3)
    })
    .await;
}

#[tokio::test]
async fn closed_watches_and_expired_versions_lose_nothing() {
    for (streaming, expiry) in [
        (Streaming::Works, Expiry::Status),
        (Streaming::Works, Expiry::Event),
        (Streaming::Refused, Expiry::Event),
    ] {
        let mut tasks = JoinSet::new();
        let fake = cluster(&mut tasks).await;
        (fake.lock().streaming, fake.lock().expiry) = (streaming, expiry);
        let source = open(&fake);
        wait_for(&source, "the first state", |state| state.files.len() == 6).await;
        fake.close();
        fake.put(rule("cart", 10));
        fake.remove(rule("pay", 100));
        wait_for_fresh(&source, &fake).await;
        fake.close();
        fake.put(rule("late", 10));
        fake.remove(service("ship", 80));
        fake.put(pod("cart-9", "10.0.0.9"));
        fake.expire();
        wait_for_fresh(&source, &fake).await;
        fake.put(rule("after", 1));
        wait_for(&source, "the change after", |state| has(state, "after")).await;
    }
}

#[tokio::test]
async fn events_out_of_order_and_twice_change_nothing() {
    let mut tasks = JoinSet::new();
    let fake = cluster(&mut tasks).await;
    let source = open(&fake);
    wait_for(&source, "the first state", |state| state.files.len() == 6).await;
    let told = |kind: &str, version: u64, mut object: Value| {
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let line = json!({"type": kind, "object": object}).to_string();
        assert_eq!(fake.say("VirtualService", &line), 1);
    };
    // The server knows weight 7 and no `pay`; its events come twice and the wrong way round.
    fake.put_unseen(rule("cart", 3));
    fake.put_unseen(rule("cart", 7));
    fake.lock().version_of_next_is(200);
    told("MODIFIED", 111, rule("cart", 7));
    told("MODIFIED", 110, rule("cart", 3));
    told("MODIFIED", 111, rule("cart", 7));
    told("DELETED", 115, rule("gone", 1));
    told("ADDED", 112, rule("gone", 1));
    told("ADDED", 120, rule("pay", 100));
    told("DELETED", 105, rule("pay", 100));
    wait_for(&source, "the newest", |state| has(state, "weight: 7|")).await;
    wait_for_fresh(&source, &fake).await;
}

#[tokio::test]
async fn a_watch_goes_on_from_its_last_bookmark() {
    let mut tasks = JoinSet::new();
    let fake = cluster(&mut tasks).await;
    let source = open(&fake);
    wait_for(&source, "the first state", |_| true).await;
    fake.say(
        "VirtualService",
        r#"{"type":"BOOKMARK","object":{"kind":"VirtualService","metadata":{"resourceVersion":"4711"}}}"#,
    );
    sleep(Duration::from_millis(50)).await;
    fake.close();
    let started = Instant::now();
    let found = |fake: &Fake| {
        let asked = &fake.lock().asked;
        asked
            .iter()
            .any(|asked| asked.contains("virtualservices") && asked.ends_with("resourceVersion=4711"))
    };
    while !found(&fake) {
        assert!(started.elapsed() < SOON, "{:#?}", fake.lock().asked);
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn definitions_that_come_later_and_go_again_are_seen() {
    let mut tasks = JoinSet::new();
    let fake = cluster(&mut tasks).await;
    fake.lock().absent.insert("virtualservices");
    let source = open(&fake);
    let state = wait_for(&source, "the first state", |_| true).await;
    assert_eq!(
        (state.files.len(), state.errors.len()),
        (3, 0),
        "{:?}",
        state.errors
    );
    let following = |source: &KubeSource| {
        let status = source.status();
        status
            .into_iter()
            .find(|kind| kind.resource == "virtualservices.networking.istio.io")
            .unwrap()
            .following
    };
    assert_eq!(following(&source), Following::Absent);
    fake.lock().absent.clear();
    wait_for(&source, "the rules", |state| state.files.len() == 6).await;
    fake.lock().absent.insert("virtualservices");
    fake.close();
    wait_for(&source, "no rules", |state| {
        state.files.len() == 3 && state.errors.is_empty()
    })
    .await;
    assert_eq!(following(&source), Following::Absent);
}

#[tokio::test]
async fn what_nobody_understands_is_read_again() {
    let mut tasks = JoinSet::new();
    let fake = cluster(&mut tasks).await;
    let source = open(&fake);
    wait_for(&source, "the first state", |state| state.files.len() == 6).await;
    for line in [
        "<html>bad gateway</html>",
        r#"{"type":"ADDED","object":{"metadata":{"name":7}}}"#,
        r#"{"type":"ADDED","object":{"metad"#,
        r#"{"type":"SURPRISE","object":{}}"#,
        r#"{"type":"ERROR","object":{"code":500,"message":"etcd is away"}}"#,
        r#"{"kind":"Status","code":410,"reason":"Expired","message":"too old"}"#,
    ] {
        let started = Instant::now();
        // Its watch may still be on its way back from the line before.
        while fake.say("VirtualService", line) == 0 {
            assert!(started.elapsed() < SOON, "{line}");
            sleep(Duration::from_millis(10)).await;
        }
        fake.put_unseen(rule("cart", u8::try_from(line.len()).unwrap()));
        fake.close();
        wait_for_fresh(&source, &fake).await;
    }
}

#[tokio::test]
async fn a_server_that_is_away_leaves_the_last_state_and_is_noticed_when_it_is_back() {
    let mut tasks = JoinSet::new();
    let fake = cluster(&mut tasks).await;
    let source = open(&fake);
    let before = wait_for(&source, "the first state", |state| state.files.len() == 6).await;
    for broken in [(503, "{}"), (200, "<html>"), (401, ""), (429, "{\"code\":1}")] {
        fake.lock().broken = Some(broken);
        fake.close();
        let state = wait_for(&source, "the trouble", |state| !state.errors.is_empty()).await;
        assert_eq!(says(&state), says(&before));
        assert!(
            state.errors[0].message.contains("what was read last stays"),
            "{:?}",
            state.errors
        );
        fake.lock().broken = None;
        wait_for(&source, &format!("back from {broken:?}"), |state| {
            state.errors.is_empty()
        })
        .await;
    }
}

#[tokio::test]
async fn a_kind_that_is_not_shown_is_named_and_the_others_are_read() {
    let mut tasks = JoinSet::new();
    let fake = cluster(&mut tasks).await;
    fake.lock().forbidden.insert("virtualservices");
    let source = open(&fake);
    let state = wait_for(&source, "the others", |_| true).await;
    assert_eq!(
        (state.files.len(), state.errors.len()),
        (3, 1),
        "{:?}",
        state.errors
    );
    let error = state.errors[0].to_string();
    assert!(
        error.starts_with("virtualservices.networking.istio.io:1:1: 403: ")
            && error.contains("allow `list` and `watch`"),
        "{error}"
    );
}
