//! A question to the graph, and the part of a frame that answers it.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use vigla_api::{
    Degraded, GraphQuery,
    convert::{Include, UnknownInclude, found_body, write_delta, write_graph},
};
use vigla_graph::{BoxKind, Find, Grain, View, quotient};
use vigla_model::{Namespace, Scope, Timestamp, Window};

use crate::{caller::Caller, error::ApiError, live::Frame};

/// What is asked of the graph, checked: two questions that are equal have the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    scope: Scope,
    namespaces: Option<BTreeSet<Namespace>>,
    grain: Grain,
    /// `None`: the view's own boxes.
    boxes: Option<BTreeSet<BoxKind>>,
    /// Window over which traffic is counted.
    pub window: Window,
    include: Include,
    find: Option<Find>,
    hide: Option<Find>,
}

impl Question {
    /// Checks a query; the second value is its `at`.
    ///
    /// # Errors
    /// When a value cannot be used, or the caller may not read a namespace.
    pub fn parse(query: &GraphQuery, caller: &Caller) -> Result<(Self, Option<Timestamp>), ApiError> {
        let include = query.include.as_deref().unwrap_or_default().parse();
        let question = Self {
            scope: caller.scope().clone(),
            namespaces: caller.readable(query.namespaces.as_deref())?,
            grain: parse_grain(query.view.as_deref().unwrap_or("workload"))?,
            boxes: query.boxes.as_deref().map(parse_boxes).transpose()?,
            window: parse_window(query.window.as_deref())?,
            include: include.map_err(|error: UnknownInclude| ApiError::BadParameter(error.to_string()))?,
            find: parse_find("find", query.find.as_deref())?,
            hide: parse_find("hide", query.hide.as_deref())?,
        };
        Ok((question, query.at.as_deref().map(parse_time).transpose()?))
    }

    /// All workloads, idle ones too, as lists want them.
    pub fn of_list(caller: &Caller, grain: Grain, window: Window) -> Self {
        Self {
            scope: caller.scope().clone(),
            namespaces: None,
            grain,
            boxes: None,
            window,
            include: Include {
                idle: true,
                ..Include::default()
            },
            find: None,
            hide: None,
        }
    }

    /// The part of the frame that answers.
    pub fn cut(&self, frame: &Frame) -> View {
        let cut = frame.view.filter(&self.scope, self.namespaces.as_ref());
        let mut view = if self.grain == Grain::Finest {
            cut
        } else {
            quotient(&cut, self.grain)
        };
        if !self.include.idle {
            view = view.without_idle();
        }
        if let Some(hide) = &self.hide {
            view = view.hide(&hide.find(&view, self.namespaces.as_ref()));
        }
        if let Some(kinds) = &self.boxes {
            view.keep_boxes(kinds);
        }
        view
    }

    /// Whether something is looked for.
    pub fn finds(&self) -> bool {
        self.find.is_some()
    }

    /// The answer as a body.
    pub fn body(&self, view: &View, revision: &str, degraded: &[Degraded]) -> vigla_api::Graph {
        let found = self.find.as_ref();
        vigla_api::Graph {
            found: found.map(|find| found_body(&find.find(view, self.namespaces.as_ref()))),
            ..write_graph(view, revision, self.include, degraded.to_vec())
        }
    }

    /// The answer encoded.
    pub fn encode(&self, view: &View, revision: &str, degraded: &[Degraded]) -> Arc<str> {
        serde_json::to_string(&self.body(view, revision, degraded))
            .expect("bodies have text keys")
            .into()
    }

    /// The change from one answer to the next, encoded.
    pub fn encode_delta(
        &self,
        before: &View,
        after: &View,
        revisions: (&str, &str),
        degraded: &[Degraded],
    ) -> Arc<str> {
        let delta = vigla_graph::diff(before, after);
        let body = write_delta(&delta, revisions.1, revisions.0, self.include, degraded.to_vec());
        serde_json::to_string(&body)
            .expect("bodies have text keys")
            .into()
    }
}

fn parse_grain(text: &str) -> Result<Grain, ApiError> {
    match text {
        "finest" => Ok(Grain::Finest),
        "workload" => Ok(Grain::Workload),
        "app" => Ok(Grain::App),
        "versioned_app" => Ok(Grain::VersionedApp),
        "service" => Ok(Grain::Service),
        other => Err(ApiError::BadParameter(format!(
            "`view` takes finest, app, versioned_app, workload and service, not `{other}`"
        ))),
    }
}

fn parse_find(name: &str, text: Option<&str>) -> Result<Option<Find>, ApiError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let find = text.map(Find::parse).transpose();
    find.map_err(|error| ApiError::BadParameter(format!("`{name}`: {error}")))
}

fn parse_boxes(text: &str) -> Result<BTreeSet<BoxKind>, ApiError> {
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty() && *word != "none");
    words
        .map(|word| match word {
            "cluster" => Ok(BoxKind::Cluster),
            "namespace" => Ok(BoxKind::Namespace),
            "app" => Ok(BoxKind::App),
            other => Err(ApiError::BadParameter(format!(
                "`box` takes cluster, namespace, app and none, not `{other}`"
            ))),
        })
        .collect()
}

/// The window of a query; a minute when absent.
///
/// # Errors
/// When it is no Prometheus duration.
pub fn parse_window(text: Option<&str>) -> Result<Window, ApiError> {
    text.map_or(Ok(Window::MINUTE), |text| {
        text.parse()
            .map_err(|error| ApiError::BadParameter(format!("`window`: {error}")))
    })
}

/// A moment in RFC 3339.
///
/// # Errors
/// When it is none.
pub fn parse_time(text: &str) -> Result<Timestamp, ApiError> {
    vigla_api::parse_time(text)
        .ok_or_else(|| ApiError::BadParameter(format!("`{text}` is no time such as 2026-11-23T14:32:00Z")))
}

/// The time now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &GraphQuery) -> Result<(Question, Option<Timestamp>), String> {
        Question::parse(query, &Caller::all()).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_workloads_over_a_minute() {
        let (question, at) = check(&GraphQuery::default()).unwrap();
        assert_eq!(
            (question.grain, question.window, question.include.idle, at),
            (Grain::Workload, Window::MINUTE, false, None)
        );
    }

    #[test]
    fn a_wrong_value_is_named() {
        let with = |set: fn(&mut GraphQuery)| {
            let mut query = GraphQuery::default();
            set(&mut query);
            check(&query).unwrap_err()
        };
        assert!(with(|q| q.view = Some("pods".into())).contains("`pods`"));
        assert!(with(|q| q.window = Some("soon".into())).contains("`soon`"));
        assert!(with(|q| q.include = Some("idle,all".into())).contains("`all`"));
        assert!(with(|q| q.at = Some("yesterday".into())).contains("`yesterday`"));
        assert!(with(|q| q.boxes = Some("zone".into())).contains("`zone`"));
        assert!(with(|q| q.hide = Some("idle or".into())).contains("`hide`"));
    }
}
