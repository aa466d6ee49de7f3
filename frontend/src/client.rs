//! The only part that talks to the server. Bodies are types of `vigla-api`; every call has a deadline and can be
//! cancelled; what can go wrong is a [`ClientError`].

mod backoff;
mod error;
mod events;
mod http;

pub(crate) use backoff::Backoff;
pub(crate) use error::ClientError;
pub(crate) use events::{Event, EventParser};
pub(crate) use http::{ByteStream, Cancel, delete, get, post, sleep};
