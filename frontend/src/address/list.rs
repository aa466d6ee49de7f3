//! What the addresses of lists, of the search for traces and of an object's text say.

use super::{
    query::Query,
    state::{Choice, Notice, ViewState},
};

/// State of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListState {
    /// Words that a row must have.
    pub(crate) search: String,
    /// Order of the rows.
    pub(crate) sort: Sort,
}

/// Order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Worst first, then by failed requests.
    Health,
    /// By name.
    Name,
    /// Most requests first.
    Rate,
    /// Largest failed share first.
    Failed,
    /// Slowest first.
    P95,
}

impl Choice for Sort {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Health, "health"),
        (Self::Name, "name"),
        (Self::Rate, "rate"),
        (Self::Failed, "failed"),
        (Self::P95, "p95"),
    ];
}

impl ViewState for ListState {
    fn from_query(query: &Query, notices: &mut Vec<Notice>) -> Self {
        Self {
            search: query.get("q").unwrap_or_default().to_owned(),
            sort: Sort::read(query, "sort", notices),
        }
    }

    fn to_query(&self, query: &mut Query) {
        query.set("q", (!self.search.is_empty()).then(|| self.search.clone()));
        self.sort.write(query, "sort");
    }
}

/// Conditions of the search for traces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TracesState {
    /// Service, as it calls itself in traces; empty for all.
    pub(crate) service: String,
    /// Name of a span; empty for all.
    pub(crate) operation: String,
    /// Least length, such as `200ms`; empty for none.
    pub(crate) min: String,
    /// Only traces with a span that failed.
    pub(crate) errors: bool,
}

impl ViewState for TracesState {
    fn from_query(query: &Query, _: &mut Vec<Notice>) -> Self {
        let text = |key| query.get(key).unwrap_or_default().to_owned();
        Self {
            service: text("service"),
            operation: text("operation"),
            min: text("min"),
            errors: query.get("error") == Some("true"),
        }
    }

    fn to_query(&self, query: &mut Query) {
        for (key, text) in [
            ("service", &self.service),
            ("operation", &self.operation),
            ("min", &self.min),
        ] {
            query.set(key, (!text.is_empty()).then(|| text.clone()));
        }
        query.set("error", self.errors.then(|| "true".to_owned()));
    }
}

/// State of an object's page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ObjectState {
    /// Line of the file to show.
    pub(crate) line: Option<u32>,
}

impl ViewState for ObjectState {
    fn from_query(query: &Query, notices: &mut Vec<Notice>) -> Self {
        let line = query
            .get("line")
            .map(|text| (text, text.parse().ok().filter(|line| *line > 0)));
        if let Some((text, None)) = line {
            notices.push(Notice {
                key: "line",
                value: text.to_owned(),
                used: "the whole text".to_owned(),
            });
        }
        Self {
            line: line.and_then(|(_, line)| line),
        }
    }

    fn to_query(&self, query: &mut Query) {
        query.set("line", self.line.map(|line| line.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lists_survive_the_address(search in ".{0,12}", sort in 0usize..5) {
            let state = ListState { search, sort: Sort::ALL[sort].0 };
            let mut query = Query::default();
            state.to_query(&mut query);
            prop_assert_eq!(ListState::from_query(&Query::parse(&query.to_string()), &mut Vec::new()), state);
        }

        #[test]
        fn searches_for_traces_survive_the_address(service in ".{0,9}", min in ".{0,5}", errors in any::<bool>()) {
            let state = TracesState { service, min, errors, ..TracesState::default() };
            let mut query = Query::default();
            state.to_query(&mut query);
            prop_assert_eq!(TracesState::from_query(&Query::parse(&query.to_string()), &mut Vec::new()), state);
        }

        #[test]
        fn lines_survive_the_address(line in prop::option::of(1u32..)) {
            let state = ObjectState { line };
            let mut query = Query::default();
            state.to_query(&mut query);
            prop_assert_eq!(ObjectState::from_query(&Query::parse(&query.to_string()), &mut Vec::new()), state);
        }
    }
}
