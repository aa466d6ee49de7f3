//! The one client for HTTP to the outside: every source that is asked over the network is asked through it.
//!
//! Only operators set where it goes. It connects to addresses that [`AllowRule`] lets through and to no other, follows
//! no redirect, uses no proxy of the environment, and gives up by time and by size. A source that keeps failing is
//! left alone for a while, so that trouble there costs nothing here. Dropping a call cancels it.
//! What an answer means is its caller's affair.

mod address;
mod auth;
mod breaker;
mod call;
mod error;
mod flight;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use reqwest::{Certificate, Client, StatusCode, header, redirect::Policy, tls::Version};
use tokio::sync::{Notify, Semaphore};
use url::{Host, Url};

use address::Resolver;
pub use address::{AllowRule, BadAllowRule};
pub use auth::Auth;
use breaker::{Breaker, Rest};
pub use call::Call;
pub use error::{OutboundError, SettingsError};
pub use flight::SingleFlight;

/// Requests to one source at the same time, whatever its settings say.
pub const MAX_IN_FLIGHT: usize = 20;
/// What is kept of the body of an answer that is an error: its first sentence is wanted.
const ERROR_BODY: usize = 4096;

/// Where a source is and how it may be asked.
#[derive(Debug, Clone)]
pub struct OutboundSettings {
    /// Name of the source for people, such as `Prometheus`.
    pub name: String,
    /// Its address; paths of calls are put behind it.
    pub url: Url,
    /// Addresses that may be connected to.
    pub allow: AllowRule,
    /// What is sent to show who asks.
    pub auth: Auth,
    /// Authorities (PEM) that its certificate may come from, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Time for a whole answer, waiting for a free place included.
    pub deadline: Duration,
    /// Bytes of one answer.
    pub body: usize,
    /// Requests at the same time; more wait. At most [`MAX_IN_FLIGHT`].
    pub in_flight: usize,
}

impl OutboundSettings {
    /// The usual bounds for a source at this address.
    ///
    /// 10 s are what a person waits for a picture. 256 MiB are half a million series; they pass through and are not
    /// kept where the caller takes them piece by piece.
    pub fn new(name: impl Into<String>, url: Url) -> Self {
        Self {
            name: name.into(),
            url,
            allow: AllowRule::default(),
            auth: Auth::None,
            ca_file: None,
            deadline: Duration::from_secs(10),
            body: 256 << 20,
            in_flight: 8,
        }
    }
}

/// Asks one source. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbound {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: OutboundSettings,
    client: Client,
    places: Semaphore,
    breaker: Mutex<Breaker>,
    /// Wakes those that wait for the end of a probe.
    probed: Notify,
}

impl Outbound {
    /// Checks the settings and makes a client; nothing is asked yet.
    ///
    /// # Errors
    /// When the address cannot be used or is not allowed, or a file cannot be read.
    pub fn new(settings: OutboundSettings) -> Result<Self, SettingsError> {
        let url = &settings.url;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(SettingsError::Url(url.to_string()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SettingsError::SecretInUrl);
        }
        let allow = settings.allow.clone().with_host(url.host());
        // Addresses that stand in the URL never pass the resolver.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            _ => None,
        };
        if let Some(address) = literal
            && !allow.allows(address)
        {
            return Err(SettingsError::Address(address));
        }
        let mut builder = Client::builder()
            .dns_resolver(Arc::new(Resolver(allow)))
            .redirect(Policy::none())
            .no_proxy()
            .tls_version_min(Version::TLS_1_2)
            .connect_timeout(settings.deadline)
            .user_agent(concat!("vigla/", env!("CARGO_PKG_VERSION")));
        if let Some(file) = &settings.ca_file {
            let failed = |reason: String| SettingsError::CaFile(file.clone(), reason);
            let pem = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
            let found = Certificate::from_pem_bundle(&pem).map_err(|error| failed(error.to_string()))?;
            if found.is_empty() {
                return Err(failed("it holds no certificate".to_owned()));
            }
            builder = builder.tls_certs_only(found);
        }
        let client = builder
            .build()
            .map_err(|error| SettingsError::Client(error::chain(&error)))?;
        Ok(Self {
            inner: Arc::new(Inner {
                places: Semaphore::new(settings.in_flight.clamp(1, MAX_IN_FLIGHT)),
                breaker: Mutex::default(),
                probed: Notify::new(),
                client,
                settings,
            }),
        })
    }

    /// Name of the source for people.
    pub fn name(&self) -> &str {
        &self.inner.settings.name
    }

    /// Where the source is.
    pub fn url(&self) -> &Url {
        &self.inner.settings.url
    }

    /// Time for a whole answer.
    pub fn deadline(&self) -> Duration {
        self.inner.settings.deadline
    }

    /// Requests that are under way now.
    pub fn in_flight(&self) -> usize {
        self.inner.settings.in_flight.clamp(1, MAX_IN_FLIGHT) - self.inner.places.available_permits()
    }

    /// Asks, and gives the whole body of an answer of success.
    ///
    /// # Errors
    /// When there is none in time and within the bound, or it is an error.
    pub async fn fetch(&self, call: Call) -> Result<Bytes, OutboundError> {
        let mut body = BytesMut::new();
        self.stream(call, |piece| {
            body.extend_from_slice(piece);
            Ok(())
        })
        .await?;
        Ok(body.freeze())
    }

    /// Asks, and hands the body of an answer of success over piece by piece as it arrives.
    ///
    /// `take` ends the call by an error, whose text becomes [`OutboundError::Malformed`].
    ///
    /// # Errors
    /// When there is no answer in time and within the bound, or it is an error; pieces may have come before.
    pub async fn stream(
        &self,
        call: Call,
        take: impl FnMut(&[u8]) -> Result<(), String> + Send,
    ) -> Result<(), OutboundError> {
        let deadline = self.inner.settings.deadline;
        tokio::time::timeout(deadline, self.enter())
            .await
            .unwrap_or(Err(OutboundError::TimedOut(deadline)))?;
        // A call that is dropped in between says nothing of the source.
        let mut leave = Leave {
            outbound: self,
            ended: None,
        };
        let result = tokio::time::timeout(deadline, self.ask(call, take))
            .await
            .unwrap_or(Err(OutboundError::TimedOut(deadline)));
        leave.ended = Some(match &result {
            Err(error) => !error.is_failure(),
            Ok(()) => true,
        });
        result
    }

    /// Waits while another call finds out whether the source is back; the rest of its group goes on with it.
    async fn enter(&self) -> Result<(), OutboundError> {
        loop {
            let probed = self.inner.probed.notified();
            let entered = self.lock().enter(Instant::now());
            match entered {
                Ok(()) => return Ok(()),
                Err(Rest::For(retry_in)) => return Err(OutboundError::Resting { retry_in }),
                Err(Rest::Probe) => probed.await,
            }
        }
    }

    async fn ask(
        &self,
        call: Call,
        mut take: impl FnMut(&[u8]) -> Result<(), String> + Send,
    ) -> Result<(), OutboundError> {
        let settings = &self.inner.settings;
        let _place = self
            .inner
            .places
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let mut request = call.build(&self.inner.client, &settings.url);
        if let Some(value) = settings.auth.header().await? {
            request = request.header(header::AUTHORIZATION, value);
        }
        let mut response = request.send().await.map_err(OutboundError::of_send)?;
        let status = response.status();
        if status != StatusCode::OK {
            let mut text = Vec::new();
            while text.len() < ERROR_BODY
                && let Ok(Some(piece)) = response.chunk().await
            {
                text.extend_from_slice(&piece[..piece.len().min(ERROR_BODY - text.len())]);
            }
            return Err(OutboundError::of_status(status, response.headers(), &text));
        }
        let too_large = OutboundError::TooLarge(settings.body);
        if response
            .content_length()
            .is_some_and(|length| length > settings.body as u64)
        {
            return Err(too_large);
        }
        let mut seen = 0;
        while let Some(piece) = response.chunk().await.map_err(OutboundError::of_body)? {
            seen += piece.len();
            if seen > settings.body {
                return Err(too_large);
            }
            take(&piece).map_err(OutboundError::Malformed)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.inner.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the breaker how a call ended, also when it was dropped.
struct Leave<'a> {
    outbound: &'a Outbound,
    /// Whether the source is well; `None` when nobody waited for the end.
    ended: Option<bool>,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.outbound.lock().leave(Instant::now(), self.ended);
        self.outbound.inner.probed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
