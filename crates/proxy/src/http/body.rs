//! Bodies on their way through.

mod request;
mod response;

pub(crate) use request::{RequestBody, UpstreamBody};
pub(crate) use response::{Reset, ResponseBody, find_reset};
