//! Copies of requests for others (`mirror`): sent beside the request, and whose answer nobody waits for.

use std::{rc::Rc, time::Duration};

use http::{HeaderValue, Request, header, request};
use hyper::body::Body;
use vigla_dataplane::{Dice, Forward, Mirror};

use super::{
    body::{RequestBody, UpstreamBody},
    send::{fit, send_to},
};
use crate::{downstream::Downstream, upstream::ClusterState, worker::Worker};

/// Bytes of a body that are kept for copies; a longer one is not copied.
pub(super) const BODY_LIMIT: usize = 64 << 10;
/// Copies that one worker has under way; beyond this none are made, for nobody would notice that they pile up.
const MAX_COPIES: usize = 256;
/// How long a copy may take where its route has no timeout, as Envoy's default.
const LIMIT: Duration = Duration::from_secs(15);

/// Sends the copies that the route asks for. The request is as it is sent on.
pub(super) fn send_copies(
    downstream: &Rc<Downstream>,
    forward: &Forward,
    parts: &request::Parts,
    body: Option<&Rc<RequestBody>>,
) {
    let worker = &downstream.worker;
    for mirror in &forward.mirrors {
        if !is_chosen(mirror, worker) || worker.copies.get() >= MAX_COPIES {
            continue;
        }
        let Some(cluster) = worker.cluster(&mirror.cluster) else {
            continue;
        };
        let copy = Copy {
            downstream: Rc::clone(downstream),
            cluster,
            parts: shadow(parts.clone()),
            body: body.cloned(),
        };
        let limit = forward.timeout.unwrap_or(LIMIT);
        let counted = Counted::new(worker);
        tokio::task::spawn_local(async move {
            if tokio::time::timeout(limit, copy.send()).await.is_err() {
                tracing::debug!("a copy of a request took too long");
            }
            drop(counted);
        });
    }
}

fn is_chosen(mirror: &Mirror, worker: &Worker) -> bool {
    const ALL: u32 = 1_000_000;
    mirror.share >= ALL || (&mut &worker.random).roll(ALL) < mirror.share
}

/// Marks the host, so that who gets the copy can tell: `reviews:9080` becomes `reviews-shadow:9080`.
fn shadow(mut parts: request::Parts) -> request::Parts {
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let marked = host.map(|host| match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => format!("{name}-shadow:{port}"),
        _ => format!("{host}-shadow"),
    });
    if let Some(Ok(marked)) = marked.map(HeaderValue::try_from) {
        parts.headers.insert(header::HOST, marked);
    }
    parts
}

/// One copy on its way.
struct Copy {
    downstream: Rc<Downstream>,
    cluster: Rc<ClusterState>,
    parts: request::Parts,
    body: Option<Rc<RequestBody>>,
}

impl Copy {
    /// Sends it when the whole body is there, and reads the answer away, so that the connection can be used again.
    async fn send(mut self) -> Option<()> {
        let body = match self.body.take() {
            None => UpstreamBody::Empty,
            Some(body) => {
                body.ended().await;
                body.copy()?
            }
        };
        let picked = self.cluster.pick(&self.downstream.worker.random, None, &[])?;
        let busy = self.cluster.busy(picked)?;
        fit(&mut self.parts, busy.endpoint(), &self.downstream);
        let request = Request::from_parts(self.parts, body);
        let sent = send_to(busy.endpoint(), &self.cluster.config, request, |_| ()).await;
        let (response, connection) = sent.ok()?;
        let mut body = std::pin::pin!(response.into_body());
        while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            frame.ok()?;
        }
        busy.endpoint().give_back(connection);
        Some(())
    }
}

/// One copy more under way, until it is dropped.
struct Counted(Rc<Worker>);

impl Counted {
    fn new(worker: &Rc<Worker>) -> Self {
        worker.copies.set(worker.copies.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.copies.set(self.0.copies.get() - 1);
    }
}
