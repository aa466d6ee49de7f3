//! A value of the server that a page shows and keeps fresh.

use std::sync::Arc;

use leptos::{prelude::*, task::spawn_local};
use serde::de::DeserializeOwned;

use crate::client::{self, Backoff, Cancel, ClientError};

/// The last good value, and what went wrong since.
pub(crate) struct Fetched<T: Send + Sync + 'static> {
    value: RwSignal<Option<Arc<T>>>,
    error: RwSignal<Option<ClientError>>,
    asked: RwSignal<u32>,
}

impl<T: Send + Sync + 'static> Clone for Fetched<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Fetched<T> {}

impl<T: DeserializeOwned + Send + Sync + 'static> Fetched<T> {
    /// Asks for `url` whenever it changes, and every `period_ms` while the page can be seen. `None` asks for nothing.
    pub(crate) fn from_url(url: impl Fn() -> Option<String> + Send + Sync + 'static, period_ms: f64) -> Self {
        let this = Self {
            value: RwSignal::new(None),
            error: RwSignal::new(None),
            asked: RwSignal::new(0),
        };
        let url = Memo::new(move |_| url());
        let shown = StoredValue::new(None::<String>);
        Effect::new(move |_| {
            let url = url.get();
            this.asked.track();
            if shown.get_value() != url {
                // Another object: what is known of the old one must not stand under its name.
                let path = |url: &Option<String>| {
                    url.as_deref()
                        .map(|url| url.split('?').next().unwrap_or(url).to_owned())
                };
                if path(&shown.get_value()) != path(&url) {
                    this.value.set(None);
                }
                this.error.set(None);
                shown.set_value(url.clone());
            }
            if let Some(url) = url {
                let cancel = Cancel::with_owner();
                spawn_local(async move { this.keep_fresh(&url, period_ms, &cancel).await });
            }
        });
        this
    }

    /// The last good value.
    pub(crate) fn value(self) -> Option<Arc<T>> {
        self.value.get()
    }

    /// What went wrong since the last good value.
    pub(crate) fn error(self) -> Option<ClientError> {
        self.error.get()
    }

    /// Asks now.
    pub(crate) fn ask_again(self) {
        self.asked.update(|count| *count += 1);
    }

    async fn keep_fresh(self, url: &str, period_ms: f64, cancel: &Cancel) {
        let mut backoff = Backoff::default();
        loop {
            let mut wait = period_ms;
            if !document().hidden() {
                let answer = client::get::<T>(url, cancel).await;
                if cancel.fired() {
                    return;
                }
                match answer {
                    Ok(value) => {
                        self.value.set(Some(Arc::new(value)));
                        self.error.set(None);
                        backoff.reset();
                    }
                    Err(error) => {
                        self.error.set(Some(error));
                        wait = backoff.next_ms(js_sys::Math::random());
                    }
                }
            }
            client::sleep(wait).await;
            if cancel.fired() {
                return;
            }
        }
    }
}
