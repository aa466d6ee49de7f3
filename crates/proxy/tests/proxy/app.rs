//! An application behind or beside the proxy: answers, counts, and misbehaves when asked to.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A running application.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    count: Arc<AtomicU64>,
    last: Arc<Mutex<String>>,
}

impl App {
    /// Answers every request with what it saw: method, path and headers, a line each.
    ///
    /// `/slow` takes a second, `/break` closes the connection, `/status/N` answers N, `/flaky` answers 503 but
    /// every third time, `/echo` gives the body back.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicU64::new(0));
        let last = Arc::<Mutex<String>>::default();
        let (counted, kept) = (Arc::clone(&count), Arc::clone(&last));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let count = Arc::clone(&counted);
                let last = Arc::clone(&kept);
                let service =
                    service_fn(move |request| answer(request, Arc::clone(&count), Arc::clone(&last)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, count, last }
    }

    /// What it saw last.
    pub(crate) fn last(&self) -> String {
        self.last.lock().unwrap().clone()
    }

    /// Requests that it has seen.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

async fn answer(
    request: Request<Incoming>,
    count: Arc<AtomicU64>,
    last: Arc<Mutex<String>>,
) -> Result<Response<Full<Bytes>>, &'static str> {
    let number = count.fetch_add(1, Ordering::Relaxed) + 1;
    let path = request.uri().path().to_owned();
    let mut seen = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        seen.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    last.lock().unwrap().clone_from(&seen);
    let body = request
        .into_body()
        .collect()
        .await
        .map_err(|_| "caller left")?
        .to_bytes();
    let respond = |status: u16, body: Bytes| {
        let response = Response::builder().status(status).header("x-app", "1");
        Ok(response.body(Full::new(body)).unwrap())
    };
    match path.as_str() {
        "/slow" => tokio::time::sleep(Duration::from_secs(1)).await,
        "/break" => return Err("as asked"),
        "/flaky" if !number.is_multiple_of(3) => return respond(503, Bytes::new()),
        "/echo" => return respond(200, body),
        _ => (),
    }
    match path.strip_prefix("/status/") {
        Some(status) => respond(status.parse().unwrap(), Bytes::new()),
        None => respond(200, seen.into()),
    }
}
