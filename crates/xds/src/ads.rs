//! Both ends of ADS (state of the world) without sockets.

#[cfg(not(target_arch = "wasm32"))]
pub mod client;
pub mod server;
