//! The last good answers of a source, for the time of its trouble.
//!
//! Whoever asks gets an answer within a second: what the source gives, or what it gave last to the same question, with
//! its age. A question goes on when nobody waits any more, so that whoever asks again has its answer.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use tokio::time::Instant;
use vigla_model::Timestamp;
use vigla_sources::{SourceError, outbound::SingleFlight};

use crate::{build::Degradation, cut::now, sources::SourceBoard};

/// A caller waits so long for the source.
const PATIENCE: Duration = Duration::from_millis(700);
/// An answer that took longer than [`PATIENCE`] is as good as new for this time: nobody could have had a newer one.
const SETTLED: Duration = Duration::from_secs(10);
/// Answers that nobody asks for again are forgotten.
const KEEP: Duration = Duration::from_secs(600);

/// How a question ended, for all that asked it at the same time.
type Landed<T> = Result<Arc<Good<T>>, SourceError>;

/// The last good answers to questions of one kind. Cheap to clone.
pub struct LastGood<T> {
    answers: Cache<String, Arc<Good<T>>>,
    flights: Arc<SingleFlight<String, Landed<T>>>,
}

impl<T> Clone for LastGood<T> {
    fn clone(&self) -> Self {
        Self {
            answers: self.answers.clone(),
            flights: self.flights.clone(),
        }
    }
}

/// An answer, and when it came.
pub struct Good<T> {
    /// The answer.
    pub answer: T,
    at: Timestamp,
    came: Instant,
    took: Duration,
}

/// What a caller gets.
pub struct Given<T> {
    /// The answer.
    pub good: Arc<Good<T>>,
    /// Why it is from before.
    pub degraded: Option<Degradation>,
}

impl<T: Send + Sync + 'static> LastGood<T> {
    /// Keeps up to `bytes` of answers, whose sizes `size` tells.
    pub fn new(bytes: u64, size: fn(&T) -> usize) -> Self {
        let answers = Cache::builder()
            .max_capacity(bytes)
            .weigher(move |question: &String, good: &Arc<Good<T>>| {
                u32::try_from(question.len() + size(&good.answer)).unwrap_or(u32::MAX)
            })
            .time_to_idle(KEEP)
            .build();
        Self {
            answers,
            flights: Arc::default(),
        }
    }

    /// Asks, and puts on the board under `name` how that went. `question` holds all that the answer depends on, who
    /// asks as well.
    ///
    /// # Errors
    /// When the source does not answer and has not answered this before.
    pub async fn ask<F>(
        &self,
        (board, name): (&SourceBoard, &'static str),
        source: &str,
        question: String,
        ask: F,
    ) -> Result<Given<T>, SourceError>
    where
        F: Future<Output = Result<T, SourceError>> + Send + 'static,
    {
        let before = self.answers.get(&question).await;
        if let Some(good) = before.as_ref().filter(|good| good.is_settled()) {
            return Ok(Given {
                good: good.clone(),
                degraded: None,
            });
        }
        let (kept, board) = (self.clone(), board.clone());
        let flight = tokio::spawn(async move {
            let key = question.clone();
            let asked = || async move {
                let started = Instant::now();
                let result = ask.await;
                board.note(name, now(), started.elapsed(), &result.as_ref().map(|_| ()));
                let good = Good {
                    answer: result?,
                    at: now(),
                    came: Instant::now(),
                    took: started.elapsed(),
                };
                let good = Arc::new(good);
                kept.answers.insert(key, good.clone()).await;
                Ok(good)
            };
            let flights = kept.flights.clone();
            flights.join(question, asked).await
        });
        let error = match tokio::time::timeout(PATIENCE, flight).await {
            Ok(Ok(Ok(good))) => return Ok(Given { good, degraded: None }),
            Ok(Ok(Err(error))) => error,
            Ok(Err(_)) | Err(_) => SourceError::Unavailable {
                source_name: source.to_owned(),
                reason: format!(
                    "its answer takes longer than {} s: ask again in a moment",
                    PATIENCE.as_secs_f64()
                ),
            },
        };
        let good = before.ok_or_else(|| error.clone())?;
        let degraded = Degradation {
            source: source.to_owned(),
            since: good.at,
            reason: error.to_string(),
        };
        Ok(Given {
            good,
            degraded: Some(degraded),
        })
    }
}

impl<T> Good<T> {
    fn is_settled(&self) -> bool {
        self.took > PATIENCE && self.came.elapsed() < SETTLED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> SourceError {
        SourceError::Unavailable {
            source_name: "Jaeger".into(),
            reason: "no connection".into(),
        }
    }

    async fn ask(
        kept: &LastGood<u32>,
        board: &SourceBoard,
        question: &str,
        answer: Result<u32, SourceError>,
        after: Duration,
    ) -> Result<(u32, Option<String>), String> {
        let asked = async move {
            tokio::time::sleep(after).await;
            answer
        };
        let given = kept
            .ask((board, "traces"), "Jaeger", question.into(), asked)
            .await;
        let given = given.map_err(|error| error.to_string())?;
        Ok((given.good.answer, given.degraded.map(|part| part.reason)))
    }

    #[tokio::test]
    async fn an_answer_stays_for_the_time_of_trouble_and_for_its_own_question() {
        let (kept, board) = (LastGood::new(1000, |_| 10), SourceBoard::default());
        let no = Duration::ZERO;
        assert_eq!(ask(&kept, &board, "a", Ok(1), no).await, Ok((1, None)));
        assert_eq!(ask(&kept, &board, "a", Ok(2), no).await, Ok((2, None)));
        let (answer, reason) = ask(&kept, &board, "a", Err(failed()), no).await.unwrap();
        assert_eq!(
            (answer, reason.as_deref()),
            (2, Some("Jaeger does not answer: no connection"))
        );
        assert!(ask(&kept, &board, "b", Err(failed()), no).await.is_err());
        assert_eq!(board.source("traces", "traces").state, "failing");
        assert_eq!(ask(&kept, &board, "a", Ok(3), no).await, Ok((3, None)));
        assert_eq!(board.source("traces", "traces").state, "ok");
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_a_second_and_whoever_asks_again_has_the_answer() {
        let (kept, board) = (LastGood::new(1000, |_| 10), SourceBoard::default());
        let slow = Duration::from_millis(1400);
        let started = Instant::now();
        let error = ask(&kept, &board, "a", Ok(1), slow).await.unwrap_err();
        assert!(
            started.elapsed() < Duration::from_secs(1) && error.contains("ask again"),
            "{error}"
        );
        // The same question while it is under way is the same flight.
        assert_eq!(ask(&kept, &board, "a", Err(failed()), slow).await, Ok((1, None)));
    }

    #[tokio::test]
    async fn what_is_kept_has_a_bound() {
        let (kept, board) = (LastGood::new(1000, |_| 90), SourceBoard::default());
        for number in 0..100 {
            ask(
                &kept,
                &board,
                &format!("question{number:02}"),
                Ok(number),
                Duration::ZERO,
            )
            .await
            .unwrap();
        }
        kept.answers.run_pending_tasks().await;
        assert!(kept.answers.entry_count() <= 10, "{}", kept.answers.entry_count());
    }
}
