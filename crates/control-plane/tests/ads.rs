//! A control plane on its socket, and clients that speak real gRPC to it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panic and says what it skips"
)]

use std::{
    convert::Infallible,
    net::IpAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use http::Request;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::{
    net::UnixStream,
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use vigla_config::Snapshot;
use vigla_control_plane::{
    Connection, Handle, JoinTokens, Options, ProxyIdentity, ProxyProgram, ProxyStatus, Published, Settings,
    TracingSettings, start,
};
use vigla_identity::Authority;
use vigla_model::Timestamp;
use vigla_testing::Mesh;
use vigla_xds::{ResourceKind, client::Client};

const SOON: Duration = Duration::from_secs(20);
const ADS: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

const REVIEWS_V1: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - name: to-v1
    route:
    - destination: {host: reviews}
      headers: {request: {set: {x-new: 'yes'}}}
";

/// A control plane with Bookinfo, and a directory for its socket.
struct World {
    handle: Handle,
    tokens: Arc<JoinTokens>,
    snapshots: watch::Sender<Published>,
    shutdown: CancellationToken,
    dir: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let now = Timestamp(i64::try_from(millis).unwrap());
        let tokens = Arc::new(JoinTokens::default());
        let (snapshots, receiver) = watch::channel(Published {
            revision: 1,
            snapshot: Arc::new(snapshot_of(&Mesh::bookinfo())),
        });
        let shutdown = CancellationToken::new();
        let log = dir.path().to_owned();
        let handle = start(Options {
            socket: dir.path().join("ads.sock"),
            snapshots: receiver,
            authority: Arc::new(Authority::create("cluster.local", now).unwrap()),
            tokens: tokens.clone(),
            // Nobody listens there: spans are lost, calls are not.
            settings: Settings {
                tracing: Some(TracingSettings {
                    collector: ([127, 0, 0, 1], 1).into(),
                    sampling: 1_000_000,
                }),
            },
            access_log: Arc::new(move |proxy| Some(log.join(format!("{}.log", proxy.instance)))),
            shutdown: shutdown.clone(),
        });
        Self {
            handle: handle.unwrap(),
            tokens,
            snapshots,
            shutdown,
            dir,
        }
    }

    fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join("ads.sock")
    }

    fn admit(&self, instance: &str) -> String {
        let token = format!("token-of-{instance}");
        self.tokens.admit(token.clone(), bookinfo(instance));
        token
    }

    fn publish(&self, revision: u64, mesh: &Mesh) {
        let snapshot = Arc::new(snapshot_of(mesh));
        self.snapshots.send_replace(Published { revision, snapshot });
    }

    async fn until(&self, instance: &str, holds: impl Fn(&ProxyStatus) -> bool) -> ProxyStatus {
        let mut changes = self.handle.watch();
        let wait = async {
            loop {
                let found = self
                    .handle
                    .proxies()
                    .into_iter()
                    .find(|status| &*status.proxy.instance == instance);
                if let Some(status) = found.filter(&holds) {
                    return status;
                }
                changes.changed().await.unwrap();
            }
        };
        let result = timeout(SOON, wait).await;
        result.unwrap_or_else(|_| panic!("{instance}: {:#?}", self.handle.proxies()))
    }
}

fn bookinfo(instance: &str) -> ProxyIdentity {
    ProxyIdentity {
        namespace: "bookinfo".into(),
        instance: instance.into(),
    }
}

/// The mesh at addresses that no demo uses (those have 64 to 127), so that real proxies can listen on them.
fn snapshot_of(mesh: &Mesh) -> Snapshot {
    let own = u8::try_from(128 + std::process::id() % 127).unwrap();
    let at_own = |address: &mut IpAddr| {
        if let IpAddr::V4(v4) = address {
            let [a, _, c, d] = v4.octets();
            *v4 = [a, own, c, d].into();
        }
    };
    let snapshot = mesh.snapshot();
    let mut instances = snapshot.instances().to_vec();
    for instance in &mut instances {
        at_own(&mut instance.address);
        let capture = instance.sidecar.iter_mut();
        for place in capture.flat_map(|capture| capture.app.values_mut().chain(capture.outbound.values_mut()))
        {
            let mut ip = place.ip();
            at_own(&mut ip);
            place.set_ip(ip);
        }
    }
    Snapshot::build(
        snapshot.objects().to_vec(),
        instances,
        snapshot.settings().clone(),
    )
}

struct Outgoing(mpsc::Receiver<Bytes>);

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(cx)
            .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A proxy that speaks ADS by hand.
struct Proxy {
    client: Client,
    requests: mpsc::Sender<Bytes>,
    answers: Incoming,
    buffer: BytesMut,
}

impl Proxy {
    async fn open(socket: &Path, token: &str, path: &str) -> (mpsc::Sender<Bytes>, http::Response<Incoming>) {
        let stream = UnixStream::connect(socket).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let (requests, body) = mpsc::channel(16);
        let request = Request::post(format!("http://vigla{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/grpc")
            .body(Outgoing(body))
            .unwrap();
        (requests, sender.send_request(request).await.unwrap())
    }

    async fn connect(socket: &Path, token: &str) -> Self {
        let (requests, response) = Self::open(socket, token, ADS).await;
        assert_eq!(response.headers().get("grpc-status"), None);
        let mut proxy = Self {
            client: Client::new("somebody", "vigla-proxy/0.1.0"),
            requests,
            answers: response.into_body(),
            buffer: BytesMut::new(),
        };
        let hello = proxy.client.connect();
        proxy.send(hello).await;
        proxy
    }

    async fn send(&self, requests: Vec<DiscoveryRequest>) {
        for request in requests {
            let mut bytes = BytesMut::new();
            bytes.put_u8(0);
            bytes.put_u32(u32::try_from(request.encoded_len()).unwrap());
            request.encode(&mut bytes).unwrap();
            self.requests.send(bytes.freeze()).await.unwrap();
        }
    }

    /// The next answer; `None` when the stream has ended.
    async fn answer(&mut self) -> Option<DiscoveryResponse> {
        loop {
            if self.buffer.len() >= 5 {
                let length = u32::from_be_bytes(self.buffer[1..5].try_into().unwrap()) as usize;
                if self.buffer.len() >= 5 + length {
                    self.buffer.advance(5);
                    return Some(DiscoveryResponse::decode(self.buffer.split_to(length)).unwrap());
                }
            }
            let frame = timeout(SOON, self.answers.frame()).await.unwrap()?.unwrap();
            match frame.into_data() {
                Ok(data) => self.buffer.extend_from_slice(&data),
                Err(trailers) => {
                    let trailers = trailers.into_trailers().unwrap();
                    assert_eq!(trailers["grpc-status"], "14", "{trailers:?}");
                    return None;
                }
            }
        }
    }

    /// Takes answers until the plan fits.
    async fn until(&mut self, holds: impl Fn(&Client) -> bool) {
        while !holds(&self.client) {
            let answer = self.answer().await.unwrap();
            let step = self.client.receive(answer);
            self.send(step.requests).await;
        }
    }
}

#[tokio::test]
async fn a_proxy_gets_its_plan_and_certificate_and_changes_arrive() {
    let world = World::start();
    let mut pushes = world.handle.pushes();
    let token = world.admit("productpage-v1-0");
    let mut proxy = Proxy::connect(&world.socket(), &token).await;
    proxy.until(Client::is_ready).await;
    let status = world.until("productpage-v1-0", |status| status.in_sync).await;
    assert_eq!(status.program, ProxyProgram::Vigla);
    assert_eq!(
        (&*status.workload, &*status.agent_version),
        ("productpage-v1", "0.1.0")
    );
    assert_eq!(status.kinds.len(), 5, "{:?}", status.kinds);
    assert!(status.certificate_not_after.is_some() && status.refusals.is_empty());
    let plan = world.handle.plan("bookinfo", "productpage-v1-0").unwrap();
    assert_eq!(proxy.client.plan(), plan);
    assert!(
        plan.clusters
            .contains_key("outbound|9080||reviews.bookinfo.svc.cluster.local")
    );

    world.publish(2, &Mesh::bookinfo().with_yaml(REVIEWS_V1));
    let before = proxy.client.version(ResourceKind::RouteTable).map(str::to_owned);
    proxy
        .until(|client| client.version(ResourceKind::RouteTable) != before.as_deref())
        .await;
    let event = loop {
        let event = timeout(SOON, pushes.recv()).await.unwrap().unwrap();
        if event.revision == 2 {
            break event;
        }
    };
    assert_eq!(event.proxies, 1);
    assert!(event.built <= event.acknowledged);
    println!(
        "built after {:?}, acknowledged after {:?}",
        event.built, event.acknowledged
    );
    let status = world
        .until("productpage-v1-0", |status| status.last_push.is_some())
        .await;
    assert_eq!(status.last_push.unwrap().revision, 2);
}

#[tokio::test]
async fn a_refusal_is_told_with_the_object_that_made_the_resource() {
    let world = World::start();
    let token = world.admit("productpage-v1-0");
    let mut proxy = Proxy::connect(&world.socket(), &token).await;
    proxy.until(Client::is_ready).await;
    world.until("productpage-v1-0", |status| status.in_sync).await;
    world.publish(2, &Mesh::bookinfo().with_yaml(REVIEWS_V1));
    let mut answer = proxy.answer().await.unwrap();
    assert_eq!(answer.type_url, ResourceKind::RouteTable.type_url());
    answer.resources[0]
        .value
        .extend_from_slice(&[0xFA, 0x3F, 0x01, b'x']);
    let step = proxy.client.receive(answer);
    proxy.send(step.requests).await;
    let status = world
        .until("productpage-v1-0", |status| !status.refusals.is_empty())
        .await;
    let refusal = &status.refusals[0];
    assert!(refusal.text.contains("does not know"), "{refusal:?}");
    assert_eq!(refusal.kind, ResourceKind::RouteTable);
    assert!(refusal.origin.is_some(), "{refusal:?}");
    assert!(!status.in_sync);
    world.publish(3, &Mesh::bookinfo());
    let answer = proxy.answer().await.unwrap();
    let step = proxy.client.receive(answer);
    proxy.send(step.requests).await;
    world
        .until("productpage-v1-0", |status| {
            status.in_sync && status.refusals.is_empty()
        })
        .await;
}

#[tokio::test]
async fn only_a_join_token_opens_a_stream_and_only_that_method_exists() {
    let world = World::start();
    let token = world.admit("productpage-v1-0");
    let (_, refused) = Proxy::open(&world.socket(), "guessed", ADS).await;
    assert_eq!(refused.headers()["grpc-status"], "16");
    let (_, unknown) = Proxy::open(&world.socket(), &token, "/other").await;
    assert_eq!(unknown.headers()["grpc-status"], "12");
    assert!(world.handle.proxies().is_empty());
}

#[tokio::test]
async fn a_newer_stream_of_a_proxy_ends_the_older_and_transfers_nothing_that_is_known() {
    let world = World::start();
    let token = world.admit("reviews-v1-0");
    let mut first = Proxy::connect(&world.socket(), &token).await;
    first.until(Client::is_ready).await;
    world.until("reviews-v1-0", |status| status.in_sync).await;
    let (requests, response) = Proxy::open(&world.socket(), &token, ADS).await;
    let Proxy { client, .. } = &mut first;
    let hello = client.connect();
    let second = Proxy {
        client: Client::new("unused", "x"),
        requests,
        answers: response.into_body(),
        buffer: BytesMut::new(),
    };
    second.send(hello).await;
    world.until("reviews-v1-0", |status| status.in_sync).await;
    while first.answer().await.is_some() {}
    let status = world.until("reviews-v1-0", |status| status.in_sync).await;
    assert!(matches!(status.connection, Connection::Connected(_)));
}

#[tokio::test]
async fn shutdown_ends_streams_with_a_word() {
    let world = World::start();
    let token = world.admit("ratings-v1-0");
    let mut proxy = Proxy::connect(&world.socket(), &token).await;
    proxy.until(Client::is_ready).await;
    world.until("ratings-v1-0", |status| status.in_sync).await;
    world.shutdown.cancel();
    assert!(proxy.answer().await.is_none());
    timeout(SOON, world.handle.drained()).await.unwrap();
}

#[path = "ads/envoy.rs"]
mod envoy;
