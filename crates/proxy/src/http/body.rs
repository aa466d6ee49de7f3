//! Bodies on their way through.

mod request;
mod response;

pub(crate) use request::{RequestBody, UpstreamBody};
pub(crate) use response::{ResponseBody, reset_reason};
