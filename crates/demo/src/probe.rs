//! Looks whether addresses are free, and whether sidecars are ready.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::{Instant, sleep, timeout};

use crate::DemoError;

/// How long addresses may be in use before they are a failure: sidecars of a demo that was just killed take up to
/// two seconds to go.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits until every address can be bound.
///
/// # Errors
/// Names those that stay in use, or that this machine does not have.
pub(crate) async fn wait_until_free(addresses: impl Iterator<Item = SocketAddr>) -> Result<(), DemoError> {
    let mut busy: BTreeSet<SocketAddr> = addresses.collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut missing = None;
        busy.retain(|address| match TcpListener::bind(address) {
            Ok(_) => false,
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => true,
            Err(error) => {
                missing = Some(DemoError::NoLoopback(*address, error));
                true
            }
        });
        match missing {
            Some(error) => return Err(error),
            None if busy.is_empty() => return Ok(()),
            None if Instant::now() > deadline => return Err(DemoError::Busy(busy.into_iter().collect())),
            None => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Asks sidecars whether they have their config and their listeners are bound.
#[derive(Debug)]
pub(crate) struct Readiness(Client<HttpConnector, Empty<Bytes>>);

impl Readiness {
    pub(crate) fn new() -> Self {
        Self(
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build_http(),
        )
    }

    /// Waits until all are ready, at most until the deadline; gives those that are not.
    pub(crate) async fn wait(&self, admins: Vec<SocketAddr>, deadline: Duration) -> Vec<SocketAddr> {
        let deadline = Instant::now() + deadline;
        let mut waiting = admins;
        loop {
            let mut still = Vec::new();
            for admin in waiting {
                if !self.is_ready(admin).await {
                    still.push(admin);
                }
            }
            if still.is_empty() || Instant::now() > deadline {
                return still;
            }
            waiting = still;
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn is_ready(&self, admin: SocketAddr) -> bool {
        let request = Request::get(format!("http://{admin}/ready")).body(Empty::new());
        let Ok(request) = request else { return false };
        let answer = timeout(Duration::from_secs(1), self.0.request(request)).await;
        matches!(answer, Ok(Ok(response)) if response.status() == StatusCode::OK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_in_use_are_named() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = holder.local_addr().unwrap();
        let error = wait_until_free([address].into_iter()).await.unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        drop(holder);
        wait_until_free([address].into_iter()).await.unwrap();
    }
}
