//! ADS server, push loop and certificate service.
//!
//! The mesh's config comes in as snapshots; each connected proxy's plan is compiled, encoded and compared with what
//! the proxy has; what changed is sent. Certificates go the same way (SDS). What a proxy may have depends on its
//! join token alone: node ids prove nothing.
//!
//! gRPC is framed here, on hyper's HTTP/2: encoded resources are shared by all streams, and a stream adds only its
//! prefix and its nonce.

mod certificates;
mod debounce;
mod frame;
mod origin;
mod proxies;
mod push;
mod server;
mod stream;
mod token;
mod workshop;

pub use proxies::{Connection, KindReport, ProxyProgram, ProxyStatus, PushReport, Refusal};
pub use push::PushEvent;
pub use server::{Handle, Options, Published, StartError, start};
pub use token::{Authenticate, JoinTokens};
pub use vigla_compiler::{Problem, ProxyIdentity, Settings, TracingSettings};
