//! A gRPC service behind the proxy, framed by hand, and a caller of it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, Response,
    body::{Frame, Incoming},
    client::conn::http2 as client,
    server::conn::http2 as server,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;

type Body = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A running gRPC service.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicU64>,
    count: Arc<AtomicU64>,
}

impl Echo {
    /// Sends every message back when it comes, and then trailers with the caller's `x-trailer`.
    ///
    /// `/fail/N` answers with status N and no message, `/late/N` with a message before it, `/flaky` with 14 but
    /// every third time, `/slow` takes a second, `/reset` breaks the stream off, `/refuse` refuses it, and
    /// `/refuse/first` every other one.
    pub(crate) async fn start(max_streams: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, count) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (opened, counted) = (Arc::clone(&connections), Arc::clone(&count));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                opened.fetch_add(1, Ordering::Relaxed);
                let count = Arc::clone(&counted);
                let service =
                    service_fn(move |request| answer(request, count.fetch_add(1, Ordering::Relaxed)));
                let mut builder = server::Builder::new(TokioExecutor::new());
                builder.max_concurrent_streams(max_streams);
                tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            address,
            connections,
            count,
        }
    }

    /// Connections that were opened to it.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Requests that it has seen.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn answer(request: Request<Incoming>, number: u64) -> Result<Response<Body>, Failure> {
    let path = request.uri().path().to_owned();
    let te = request.headers().get("te").cloned();
    let ok = || Response::builder().header("content-type", "application/grpc");
    let alone = |status: &str| {
        let response = ok().header("grpc-status", status);
        Ok(response.body(Body::default()).unwrap())
    };
    match path.as_str() {
        "/reset" => return Err("as asked".into()),
        "/refuse" => return Err(refused()),
        "/refuse/first" if number.is_multiple_of(2) => return Err(refused()),
        "/slow" => tokio::time::sleep(Duration::from_secs(1)).await,
        "/flaky" if number % 3 < 2 => return alone("14"),
        _ => (),
    }
    if let Some(status) = path.strip_prefix("/fail/") {
        return alone(status);
    }
    let status = path.strip_prefix("/late/").unwrap_or("0").to_owned();
    let (frames, body) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut incoming = request.into_body();
        let mut trailers = HeaderMap::new();
        while let Some(Ok(frame)) = incoming.frame().await {
            match frame.into_data() {
                Ok(data) => drop(frames.send(Ok(Frame::data(data))).await),
                Err(frame) => trailers = frame.into_trailers().unwrap(),
            }
        }
        trailers.insert("grpc-status", status.parse().unwrap());
        if let Some(te) = te {
            trailers.insert("x-te", te);
        }
        let _ = frames.send(Ok(Frame::trailers(trailers))).await;
    });
    Ok(ok()
        .body(StreamBody::new(ReceiverStream::new(body)).boxed())
        .unwrap())
}

fn refused() -> Failure {
    h2::Error::from(h2::Reason::REFUSED_STREAM).into()
}

/// What a caller sends, frame by frame.
pub(crate) type Frames = mpsc::Sender<Result<Frame<Bytes>, Infallible>>;
type Sent = StreamBody<ReceiverStream<Result<Frame<Bytes>, Infallible>>>;

/// A body that is sent over a channel, and ends when that is dropped.
pub(crate) fn frames() -> (Frames, Sent) {
    let (frames, body) = mpsc::channel(16);
    (frames, StreamBody::new(ReceiverStream::new(body)))
}

/// A caller with one HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Stub {
    sender: client::SendRequest<Sent>,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Reply {
    /// The gRPC status, wherever it came.
    pub(crate) fn grpc_status(&self) -> Option<&str> {
        let status = self
            .trailers
            .get("grpc-status")
            .or(self.headers.get("grpc-status"));
        status.and_then(|status| status.to_str().ok())
    }
}

impl Stub {
    pub(crate) async fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = client::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// Whether the proxy takes no more requests on this connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Opens a stream; messages are sent over the channel.
    pub(crate) async fn open(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: Sent,
    ) -> Result<Response<Incoming>, hyper::Error> {
        let mut request = Request::post(format!("http://reviews:9080{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.sender.send_request(request.body(body).unwrap()).await
    }

    /// Sends messages and a trailer, and waits for the end.
    pub(crate) async fn call(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        messages: &[&[u8]],
    ) -> Result<Reply, hyper::Error> {
        let (sender, body) = frames();
        for message in messages {
            sender.send(Ok(Frame::data(framed(message)))).await.unwrap();
        }
        let mut trailer = HeaderMap::new();
        trailer.insert("x-trailer", "yes".parse().unwrap());
        sender.send(Ok(Frame::trailers(trailer))).await.unwrap();
        drop(sender);
        let (parts, body) = self.open(path, headers, body).await?.into_parts();
        let body = body.collect().await?;
        Ok(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            trailers: body.trailers().cloned().unwrap_or_default(),
            body: body.to_bytes(),
        })
    }
}

/// A message as gRPC puts it on the wire.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    let mut out = vec![0];
    out.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    out.extend(message);
    out.into()
}
