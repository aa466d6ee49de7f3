//! Plans from the control plane: the loop around the ADS state machine of `vigla-xds`.
//!
//! The last good config stays in force while the stream is gone. What is refused is refused by the state
//! machine; an answer is acknowledged after it is in force.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use envoy_types::pb::envoy::service::discovery::v3::{
    DiscoveryRequest, aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
};
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, metadata::MetadataValue, transport::Endpoint};
use vigla_xds::{ResourceKind, client::Client};

use crate::{Proxy, status::Status};

/// First and longest wait before the stream is opened again; each wait is twice the one before, and up to half
/// of it is left to chance, so that the proxies of a mesh do not come back at once.
const BACK_OFF: Duration = Duration::from_millis(50);
const MAX_BACK_OFF: Duration = Duration::from_secs(5);
/// A stream that lived this long was good: the next wait is short again.
const GOOD_STREAM: Duration = Duration::from_secs(5);
/// How soon what could not be done (a busy address) is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// Largest answer that is read. A thousand services are about half a megabyte.
const MAX_ANSWER: usize = 64 << 20;
/// Requests that may wait to be sent; one answer leads to a handful.
const QUEUE: usize = 64;

/// Where plans come from.
#[derive(Debug, Clone)]
pub struct AdsOptions {
    /// Unix socket of the control plane.
    pub socket: PathBuf,
    /// File with the join token, which tells the control plane who this proxy is. Read for each stream.
    pub token_file: PathBuf,
    /// Node id, for logs and status.
    pub node_id: String,
}

/// Keeps the proxy on the control plane's word until `shutdown`.
pub async fn run_ads(
    options: AdsOptions,
    proxy: Arc<Proxy>,
    status: Arc<Status>,
    shutdown: CancellationToken,
) {
    let mut client = Client::new(
        &options.node_id,
        concat!("vigla-proxy/", env!("CARGO_PKG_VERSION")),
    );
    let mut back_off = BACK_OFF;
    let mut reported = String::new();
    loop {
        let started = tokio::time::Instant::now();
        let result = tokio::select! {
            () = shutdown.cancelled() => return,
            result = run_stream(&options, &mut client, &proxy, &status) => result,
        };
        status.set_connected(false);
        if started.elapsed() > GOOD_STREAM {
            back_off = BACK_OFF;
            reported.clear();
        }
        let wait = back_off.mul_f64(0.5 + 0.5 * rand::random::<f64>());
        match result {
            Ok(()) => tracing::info!(retry_ms = wait.as_millis(), "the control plane ended the stream"),
            Err(error) => {
                tracing::warn!(
                    retry_ms = wait.as_millis(),
                    "no stream to the control plane: {error:#}"
                );
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => (),
        }
        back_off = (back_off * 2).min(MAX_BACK_OFF);
    }
}

async fn run_stream(
    options: &AdsOptions,
    client: &mut Client,
    proxy: &Proxy,
    status: &Status,
) -> anyhow::Result<()> {
    let token = std::fs::read_to_string(&options.token_file)
        .with_context(|| format!("join token {}", options.token_file.display()))?;
    let mut bearer = MetadataValue::try_from(format!("Bearer {}", token.trim()))
        .context("the join token holds characters that no token has")?;
    bearer.set_sensitive(true);
    let socket = options.socket.clone();
    let connector = tower::service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    let channel = Endpoint::from_static("http://control-plane")
        .connect_with_connector(connector)
        .await;
    let channel =
        channel.map_err(|error| anyhow::anyhow!("{}: {}", options.socket.display(), root_cause(&error)))?;
    let mut service = AggregatedDiscoveryServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER);

    let (requests, queue) = mpsc::channel(QUEUE);
    send(&requests, client.connect()).await?;
    let mut request = Request::new(ReceiverStream::new(queue));
    request.metadata_mut().insert("authorization", bearer);
    let answers = service.stream_aggregated_resources(request).await;
    let mut answers = answers
        .map_err(|status| anyhow::anyhow!("{}: {}", status.code(), status.message()))?
        .into_inner();
    status.set_connected(true);
    tracing::info!("connected to the control plane");

    let mut retry = tokio::time::interval(RETRY);
    loop {
        let step = tokio::select! {
            answer = answers.message() => {
                let answer = answer.map_err(|status| anyhow::anyhow!("{}: {}", status.code(), status.message()))?;
                let Some(answer) = answer else { return Ok(()) };
                let kind = ResourceKind::find_type_url(&answer.type_url);
                let step = client.receive(answer);
                if let Some((kind, refusal)) = kind.and_then(|kind| Some((kind, client.refusal(kind)?))) {
                    tracing::warn!(%kind, "refused: {refusal}");
                }
                step
            }
            _ = retry.tick(), if status.has_problems() => {
                apply(client, proxy, status).await;
                continue;
            }
        };
        if step.changed {
            apply(client, proxy, status).await;
        }
        status.set_sync(ResourceKind::ALL.map(|kind| {
            (
                kind,
                client.version(kind).map(str::to_owned),
                client.refusal(kind).map(str::to_owned),
            )
        }));
        status.set_ready(client.is_ready());
        send(&requests, step.requests).await?;
    }
}

/// The innermost reason; what is around it only says that there was one.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

async fn apply(client: &Client, proxy: &Proxy, status: &Status) {
    let problems = proxy.apply(client.plan(), client.secrets()).await;
    status.set_problems(problems);
}

async fn send(queue: &mpsc::Sender<DiscoveryRequest>, requests: Vec<DiscoveryRequest>) -> anyhow::Result<()> {
    for request in requests {
        queue.send(request).await.context("the stream has ended")?;
    }
    Ok(())
}
