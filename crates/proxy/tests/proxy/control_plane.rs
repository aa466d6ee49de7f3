//! A control plane for one proxy: the state machine of `vigla-xds` behind a Unix socket.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::{net::UnixListener, sync::watch, task::AbortHandle};
use tokio_stream::wrappers::ReceiverStream;
use vigla_dataplane::Plan;
use vigla_xds::{EncodeOptions, ResourceKind, Resources, encode, encode_secret, server};

use crate::world::Secrets;

/// The token that it accepts.
pub(crate) const TOKEN: &str = "join-token-of-productpage";

/// A running control plane.
pub(crate) struct ControlPlane {
    target: watch::Sender<Arc<Resources>>,
    pub(crate) events: Arc<Mutex<Vec<server::Event>>>,
    socket: PathBuf,
    accepting: AbortHandle,
}

impl ControlPlane {
    /// Listens on a socket.
    pub(crate) fn start(socket: &Path, plan: &Plan, secrets: &Secrets) -> Self {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).unwrap();
        let (target, resources) = watch::channel(resources(plan, secrets));
        let events = Arc::<Mutex<Vec<_>>>::default();
        let seen = Arc::clone(&events);
        let accepting = tokio::spawn(async move {
            let mut streams = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (resources, seen) = (resources.clone(), Arc::clone(&seen));
                let service = service_fn(move |request| serve(request, resources.clone(), Arc::clone(&seen)));
                let builder = http2::Builder::new(TokioExecutor::new());
                streams.spawn(async move {
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self {
            target,
            events,
            socket: socket.to_owned(),
            accepting: accepting.abort_handle(),
        }
    }

    /// Why the proxy refused something.
    pub(crate) fn refusals(&self) -> Vec<Arc<str>> {
        let events = self.events.lock().unwrap();
        let texts = events.iter().filter_map(|event| match event {
            server::Event::Refused { text, .. } => Some(Arc::clone(text)),
            _ => None,
        });
        texts.collect()
    }

    /// Changes what the proxy is to have.
    pub(crate) fn push(&self, plan: &Plan, secrets: &Secrets) {
        self.target.send_replace(resources(plan, secrets));
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn resources(plan: &Plan, secrets: &Secrets) -> Arc<Resources> {
    let mut resources = encode(plan, EncodeOptions::default());
    for (name, secret) in secrets {
        resources
            .of_mut(ResourceKind::Secret)
            .insert(encode_secret(name, secret));
    }
    Arc::new(resources)
}

type Answers = StreamBody<ReceiverStream<Result<Frame<Bytes>, Infallible>>>;

async fn serve(
    request: Request<Incoming>,
    mut target: watch::Receiver<Arc<Resources>>,
    events: Arc<Mutex<Vec<server::Event>>>,
) -> Result<Response<Answers>, Infallible> {
    let (answers, body) = tokio::sync::mpsc::channel(16);
    let response = Response::builder().header("content-type", "application/grpc");
    if request
        .headers()
        .get("authorization")
        .is_none_or(|token| token != &format!("Bearer {TOKEN}"))
    {
        let refused = response
            .header("grpc-status", "16")
            .header("grpc-message", "bad token");
        return Ok(refused.body(StreamBody::new(ReceiverStream::new(body))).unwrap());
    }
    tokio::spawn(async move {
        let start = Instant::now();
        let mut stream = server::Stream::new(target.borrow_and_update().clone(), Duration::ZERO);
        let mut requests = request.into_body();
        let mut bytes = BytesMut::new();
        loop {
            tokio::select! {
                frame = requests.frame() => {
                    let Some(Ok(frame)) = frame else { return };
                    bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                    for message in messages(&mut bytes) {
                        events.lock().unwrap().push(stream.receive(message, start.elapsed()));
                    }
                }
                changed = target.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    stream.set_target(target.borrow_and_update().clone(), start.elapsed());
                }
            }
            while let Some(push) = stream.poll(start.elapsed()) {
                if answers.send(Ok(Frame::data(framed(&push)))).await.is_err() {
                    return;
                }
            }
        }
    });
    Ok(response.body(StreamBody::new(ReceiverStream::new(body))).unwrap())
}

/// Takes complete gRPC messages out of the bytes.
fn messages(bytes: &mut BytesMut) -> VecDeque<server::Request> {
    let mut messages = VecDeque::new();
    while bytes.len() >= 5 {
        let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
        if bytes.len() < 5 + length {
            break;
        }
        bytes.advance(5);
        let request = DiscoveryRequest::decode(bytes.split_to(length)).unwrap();
        messages.push_back(server::Request {
            kind: ResourceKind::find_type_url(&request.type_url).unwrap(),
            version: request.version_info.into(),
            nonce: request.response_nonce.into(),
            names: request.resource_names.into_iter().map(Into::into).collect(),
            error: request.error_detail.map(|error| error.message.into()),
        });
    }
    messages
}

fn framed(push: &server::Push) -> Bytes {
    let head = DiscoveryResponse {
        version_info: push.version.to_string(),
        nonce: push.nonce.to_string(),
        type_url: push.kind.type_url().to_owned(),
        ..DiscoveryResponse::default()
    };
    let mut message = head.encode_to_vec();
    for resource in &push.resources {
        message.extend_from_slice(resource.framed());
    }
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.extend_from_slice(&message);
    framed.freeze()
}

/// Secrets that are no secrets.
pub(crate) fn no_secrets() -> Secrets {
    BTreeMap::new()
}
