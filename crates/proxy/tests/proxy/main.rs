//! The proxy in this process, with plans given directly: real sockets, real certificates, real requests.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod app;
mod authorization;
mod control_plane;
mod echo;
mod extra;
mod gateway;
mod http;
mod http2;
mod mesh;
mod mutual_tls;
mod origination;
mod peer;
mod program;
mod protection;
mod swap;
mod tcp;
mod tracing;
mod world;
