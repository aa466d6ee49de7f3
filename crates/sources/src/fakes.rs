//! Sources that say what a test wants, and servers in all kinds of trouble (feature `fakes`).

mod server;

use std::sync::Mutex;

use async_trait::async_trait;
use vigla_graph::TrafficWindow;
use vigla_model::{Timestamp, Window};

use crate::{MetricSource, SourceError};
pub use server::{AnswerTo, Behaviour, FakeServer, Piece};

/// A metric source with one prepared answer, which a test may exchange.
#[derive(Debug)]
pub struct FixedMetrics {
    answer: Mutex<Result<TrafficWindow, SourceError>>,
}

impl FixedMetrics {
    /// Answers with this.
    pub fn new(answer: Result<TrafficWindow, SourceError>) -> Self {
        Self {
            answer: Mutex::new(answer),
        }
    }

    /// Answers with this from now on.
    pub fn set(&self, answer: Result<TrafficWindow, SourceError>) {
        *self.answer.lock().expect("no test panics while it answers") = answer;
    }
}

#[async_trait]
impl MetricSource for FixedMetrics {
    fn name(&self) -> &str {
        "prepared metrics"
    }

    async fn traffic(&self, _: Window, _: Option<Timestamp>) -> Result<TrafficWindow, SourceError> {
        self.answer
            .lock()
            .expect("no test panics while it answers")
            .clone()
    }
}
