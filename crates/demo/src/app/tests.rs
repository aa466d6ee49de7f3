use std::time::Duration;

use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::*;

/// An application on a free port of 127.0.0.1.
async fn start(name: &str, behaviour: Behaviour, exits: Exits, traffic: watch::Receiver<bool>) -> App {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let setup = Setup { behaviour, exits };
    let (namespace, workload) = ("shop".into(), name.into());
    let counts = Arc::new(Counts::default());
    App::start(
        (&namespace, &workload),
        vec![free],
        free.ip(),
        setup,
        counts,
        traffic,
        1,
    )
    .await
    .unwrap()
}

fn quiet() -> watch::Receiver<bool> {
    watch::channel(false).1
}

fn calling(urls: &[&str]) -> Behaviour {
    Behaviour {
        calls: urls.iter().map(|url| Target::parse(url).unwrap()).collect(),
        ..Behaviour::default()
    }
}

fn nobody() -> Exits {
    Exits::Sidecar(BTreeMap::new())
}

async fn get(app: &App, path: &str) -> serde_json::Value {
    let client = Client::builder(TokioExecutor::new()).build_http::<http_body_util::Empty<bytes::Bytes>>();
    let answer = client
        .get(format!("http://{}{path}", app.listen()[0]).parse().unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn a_request_is_answered_after_its_calls_and_both_ends_count_it() {
    let back = start("back", Behaviour::default(), nobody(), quiet()).await;
    let urls = ["http://back:9080/a", "http://gone:1/b"];
    let exits = Exits::Sidecar(BTreeMap::from([(9080, back.listen()[0])]));
    let front = start("front", calling(&urls), exits, quiet()).await;
    let body = get(&front, "/page").await;
    assert_eq!(body["called"][urls[0]], "200");
    assert_eq!(body["called"][urls[1]], "no_address");
    assert_eq!(
        front.counts().received,
        BTreeMap::from([("unknown".to_owned(), 1)])
    );
    assert_eq!(
        front.counts().calls[urls[0]].outcomes,
        BTreeMap::from([("200".to_owned(), 1)])
    );
    assert_eq!(
        back.counts().received,
        BTreeMap::from([("shop/front".to_owned(), 1)])
    );
}

#[tokio::test]
async fn counts_are_served_and_do_not_count_themselves() {
    let app = start(
        "app",
        Behaviour {
            body_bytes: 500,
            ..Behaviour::default()
        },
        nobody(),
        quiet(),
    )
    .await;
    get(&app, "/x").await;
    let counts: AppCounts = serde_json::from_value(get(&app, "/counts").await).unwrap();
    assert_eq!(counts, app.counts());
    assert_eq!(counts.workload, "shop/app");
    assert_eq!(counts.received.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn calls_that_nobody_asked_for_begin_and_end_with_the_traffic() {
    let back = start("back", Behaviour::default(), nobody(), quiet()).await;
    let exits = Exits::Direct(Arc::new(BTreeMap::from([(
        "back:80".to_owned(),
        vec![back.listen()[0]],
    )])));
    let (traffic, seen) = watch::channel(false);
    let behaviour = Behaviour {
        rate: 200.0,
        ..calling(&["http://back/x"])
    };
    let caller = start("caller", behaviour, exits, seen).await;
    let received = || back.counts().received.get("shop/caller").copied().unwrap_or(0);
    assert_eq!(received(), 0);
    traffic.send_replace(true);
    while received() < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    traffic.send_replace(false);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let after = received();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(received(), after);
    assert_eq!(caller.counts().calls["http://back/x"].ended, after);
}

#[tokio::test]
async fn a_callee_that_is_gone_is_counted_as_refused() {
    let back = start("back", Behaviour::default(), nobody(), quiet()).await;
    let exits = Exits::Sidecar(BTreeMap::from([(80, back.listen()[0])]));
    back.stop().await;
    let front = start("front", calling(&["http://back/"]), exits, quiet()).await;
    get(&front, "/").await;
    assert_eq!(
        front.counts().calls["http://back/"].outcomes,
        BTreeMap::from([("refused".to_owned(), 1)])
    );
}
