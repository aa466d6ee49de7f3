//! What one proxy is to do ([`Plan`]), and the pure decisions over it.
//!
//! The compiler makes plans, `xds` carries them as Envoy messages and reads them back, `decide` routes real
//! requests in `vigla-proxy` and answers the simulator. No sockets, no clock, no chance: dice are an argument.

mod plan;

pub use plan::*;
