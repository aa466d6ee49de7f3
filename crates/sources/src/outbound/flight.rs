//! Equal questions at the same time are asked once.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};

/// Flights by question. A flight that nobody waits for any more is cancelled.
#[derive(Debug)]
pub struct SingleFlight<K, V: Clone> {
    flights: Arc<Mutex<HashMap<K, WeakShared<BoxFuture<'static, V>>>>>,
}

impl<K, V: Clone> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self {
            flights: Arc::default(),
        }
    }
}

impl<K: Eq + Hash, V: Clone> SingleFlight<K, V> {
    /// Waits for the flight of this question that is under way, or for a new one that `start` makes.
    pub async fn join<F>(&self, question: K, start: impl FnOnce() -> F) -> V
    where
        F: Future<Output = V> + Send + 'static,
    {
        self.enter(question, start).await
    }

    fn enter<F>(&self, question: K, start: impl FnOnce() -> F) -> Shared<BoxFuture<'static, V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // `peek` tells those that have landed: their answer is of the past.
        flights.retain(|_, flight| flight.upgrade().is_some_and(|flight| flight.peek().is_none()));
        if let Some(flight) = flights.get(&question).and_then(WeakShared::upgrade) {
            return flight;
        }
        let flight = start().boxed().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(question, weak);
        }
        flight
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        time::Duration,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn equal_questions_share_a_flight_and_later_ones_ask_again() {
        let flights = SingleFlight::<&str, usize>::default();
        let count = Arc::new(AtomicUsize::new(0));
        let ask = || {
            let count = count.clone();
            async move {
                let number = count.fetch_add(1, Relaxed);
                tokio::time::sleep(Duration::from_secs(1)).await;
                number
            }
        };
        let (a, b, c) = tokio::join!(
            flights.join("x", ask),
            flights.join("x", ask),
            flights.join("y", ask)
        );
        assert_eq!((a, b, c), (0, 0, 1));
        assert_eq!(flights.join("x", ask).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_that_nobody_waits_for_is_cancelled() {
        let flights = SingleFlight::<(), ()>::default();
        let alive = Arc::new(());
        let held = alive.clone();
        let waiting = flights.join((), || async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        assert!(
            tokio::time::timeout(Duration::from_secs(1), waiting)
                .await
                .is_err()
        );
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
