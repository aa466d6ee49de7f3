use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::StoreSettings;

/// A sidecar that counts its scrapes as requests, and answers only while it is told to.
async fn sidecar(name: &str, awake: Arc<AtomicBool>) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        name: name.into(),
        address: listener.local_addr().unwrap(),
    };
    tokio::spawn(async move {
        let count = Arc::new(AtomicU64::new(0));
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (awake, count) = (Arc::clone(&awake), Arc::clone(&count));
            tokio::spawn(async move {
                let mut request = [0; 1024];
                while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                    if !awake.load(Relaxed) {
                        std::future::pending::<()>().await;
                    }
                    let body = format!(
                        "istio_requests_total{{reporter=\"source\"}} {}\n",
                        count.fetch_add(1, Relaxed)
                    );
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                    stream.write_all((head + &body).as_bytes()).await.unwrap();
                }
            });
        }
    });
    target
}

#[tokio::test]
async fn a_sidecar_that_hangs_is_told_within_its_deadline_and_does_not_hold_the_others_back() {
    let settings = StoreSettings {
        period: Duration::from_millis(100),
        deadline: Duration::from_millis(50),
        ..StoreSettings::default()
    };
    let store = MetricStore::new(settings);
    let (hung, awake) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
    let list = vec![sidecar("a", Arc::clone(&hung)).await, sidecar("b", awake).await];
    let (_targets, receiver) = watch::channel(list);
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(run_scraper(store.clone(), receiver, shutdown.clone()));
    let mut rounds = store.rounds();
    rounds.wait_for(|round| round.number >= 4).await.unwrap();
    assert_eq!(store.status().up(), 2);
    let window = store.traffic_in("1s".parse().unwrap(), None).unwrap();
    assert!(window.rows[0].traffic.requests > 0.0);

    hung.store(false, Relaxed);
    rounds.wait_for(|round| round.number >= 8).await.unwrap();
    let status = store.status();
    let (_, reason) = status.degraded().next().expect("one is down");
    assert!(
        reason.contains("sidecar of a") && reason.contains("no answer within 0.05 s"),
        "{reason}"
    );
    assert_eq!(status.up(), 1);

    hung.store(true, Relaxed);
    rounds.wait_for(|round| round.number >= 12).await.unwrap();
    assert_eq!(store.status().up(), 2, "it is back");
    shutdown.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn an_answer_over_the_bound_and_a_closed_port_are_reasons() {
    let awake = Arc::new(AtomicBool::new(true));
    let mut open = Connection::new(sidecar("a", awake).await.address);
    let deadline = Duration::from_secs(1);
    assert!(open.fetch(deadline, 1000).await.is_ok());
    assert!(
        open.fetch(deadline, 10)
            .await
            .unwrap_err()
            .contains("bound: 10 bytes")
    );
    assert!(open.fetch(deadline, 1000).await.is_ok(), "opened anew");
    let mut closed = Connection::new(([127, 0, 0, 1], 1).into());
    assert!(
        closed
            .fetch(deadline, 1000)
            .await
            .unwrap_err()
            .starts_with("cannot connect")
    );
}
