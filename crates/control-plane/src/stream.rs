//! One ADS stream: carries bytes between a proxy and its state machine.
//!
//! Memory is bounded: at most one request is buffered, at most one answer is being sent, its bytes are shared, and
//! further ones wait in the state machine as "behind". Bytes on their way to all proxies are bounded too.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use envoy_types::pb::envoy::{
    config::core::v3::{Node, node::UserAgentVersionType},
    service::discovery::v3::DiscoveryRequest,
};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use vigla_compiler::ProxyIdentity;
use vigla_xds::{
    ResourceKind,
    server::{Event, PATIENCE, Push, Request, Stream},
};

use crate::{
    frame::{self, Requests},
    origin,
    proxies::{KindReport, ProxyProgram, PushReport, Refusal},
    push::{Current, Hub, now},
    workshop::{Target, tell},
};

/// Bytes that may be on their way to all proxies together, in units of [`UNIT`].
pub(crate) const MAX_IN_FLIGHT: usize = (64 << 20) / UNIT;
/// Semaphores count in 32 bits.
const UNIT: usize = 1 << 10;
/// How long a new stream may take for its first request.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// gRPC status codes.
pub(crate) const UNAVAILABLE: u8 = 14;
const INVALID_ARGUMENT: u8 = 3;
const NOT_FOUND: u8 = 5;

/// Pieces of an answer's body.
pub(crate) type Pieces = mpsc::Sender<Result<Frame<Bytes>, Infallible>>;

/// A stream before its first request.
pub(crate) struct Opening {
    pub(crate) id: u64,
    pub(crate) hub: Arc<Hub>,
    pub(crate) proxy: ProxyIdentity,
    pub(crate) body: Incoming,
    pub(crate) pieces: Pieces,
    pub(crate) bytes: Arc<Semaphore>,
    pub(crate) shutdown: CancellationToken,
}

/// Why a stream ends; it becomes its trailers.
#[derive(Debug)]
struct End {
    code: u8,
    message: String,
}

impl End {
    fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl Opening {
    /// Runs the stream until the proxy leaves, an error, or shutdown.
    pub(crate) async fn run(self) {
        let pieces = self.pieces.clone();
        let proxy = self.proxy.clone();
        if let Err(end) = self.serve().await {
            if end.code != UNAVAILABLE {
                warn!(namespace = %proxy.namespace, instance = %proxy.instance, reason = %end.message, "an ADS stream ended");
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", u16::from(end.code).into());
            if let Ok(message) = end.message.replace('%', "").try_into() {
                trailers.insert("grpc-message", message);
            }
            // The proxy may be gone.
            let _ = pieces.send(Ok(Frame::trailers(trailers))).await;
        }
    }

    async fn serve(self) -> Result<(), End> {
        let Self {
            id,
            hub,
            proxy,
            mut body,
            pieces,
            bytes,
            shutdown,
        } = self;
        let mut requests = Requests::default();
        let first = tokio::select! {
            () = shutdown.cancelled() => return Err(End::new(UNAVAILABLE, "the control plane ends")),
            first = tokio::time::timeout(FIRST_REQUEST, next_request(&mut body, &mut requests)) => first,
        };
        let Some(first) = first.map_err(|_| End::new(INVALID_ARGUMENT, "no request came"))?? else {
            return Ok(());
        };
        let (program, version) = program(first.node.as_ref());
        let target = build(&hub, &proxy, program, &shutdown).await?;
        let built = target.revision;
        let targets = hub.proxies.connect(id, &proxy, program, &version, target, now());
        // A push between building and connecting went by without this proxy.
        if hub.revision() != Some(built) {
            let target = build(&hub, &proxy, program, &shutdown).await?;
            hub.proxies.retarget(&proxy, target);
        }
        info!(namespace = %proxy.namespace, instance = %proxy.instance, program = program.as_str(), "a proxy connected");
        let start = Instant::now();
        let resources = Arc::clone(&targets.borrow().resources);
        let mut session = Session {
            id,
            hub,
            proxy,
            stream: Stream::new(resources, Duration::ZERO),
            start,
            targets,
            settled: None,
            permits: Default::default(),
        };
        session.receive(first)?;
        let end = session
            .run(&mut body, &mut requests, &pieces, bytes, &shutdown)
            .await;
        session.hub.proxies.disconnect(id, &session.proxy, now());
        info!(namespace = %session.proxy.namespace, instance = %session.proxy.instance, "a proxy disconnected");
        end
    }
}

/// A stream of a known proxy.
struct Session {
    id: u64,
    hub: Arc<Hub>,
    proxy: ProxyIdentity,
    stream: Stream,
    start: Instant,
    targets: watch::Receiver<Arc<Target>>,
    /// Revision that was told to be taken.
    settled: Option<u64>,
    /// Bytes on their way, by kind, with the moment of sending.
    permits: [Option<(Instant, OwnedSemaphorePermit)>; 5],
}

impl Session {
    async fn run(
        &mut self,
        body: &mut Incoming,
        requests: &mut Requests,
        pieces: &Pieces,
        bytes: Arc<Semaphore>,
        shutdown: &CancellationToken,
    ) -> Result<(), End> {
        let mut queue: VecDeque<Bytes> = VecDeque::new();
        let mut waiting: Option<Push> = None;
        loop {
            if queue.is_empty() && waiting.is_none() {
                waiting = self.stream.poll(self.start.elapsed());
                self.report();
            }
            let units = waiting.as_ref().map_or(0, |push| {
                frame::length(push).div_ceil(UNIT).clamp(1, MAX_IN_FLIGHT)
            });
            let deadline = self.deadline();
            tokio::select! {
                () = shutdown.cancelled() => return Err(End::new(UNAVAILABLE, "the control plane ends")),
                request = next_request(body, requests) => match request? {
                    Some(request) => self.receive(request)?,
                    None => return Ok(()),
                },
                changed = self.targets.changed() => {
                    if changed.is_err() {
                        // Another stream speaks for this proxy now.
                        return Err(End::new(UNAVAILABLE, "the proxy has a newer stream"));
                    }
                    let resources = Arc::clone(&self.targets.borrow_and_update().resources);
                    self.stream.set_target(resources, self.start.elapsed());
                }
                permit = Arc::clone(&bytes).acquire_many_owned(units as u32), if waiting.is_some() => {
                    let push = waiting.take().expect("the branch's condition");
                    let permit = permit.map_err(|_| End::new(UNAVAILABLE, "the control plane ends"))?;
                    self.permits[push.kind.index()] = Some((Instant::now(), permit));
                    queue.extend(frame::write(&push));
                }
                place = pieces.reserve(), if !queue.is_empty() => {
                    // The proxy stopped reading for good when there is no place any more.
                    let Ok(place) = place else { return Ok(()) };
                    if let Some(piece) = queue.pop_front() {
                        place.send(Ok(Frame::data(piece)));
                    }
                }
                () = tokio::time::sleep(deadline) => self.expire_permits(),
            }
        }
    }

    fn receive(&mut self, message: DiscoveryRequest) -> Result<(), End> {
        let Some(kind) = ResourceKind::find_type_url(&message.type_url) else {
            // ECDS, RTDS and the like: nothing of that kind exists here, and silence says so.
            return Ok(());
        };
        let request = Request {
            kind,
            version: message.version_info.into(),
            nonce: message.response_nonce.into(),
            names: message.resource_names.into_iter().map(Into::into).collect(),
            error: message.error_detail.map(|error| error.message.into()),
        };
        match self.stream.receive(request, self.start.elapsed()) {
            Event::Acknowledged { kind, version, .. } => {
                self.permits[kind.index()] = None;
                self.update(|status| {
                    status.refusals.retain(|refusal| refusal.kind != kind);
                    status.kinds.insert(kind, KindReport { version, at: now() });
                });
            }
            Event::Refused {
                kind, names, text, ..
            } => {
                self.permits[kind.index()] = None;
                let plan = Arc::clone(&self.targets.borrow().plan);
                let refusal = Refusal {
                    kind,
                    origin: origin::find(&plan, kind, &names, &text),
                    text,
                    at: now(),
                };
                warn!(
                    namespace = %self.proxy.namespace, instance = %self.proxy.instance, kind = %kind,
                    reason = %refusal.text, "a proxy refused a resource"
                );
                self.update(|status| {
                    status.refusals.retain(|refusal| refusal.kind != kind);
                    status.refusals.push(refusal);
                });
            }
            Event::Subscribed(kind) => {
                if let Some((version, _)) = self.stream.status(kind).acknowledged.clone() {
                    self.update(|status| {
                        status
                            .kinds
                            .entry(kind)
                            .or_insert(KindReport { version, at: now() });
                    });
                }
            }
            Event::Stale => (),
        }
        Ok(())
    }

    /// Tells when the proxy came into sync with its target, or fell out of it.
    fn report(&mut self) {
        let in_sync = self.is_complete() && self.stream.is_in_sync();
        let revision = self.targets.borrow().revision;
        if in_sync && self.settled != Some(revision) {
            let seen = self
                .hub
                .current
                .borrow()
                .as_ref()
                .map(|current| (current.published.revision, current.seen));
            let took = seen
                .filter(|(seen, _)| *seen == revision)
                .map(|(_, seen)| seen.elapsed());
            // The first config after connecting is no push.
            let is_push = self.settled.is_some();
            self.settled = Some(revision);
            self.update(|status| {
                status.in_sync = true;
                if let Some(took) = took.filter(|_| is_push) {
                    status.last_push = Some(PushReport { revision, took });
                }
            });
            self.hub.proxies.settle(self.id, &self.proxy, revision);
        } else {
            let was = self.hub.proxies.is_in_sync(&self.proxy);
            if was != Some(in_sync) {
                self.update(|status| status.in_sync = in_sync);
            }
        }
    }

    /// Whether the proxy asked for both kinds that come as a whole: before that it has only begun.
    fn is_complete(&self) -> bool {
        ResourceKind::ALL
            .into_iter()
            .filter(|kind| kind.is_wildcard())
            .all(|kind| self.stream.is_subscribed(kind))
    }

    fn update(&self, change: impl FnOnce(&mut crate::ProxyStatus)) {
        self.hub.proxies.update(self.id, &self.proxy, change);
    }

    fn deadline(&self) -> Duration {
        let now = self.start.elapsed();
        let of_stream = self.stream.deadline(now).map(|at| at.saturating_sub(now));
        let of_permits = self
            .permits
            .iter()
            .flatten()
            .map(|(since, _)| PATIENCE.saturating_sub(since.elapsed()));
        // Without anything to wait for, an hour is as good as never.
        of_permits
            .chain(of_stream)
            .min()
            .unwrap_or(Duration::from_secs(3600))
    }

    /// A proxy that does not answer must not keep others waiting.
    fn expire_permits(&mut self) {
        for permit in &mut self.permits {
            permit.take_if(|(since, _)| since.elapsed() >= PATIENCE);
        }
    }
}

/// The next request; `None` when the proxy has left. Can be dropped at any time without losing bytes.
async fn next_request(body: &mut Incoming, requests: &mut Requests) -> Result<Option<DiscoveryRequest>, End> {
    loop {
        if let Some(request) = requests
            .next()
            .map_err(|error| End::new(INVALID_ARGUMENT, error.to_string()))?
        {
            return Ok(Some(request));
        }
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    requests.extend(data);
                }
            }
            Some(Err(_)) | None => return Ok(None),
        }
    }
}

/// Program and version, as the proxy says.
fn program(node: Option<&Node>) -> (ProxyProgram, String) {
    let Some(node) = node else {
        return (ProxyProgram::Envoy, String::new());
    };
    let version = match &node.user_agent_version_type {
        Some(UserAgentVersionType::UserAgentVersion(version)) => version.clone(),
        Some(UserAgentVersionType::UserAgentBuildVersion(build)) => build
            .version
            .as_ref()
            .map(|v| format!("{}.{}.{}", v.major_number, v.minor_number, v.patch))
            .unwrap_or_default(),
        None => String::new(),
    };
    let program = if node.user_agent_name == ProxyProgram::Vigla.as_str() {
        ProxyProgram::Vigla
    } else {
        ProxyProgram::Envoy
    };
    (program, version)
}

/// Makes the proxy's first target; waits for the first snapshot.
async fn build(
    hub: &Arc<Hub>,
    proxy: &ProxyIdentity,
    program: ProxyProgram,
    shutdown: &CancellationToken,
) -> Result<Target, End> {
    let mut current = hub.current.subscribe();
    let ready = tokio::select! {
        () = shutdown.cancelled() => return Err(End::new(UNAVAILABLE, "the control plane ends")),
        ready = current.wait_for(Option::is_some) => ready,
    };
    let current = ready
        .ok()
        .and_then(|current| current.clone())
        .ok_or_else(|| End::new(UNAVAILABLE, "the control plane ends"))?;
    let (worker, who) = (Arc::clone(hub), proxy.clone());
    let built = tokio::task::spawn_blocking(move || {
        let mut workshop = worker.workshop.lock().unwrap_or_else(PoisonError::into_inner);
        let Current { published, .. } = &current;
        workshop.build(published.revision, &published.snapshot, &who, program, now())
    });
    match built.await {
        Ok(Ok(target)) => Ok(target),
        Ok(Err(error)) => {
            tell(&error, proxy);
            Err(End::new(NOT_FOUND, error.to_string()))
        }
        Err(_) => Err(End::new(UNAVAILABLE, "the plan could not be made")),
    }
}
