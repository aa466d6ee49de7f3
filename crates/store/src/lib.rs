//! The embedded metric store: scrapes sidecars, keeps two hours or 48 MB of samples, answers with edges' traffic.
//!
//! For a laptop, a test, a small mesh. Rates are Prometheus 3's. Columns go straight to edges; there is no query
//! language here. Time is an argument everywhere but in [`run_scraper`].

mod exposition;
mod labels;
mod metrics;
mod rate;
mod samples;
mod scrape;
mod scraper;
mod status;
mod target;
pub mod traces;
mod window;

pub use metrics::{MetricStore, Round, StoreSettings};
pub use scraper::{Target, run_scraper};
pub use status::{StoreStatus, TargetState, TargetStatus};
