//! One target's connection: kept open from scrape to scrape, opened anew when it breaks.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

/// Where sidecars serve their metrics.
const PATH: &str = "/stats/prometheus";

/// The connection to one target.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, open: None }
    }

    /// Where it leads.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The text of the target's metrics, within the deadline and no longer than `most` bytes.
    ///
    /// # Errors
    /// What went wrong, in words. The connection is opened anew the next time.
    pub(crate) async fn fetch(&mut self, deadline: Duration, most: usize) -> Result<Bytes, String> {
        let reused = self.open.is_some();
        let answer = timeout(deadline, async {
            match self.ask(most).await {
                // A kept connection may have ended since: that says nothing of the target.
                Err(Trouble::Connection(_)) if reused => {
                    self.open = None;
                    self.ask(most).await
                }
                answer => answer,
            }
        });
        let answer = match answer.await {
            Ok(Ok(text)) => return Ok(text),
            Ok(Err(Trouble::Connection(reason) | Trouble::Answer(reason))) => reason,
            Err(_) => format!("no answer within {} s", deadline.as_secs_f64()),
        };
        self.open = None;
        Err(answer)
    }

    async fn ask(&mut self, most: usize) -> Result<Bytes, Trouble> {
        let lost = |error: hyper::Error| Trouble::Connection(format!("connection lost: {error}"));
        let open = match &mut self.open {
            Some(open) => open,
            None => self
                .open
                .insert(connect(self.address).await.map_err(Trouble::Connection)?),
        };
        let request = Request::get(PATH)
            .header(header::HOST, self.address.to_string())
            .header(header::ACCEPT, "text/plain; version=0.0.4")
            .body(Empty::new())
            .expect("path and headers are constants and an address");
        open.sender.ready().await.map_err(lost)?;
        let answer = open.sender.send_request(request).await.map_err(lost)?;
        if answer.status() != StatusCode::OK {
            return Err(Trouble::Answer(format!(
                "answered {} for {PATH}",
                answer.status()
            )));
        }
        let body = Limited::new(answer.into_body(), most).collect().await;
        let cut = |error| Trouble::Answer(format!("answer cut off: {error} (bound: {most} bytes)"));
        Ok(body.map_err(cut)?.to_bytes())
    }
}

/// What went wrong, in words.
enum Trouble {
    Connection(String),
    Answer(String),
}

async fn connect(address: SocketAddr) -> Result<Open, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("cannot connect: {error}"))?;
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("no HTTP: {error}"))?;
    let driver = tokio::spawn(async move {
        // Its end shows at the next request.
        let _ = connection.await;
    });
    Ok(Open { sender, driver })
}
