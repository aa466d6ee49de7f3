//! `fetch` with a deadline and cancellation.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Reflect, Uint8Array};
use leptos::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, AbortSignal, Headers, ReadableStreamDefaultReader, Request, RequestInit, Response,
};

use super::ClientError;

/// Longest wait for an answer: a page that knows nothing for longer should say so.
const DEADLINE_MS: i32 = 10_000;

/// Ends calls that nobody waits for any more.
#[derive(Debug, Clone)]
pub(crate) struct Cancel(AbortController);

impl Cancel {
    /// A new one, which fires when the current reactive owner ends or runs again.
    pub(crate) fn with_owner() -> Self {
        let cancel =
            Self(AbortController::new().expect("every browser with WebAssembly has AbortController"));
        let stored = StoredValue::new_local(cancel.clone());
        on_cleanup(move || {
            stored.try_with_value(|cancel| cancel.0.abort());
        });
        cancel
    }

    /// Whether nobody waits any more: then no signal of the page may be touched.
    pub(crate) fn fired(&self) -> bool {
        self.0.signal().aborted()
    }
}

/// Reads a body of the API.
pub(crate) async fn get<T: DeserializeOwned>(url: &str, cancel: &Cancel) -> Result<T, ClientError> {
    let text = text_of(send(url, &RequestInit::new(), &[], cancel).await?).await?;
    serde_json::from_str(&text).map_err(|why| ClientError::unreadable(url, why))
}

/// Sends a body and reads the answer.
pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
    url: &str,
    body: &B,
    cancel: &Cancel,
) -> Result<T, ClientError> {
    let init = RequestInit::new();
    init.set_method("POST");
    let json = serde_json::to_string(body).map_err(|why| ClientError::unreadable(url, why))?;
    init.set_body(&JsValue::from_str(&json));
    let answer = send(url, &init, &[("content-type", "application/json")], cancel).await?;
    serde_json::from_str(&text_of(answer).await?).map_err(|why| ClientError::unreadable(url, why))
}

/// Undoes or removes.
pub(crate) async fn delete(url: &str, cancel: &Cancel) -> Result<(), ClientError> {
    let init = RequestInit::new();
    init.set_method("DELETE");
    send(url, &init, &[("content-type", "application/json")], cancel)
        .await
        .map(|_| ())
}

/// A body that comes in pieces for as long as the server has something to say.
pub(crate) struct ByteStream(ReadableStreamDefaultReader);

impl ByteStream {
    /// Opens a stream of events; `resume` is the id of the last event that was taken.
    pub(crate) async fn open(url: &str, resume: Option<&str>, cancel: &Cancel) -> Result<Self, ClientError> {
        let mut headers = vec![("accept", "text/event-stream")];
        if let Some(id) = resume {
            headers.push(("last-event-id", id));
        }
        let answer = send(url, &RequestInit::new(), &headers, cancel).await?;
        let body = answer.body().ok_or(ClientError::Offline)?;
        let reader = body.get_reader().dyn_into().map_err(|_| ClientError::Offline)?;
        Ok(Self(reader))
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&self) -> Result<Option<Vec<u8>>, ClientError> {
        let piece = JsFuture::from(self.0.read())
            .await
            .map_err(|_| ClientError::Offline)?;
        let done = Reflect::get(&piece, &"done".into()).is_ok_and(|done| done.is_truthy());
        if done {
            return Ok(None);
        }
        let value = Reflect::get(&piece, &"value".into()).map_err(|_| ClientError::Offline)?;
        Ok(Some(Uint8Array::new(&value).to_vec()))
    }
}

/// Sends and waits for the head of the answer, not longer than the deadline.
async fn send(
    url: &str,
    init: &RequestInit,
    headers: &[(&str, &str)],
    cancel: &Cancel,
) -> Result<Response, ClientError> {
    // The deadline ends this call, the page's signal every call of the page.
    let call = AbortController::new().map_err(|_| ClientError::Offline)?;
    let too_late = Rc::new(Cell::new(false));
    let on_late = Closure::once({
        let (call, too_late) = (call.clone(), Rc::clone(&too_late));
        move || {
            too_late.set(true);
            call.abort();
        }
    });
    let either = js_sys::Array::of2(&cancel.0.signal(), &call.signal());
    let timer = window()
        .set_timeout_with_callback_and_timeout_and_arguments_0(on_late.as_ref().unchecked_ref(), DEADLINE_MS);
    init.set_signal(Some(&AbortSignal::any(&either)));
    let answer = match request(url, init, headers) {
        Ok(request) => JsFuture::from(window().fetch_with_request(&request)).await,
        Err(error) => Err(error),
    };
    if let Ok(timer) = timer {
        window().clear_timeout_with_handle(timer);
    }
    let answer: Response = match answer {
        Ok(answer) => answer.unchecked_into(),
        Err(_) if too_late.get() => return Err(ClientError::Timeout),
        Err(_) => return Err(ClientError::Offline),
    };
    if answer.ok() {
        return Ok(answer);
    }
    let status = answer.status();
    Err(ClientError::of_answer(
        status,
        &text_of(answer).await.unwrap_or_default(),
    ))
}

fn request(url: &str, init: &RequestInit, headers: &[(&str, &str)]) -> Result<Request, JsValue> {
    let list = Headers::new()?;
    for (name, value) in headers {
        list.set(name, value)?;
    }
    init.set_headers(&list);
    Request::new_with_str_and_init(url, init)
}

async fn text_of(answer: Response) -> Result<String, ClientError> {
    let text = answer.text().map_err(|_| ClientError::Offline)?;
    let text = JsFuture::from(text).await.map_err(|_| ClientError::Offline)?;
    text.as_string().ok_or(ClientError::Offline)
}

/// Waits.
pub(crate) async fn sleep(ms: f64) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms as i32);
    });
    let _ = JsFuture::from(promise).await;
}
