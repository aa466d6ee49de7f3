//! What the demo's applications saw themselves: the truth that counters of proxies are held against.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::{Demo, listening_addresses};

/// Answer of an application's `GET /counts`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppCounts {
    /// `NAMESPACE/WORKLOAD`.
    pub workload: String,
    /// Requests by who sent them: `NAMESPACE/WORKLOAD`, or `generator` for those that came by the gateway.
    pub received: BTreeMap<String, u64>,
}

/// The counts of all applications by workload, asked at their own addresses, past every proxy.
///
/// The applications are tasks of the demo's process, so their addresses are among those where it listens.
pub async fn read_counts(demo: &Demo) -> BTreeMap<String, AppCounts> {
    let mut all = BTreeMap::new();
    for address in listening_addresses(demo.id()) {
        if demo.address().ends_with(&address.to_string()) {
            continue;
        }
        let url = format!("http://{address}/counts");
        let Ok(answer) = demo.client.get(url).timeout(Duration::from_secs(2)).send().await else {
            continue;
        };
        let Ok(counts) = answer.json::<AppCounts>().await else {
            continue;
        };
        all.insert(counts.workload.clone(), counts);
    }
    all
}
