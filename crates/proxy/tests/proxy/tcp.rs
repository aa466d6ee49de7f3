//! Bytes instead of requests.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use vigla_dataplane::{Direction, Network};

use crate::world::*;

#[tokio::test]
async fn bytes_and_connections_are_counted() {
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = echo.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = echo.accept().await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    let mut world = World::new();
    let network = Network::tcp("mongo".into());
    let chains = vec![chain("default", None, None, network)];
    let address = world.listen(listener(
        "outbound|27017",
        Direction::Outbound,
        identity("ratings-v2", "ratings", "v2"),
        chains,
    ));
    world.cluster(cluster("mongo"), vec![endpoint(upstream)]);
    world.apply().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
    let labels = [
        "source_workload=\"ratings-v2\"",
        "destination_workload=\"reviews-v1\"",
        "response_flags=\"-\"",
    ];
    assert_eq!(
        world.metric("istio_tcp_connections_opened_total", &labels).await,
        1
    );
    assert_eq!(
        world.metric("istio_tcp_connections_closed_total", &labels).await,
        0
    );
    assert_eq!(world.metric("istio_tcp_received_bytes_total", &labels).await, 5);
    assert_eq!(world.metric("istio_tcp_sent_bytes_total", &labels).await, 5);
    drop(stream);
    while world.metric("istio_tcp_connections_closed_total", &labels).await == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let line = &world.end().await[0];
    assert_eq!(
        (&line["bytes_received"], &line["bytes_sent"]),
        (&5.into(), &5.into())
    );
    assert_eq!(line["upstream_cluster"], "mongo");
}

#[tokio::test]
async fn a_connection_that_goes_nowhere_is_closed_and_flagged() {
    let mut world = World::new();
    let network = Network::tcp("mongo".into());
    let chains = vec![chain("default", None, None, network)];
    let address = world.listen(listener(
        "outbound|27017",
        Direction::Outbound,
        identity("ratings-v2", "ratings", "v2"),
        chains,
    ));
    world.cluster(cluster("mongo"), vec![endpoint(free_address())]);
    world.apply().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    let labels = ["response_flags=\"UF\""];
    assert_eq!(
        world.metric("istio_tcp_connections_opened_total", &labels).await,
        1
    );
    assert_eq!(
        world.metric("istio_tcp_connections_closed_total", &labels).await,
        1
    );
}
