//! How the console's sources and tasks are: last success, last trouble, since when.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use vigla_api::{SourceStatus, TaskStatus, format_time};
use vigla_model::Timestamp;

use crate::cut::now;

/// Keeps what every source and task last did. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct SourceBoard {
    rows: Arc<Mutex<BTreeMap<&'static str, Row>>>,
}

#[derive(Debug, Default)]
struct Row {
    last_success: Option<Timestamp>,
    last_error: Option<(Timestamp, String)>,
    failing_since: Option<Timestamp>,
    latency: Option<Duration>,
}

impl Row {
    fn last_error(&self) -> Option<String> {
        self.last_error.as_ref().map(|(_, text)| text.clone())
    }

    fn last_error_at(&self) -> Option<String> {
        self.last_error.as_ref().map(|(at, _)| format_time(*at))
    }
}

impl SourceBoard {
    /// Notes one answer, or the lack of one.
    pub fn note<E: std::fmt::Display>(
        &self,
        name: &'static str,
        at: Timestamp,
        took: Duration,
        result: &Result<(), E>,
    ) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(name).or_default();
        row.latency = Some(took);
        match result {
            Ok(()) => {
                row.last_success = Some(at);
                row.failing_since = None;
            }
            Err(error) => {
                row.last_error = Some((at, error.to_string()));
                row.failing_since.get_or_insert(at);
            }
        }
    }

    /// A source as the status tells it.
    pub fn source(&self, name: &'static str, kind: &str) -> SourceStatus {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.get(name);
        let state = match row {
            Some(row) if row.failing_since.is_some() => "failing",
            Some(row) if row.last_success.is_some() => "ok",
            _ => "starting",
        };
        SourceStatus {
            name: name.into(),
            kind: kind.into(),
            state: state.into(),
            latency_ms: row
                .and_then(|row| row.latency)
                .map(|took| took.as_secs_f64() * 1000.0),
            age_seconds: row
                .and_then(|row| row.last_success)
                .map(|at| now().since(at).as_secs_f64()),
            last_error: row.and_then(Row::last_error),
            last_error_at: row.and_then(Row::last_error_at),
            failing_since: row.and_then(|row| row.failing_since).map(format_time),
            ..SourceStatus::default()
        }
    }

    /// A task as the status tells it.
    pub fn task(&self, name: &'static str) -> TaskStatus {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.get(name);
        TaskStatus {
            name: name.into(),
            last_success: row.and_then(|row| row.last_success).map(format_time),
            last_error: row.and_then(Row::last_error),
            last_error_at: row.and_then(Row::last_error_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_fails_from_its_first_error_until_its_next_answer() {
        let board = SourceBoard::default();
        assert_eq!(board.source("metrics", "metrics").state, "starting");
        board.note("metrics", Timestamp(1000), Duration::ZERO, &Err("refused"));
        board.note("metrics", Timestamp(2000), Duration::ZERO, &Err("refused"));
        let status = board.source("metrics", "metrics");
        assert_eq!(
            (status.state.as_str(), status.failing_since.as_deref()),
            ("failing", Some("1970-01-01T00:00:01Z"))
        );
        board.note("metrics", Timestamp(3000), Duration::ZERO, &Ok::<_, String>(()));
        assert_eq!(board.source("metrics", "metrics").state, "ok");
    }
}
