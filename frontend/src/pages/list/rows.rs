//! Rows of a list: what they say, which are shown and in which order.

use std::cmp::Ordering;

use vigla_api::ObjectItem;

use crate::{
    address::{ListState, Sort},
    words::{State, number},
};

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Namespace.
    pub(super) namespace: String,
    /// Name.
    pub(super) name: String,
    /// App and version, for workloads.
    pub(super) version: String,
    /// State.
    pub(super) state: State,
    /// Which thresholds decided.
    pub(super) why: String,
    /// Requests that came in per second.
    pub(super) rate: Option<f64>,
    /// Share of them that failed.
    pub(super) failed: Option<f64>,
    /// Median.
    pub(super) p50: String,
    /// 95th percentile in milliseconds.
    pub(super) p95: Option<f64>,
    /// 99th percentile.
    pub(super) p99: String,
    /// Rate that went out.
    pub(super) out: String,
    bytes: Option<f64>,
}

impl Row {
    fn of(item: &ObjectItem) -> Self {
        let inbound = item.inbound.as_ref();
        let latency = inbound.and_then(|traffic| traffic.latency.as_ref());
        let rate = |traffic: &vigla_api::Traffic| traffic.requests_per_second;
        let words = [item.app.as_deref(), item.version.as_deref()];
        Self {
            namespace: item.namespace.clone(),
            name: item.name.clone(),
            version: words.into_iter().flatten().collect::<Vec<_>>().join(" "),
            state: State::of(&item.health),
            why: item.health.why.join(" "),
            rate: inbound.and_then(rate),
            failed: inbound.and_then(|traffic| traffic.error_share),
            p50: number::or_dash(latency.and_then(|latency| latency.p50_ms).map(number::millis)),
            p95: latency.and_then(|latency| latency.p95_ms),
            p99: number::or_dash(latency.and_then(|latency| latency.p99_ms).map(number::millis)),
            out: number::or_dash(item.outbound.as_ref().and_then(rate).map(number::rate)),
            bytes: inbound
                .and_then(|traffic| traffic.bytes_per_second)
                .map(|bytes| bytes.sent + bytes.received),
        }
    }

    /// Requests per second; for TCP, bytes.
    pub(super) fn rate_words(&self) -> String {
        let words = self
            .rate
            .map(number::rate)
            .or_else(|| self.bytes.map(number::bytes_rate));
        number::or_dash(words)
    }

    /// Failed share.
    pub(super) fn failed_words(&self) -> String {
        number::or_dash(self.failed.map(number::share))
    }

    /// 95th percentile.
    pub(super) fn p95_words(&self) -> String {
        number::or_dash(self.p95.map(number::millis))
    }

    /// Class of the cell of the failed share: coloured only where there is a failure and a state that says so.
    pub(super) fn failed_class(&self) -> &'static str {
        match self.state {
            State::Failing if self.failed.is_some_and(|share| share > 0.0) => "r num err",
            State::Degraded if self.failed.is_some_and(|share| share > 0.0) => "r num warn",
            _ => "r num",
        }
    }

    fn holds(&self, words: &[String]) -> bool {
        let text = format!("{} {} {}", self.namespace, self.name, self.version).to_ascii_lowercase();
        words.iter().all(|word| text.contains(word))
    }
}

/// The rows that have all words, in the wanted order. Ties go by name, so that rows do not jump.
pub(super) fn arrange(items: &[ObjectItem], state: &ListState) -> Vec<Row> {
    let words: Vec<String> = state
        .search
        .to_ascii_lowercase()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let mut rows: Vec<Row> = items
        .iter()
        .map(Row::of)
        .filter(|row| row.holds(&words))
        .collect();
    let harm = |row: &Row| row.rate.unwrap_or(0.0) * row.failed.unwrap_or(0.0);
    rows.sort_by(|a, b| {
        let order = match state.sort {
            Sort::Health => urgency(a.state)
                .cmp(&urgency(b.state))
                .then_with(|| down(Some(harm(a)), Some(harm(b)))),
            Sort::Name => Ordering::Equal,
            Sort::Rate => down(a.rate, b.rate),
            Sort::Failed => down(a.failed, b.failed),
            Sort::P95 => down(a.p95, b.p95),
        };
        order.then_with(|| (&a.name, &a.namespace).cmp(&(&b.name, &b.namespace)))
    });
    rows
}

/// What needs a person first; what is without traffic last.
fn urgency(state: State) -> u8 {
    match state {
        State::Failing => 0,
        State::Degraded => 1,
        State::Unknown => 2,
        State::Ok => 3,
        State::NoTraffic => 4,
    }
}

/// Large first; what was not measured last.
fn down(a: Option<f64>, b: Option<f64>) -> Ordering {
    b.unwrap_or(f64::NEG_INFINITY)
        .total_cmp(&a.unwrap_or(f64::NEG_INFINITY))
}

/// `6 services in 2 namespaces · 1 failing, 1 without traffic`.
pub(super) fn summary(items: &[ObjectItem], one: &str) -> String {
    let namespaces: std::collections::BTreeSet<&str> =
        items.iter().map(|item| item.namespace.as_str()).collect();
    let states = [
        (State::Failing, "failing"),
        (State::Degraded, "degraded"),
        (State::Unknown, "unknown"),
        (State::NoTraffic, "without traffic"),
    ];
    let parts: Vec<String> = states
        .into_iter()
        .map(|(state, word)| {
            (
                items
                    .iter()
                    .filter(|item| State::of(&item.health) == state)
                    .count(),
                word,
            )
        })
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let all = format!(
        "{} in {}",
        number::counted(items.len(), one),
        number::counted(namespaces.len(), "namespace")
    );
    let states = if parts.is_empty() {
        "all healthy".to_owned()
    } else {
        parts.join(", ")
    };
    if items.is_empty() {
        all
    } else {
        format!("{all} · {states}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigla_api::{Health, Traffic};

    fn item(name: &str, state: &str, rate: Option<f64>, failed: Option<f64>) -> ObjectItem {
        ObjectItem {
            namespace: "bookinfo".into(),
            name: name.into(),
            health: Health {
                state: state.into(),
                why: vec![],
            },
            inbound: rate.map(|rate| Traffic {
                requests_per_second: Some(rate),
                error_share: failed,
                ..Traffic::default()
            }),
            ..ObjectItem::default()
        }
    }

    fn names(items: &[ObjectItem], search: &str, sort: Sort) -> Vec<String> {
        let state = ListState {
            search: search.into(),
            sort,
        };
        arrange(items, &state).into_iter().map(|row| row.name).collect()
    }

    #[test]
    fn what_harms_most_comes_first_and_the_quiet_last() {
        let items = [
            item("quiet", "no_traffic", None, None),
            item("well", "ok", Some(500.0), Some(0.0)),
            item("small", "failing", Some(1.0), Some(1.0)),
            item("large", "failing", Some(48.0), Some(0.1)),
        ];
        assert_eq!(
            names(&items, "", Sort::Health),
            ["large", "small", "well", "quiet"]
        );
        assert_eq!(names(&items, "", Sort::Rate), ["well", "large", "small", "quiet"]);
        assert_eq!(names(&items, "", Sort::Name), ["large", "quiet", "small", "well"]);
        assert_eq!(names(&items, "BOOK all", Sort::Name), ["small"]);
        assert_eq!(
            summary(&items, "service"),
            "4 services in 1 namespace · 2 failing, 1 without traffic"
        );
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_not_zero() {
        let row = Row::of(&item("quiet", "no_traffic", None, None));
        assert_eq!(
            (
                row.rate_words().as_str(),
                row.failed_words().as_str(),
                row.p95_words().as_str()
            ),
            ("–", "–", "–")
        );
    }
}
