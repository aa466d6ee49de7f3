//! Envoy v3 messages from and to [`Plan`](vigla_dataplane::Plan), the bootstrap of a stock Envoy, and the state
//! machines of both ends of ADS. No sockets and no clock: bytes and moments are arguments.
//!
//! The browser has the state machine of the server and the resource types only: the message types
//! (`envoy-types`) bring a transport that does not build there.

mod ads;
mod resource;
mod secret;

#[cfg(not(target_arch = "wasm32"))]
mod bootstrap;
#[cfg(not(target_arch = "wasm32"))]
mod codec;
#[cfg(not(target_arch = "wasm32"))]
mod decode;
#[cfg(not(target_arch = "wasm32"))]
mod encode;

pub use ads::server;
pub use resource::{Resource, ResourceKind, ResourceSet, Resources};
pub use secret::Secret;

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod sample;

#[cfg(not(target_arch = "wasm32"))]
pub use self::{
    ads::client,
    bootstrap::{BootstrapOptions, bootstrap},
    decode::{DecodeError, Decoded, decode, decode_any},
    encode::{EncodeOptions, Encoder, encode, encode_secret},
};
