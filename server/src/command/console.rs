//! A running console, asked from the command line.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Client, Method, RequestBuilder, Response};
use vigla_api::Problem;

/// Where a console answers when nobody says otherwise.
pub const DEFAULT: &str = "http://127.0.0.1:20001";

/// The longest wait for an answer.
const DEADLINE: Duration = Duration::from_secs(15);

/// One console.
pub struct Console {
    client: Client,
    address: String,
}

impl Console {
    /// The console at this address, such as `http://127.0.0.1:20001`.
    ///
    /// # Errors
    /// When the system gives no means to connect.
    pub fn new(address: &str) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::builder().timeout(DEADLINE).no_proxy().build()?,
            address: address.trim_end_matches('/').to_owned(),
        })
    }

    /// Sends a request to a path below `/api/v1/`; `fill` adds query or body.
    ///
    /// # Errors
    /// When nobody answers, or the answer is a refusal: then with the console's own words.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Response> {
        let url = format!("{}/api/v1/{path}", self.address);
        let request = fill(self.client.request(method, &url));
        let response = request.send().await.with_context(|| {
            format!(
                "no console answers at {}: start one with `vigla demo`, or name its address with --server",
                self.address
            )
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match response.json::<Problem>().await {
            Ok(problem) => bail!("{}", problem.detail),
            Err(_) => bail!("{url} answers {status}: is that a Vigla console?"),
        }
    }
}
