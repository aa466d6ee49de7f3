//! Calls over plain HTTP/1.1 with kept connections.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::behaviour::Target;

/// By this header the demo's programs tell each other who calls; it is for counts only and proves nothing.
pub(crate) const CALLER_HEADER: HeaderName = HeaderName::from_static("x-demo-caller");

/// Headers that an application hands on to what it calls, so that traces stay whole and routes by user work.
const HANDED_ON: [&str; 12] = [
    "x-request-id",
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-ot-span-context",
    "end-user",
    "user-agent",
];

/// The longest that one call may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Kept connections to one address; more than this at once is rare at the demo's rates.
const MAX_IDLE: usize = 16;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// With an answer.
    Status(u16),
    /// Without one: the connection was closed.
    NoResponse,
    /// Nobody listens there.
    Refused,
    /// The deadline passed.
    Timeout,
    /// No sidecar listener or endpoint for this host and port.
    NoAddress,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::NoResponse => f.write_str("no_response"),
            Self::Refused => f.write_str("refused"),
            Self::Timeout => f.write_str("timeout"),
            Self::NoAddress => f.write_str("no_address"),
        }
    }
}

/// Makes calls under one name and from one address.
#[derive(Debug)]
pub(crate) struct Caller {
    name: HeaderValue,
    client: Client<HttpConnector, Empty<Bytes>>,
    turn: AtomicUsize,
}

impl Caller {
    /// A caller that binds its sockets to `source`.
    pub(crate) fn new(name: &str, source: IpAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(source));
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(MAX_IDLE)
            .build(connector);
        let name = HeaderValue::from_str(name).unwrap_or(HeaderValue::from_static("unknown"));
        Self {
            name,
            client,
            turn: AtomicUsize::new(0),
        }
    }

    /// The next endpoint in turn.
    pub(crate) fn pick(&self, endpoints: &[SocketAddr]) -> Option<SocketAddr> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        endpoints.get(turn.checked_rem(endpoints.len())?).copied()
    }

    /// Asks for the target at `exit` and reads the whole answer.
    pub(crate) async fn get(&self, exit: SocketAddr, target: &Target, received: &HeaderMap) -> Outcome {
        let Some(request) = self.request(exit, target, received) else {
            return Outcome::NoAddress;
        };
        tokio::time::timeout(DEADLINE, self.exchange(request))
            .await
            .unwrap_or(Outcome::Timeout)
    }

    fn request(
        &self,
        exit: SocketAddr,
        target: &Target,
        received: &HeaderMap,
    ) -> Option<Request<Empty<Bytes>>> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(exit.to_string())
            .path_and_query(&*target.path);
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri.build().ok()?;
        let headers = request.headers_mut();
        headers.insert(
            header::HOST,
            HeaderValue::from_str(target.authority.as_str()).ok()?,
        );
        headers.insert(CALLER_HEADER, self.name.clone());
        for name in HANDED_ON {
            if let Some(value) = received.get(name) {
                headers.insert(HeaderName::from_static(name), value.clone());
            }
        }
        Some(request)
    }

    async fn exchange(&self, request: Request<Empty<Bytes>>) -> Outcome {
        let mut response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return of_error(&error),
        };
        // The body is read to its end, else the connection could not be kept; nothing of it is stored.
        while let Some(frame) = response.body_mut().frame().await {
            if frame.is_err() {
                return Outcome::NoResponse;
            }
        }
        Outcome::Status(response.status().as_u16())
    }
}

/// Nobody there, or nobody who answers.
fn of_error(error: &legacy::Error) -> Outcome {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::ConnectionRefused
        {
            return Outcome::Refused;
        }
        cause = error.source();
    }
    Outcome::NoResponse
}
