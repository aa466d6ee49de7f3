//! HTTP: one exchange from the caller's request to the end of the answer.

mod body;
mod exchange;
mod grpc;
mod headers;
mod mirror;
mod preface;
mod prepare;
mod reply;
mod send;
mod serve;
mod watch;

pub(crate) use body::{RequestBody, UpstreamBody};
pub(crate) use preface::Version;
pub(crate) use serve::serve;
pub(crate) use watch::HeadWatch;
