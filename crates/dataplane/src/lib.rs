//! What one proxy is to do ([`Plan`]), and the pure decisions over it.
//!
//! The compiler makes plans, `xds` carries them as Envoy messages and reads them back, [`decide`] routes real
//! requests in `vigla-proxy` and answers the simulator. No sockets, no clock, no chance: dice are an argument.

mod authorize;
mod balance;
mod bucket;
mod chain;
mod cors;
mod decide;
mod dice;
mod edit;
mod fault;
mod hash;
mod path;
mod plan;
mod redirect;
mod request;
mod retry;
mod router;

pub use authorize::{
    AuthorizationObserver, ConnectionFacts, DENIED_BODY, Verdict, authorize, authorize_connection,
};
pub use balance::{Candidate, Lot};
pub use bucket::TokenBucket;
pub use chain::{FirstBytes, find_chain};
pub use cors::{CorsVerdict, judge_cors};
pub use decide::{Decision, Matched, Mismatch, NoObserver, Observer, decide, pick_tcp};
pub use dice::Dice;
pub use edit::{HeaderStore, apply_edits};
pub use fault::{FaultRoll, roll_fault};
pub use hash::{Hashed, NewCookie, hash_request};
pub use path::{normalize_path, rewrite_path};
pub use plan::*;
pub use redirect::redirect_location;
pub use request::{RequestHead, RequestHeaders};
pub use retry::{Outcome, may_retry};
pub use router::{DomainMatch, Router};
