//! Waiting for what happens in other processes, with a deadline and a word for what did not come.

use std::time::{Duration, Instant};

/// Between two looks: short against everything that is waited for.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks until there is something; panics with what was waited for and the last word of `look`.
pub async fn until_some<T>(
    what: &str,
    deadline: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let started = Instant::now();
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(last) => {
                assert!(
                    started.elapsed() < deadline,
                    "no {what} within {deadline:?}; last seen: {last}"
                );
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Looks until it is so.
pub async fn until(what: &str, deadline: Duration, mut look: impl AsyncFnMut() -> bool) {
    until_some(what, deadline, async || {
        look().await.then_some(()).ok_or_else(String::new)
    })
    .await;
}
