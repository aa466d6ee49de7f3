//! What the address says about the map.

use std::fmt;

use super::{
    query::Query,
    state::{Choice, Notice, ViewState},
};

/// State of the traffic map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MapState {
    /// What nodes stand for.
    pub(crate) view: MapView,
    /// What edges are labelled with.
    pub(crate) label: EdgeLabel,
    /// Map or table.
    pub(crate) face: Face,
    /// The selected node or edge.
    pub(crate) selection: Option<Selection>,
    /// Where the reader looks; absent: the whole map.
    pub(crate) look: Option<Look>,
    /// What is left out of the drawing.
    pub(crate) hidden: Hidden,
    /// Expression of what is looked for; empty for nothing.
    pub(crate) find: String,
    /// Expression of what is left out of the map; empty for nothing.
    pub(crate) hide: String,
}

/// What nodes stand for, in the words of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapView {
    /// Workloads.
    Workload,
    /// Apps.
    App,
    /// Apps with their versions.
    Versioned,
    /// Services.
    Service,
}

impl Choice for MapView {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Workload, "workload"),
        (Self::App, "app"),
        (Self::Versioned, "versioned_app"),
        (Self::Service, "service"),
    ];
}

/// What an edge says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EdgeLabel {
    /// Requests, connections or bytes per second.
    Rate,
    /// 95th percentile of the latency.
    P95,
    /// Share of requests that failed.
    Errors,
    /// Share of what its caller sends.
    Share,
}

impl Choice for EdgeLabel {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Rate, "rate"),
        (Self::P95, "p95"),
        (Self::Errors, "err"),
        (Self::Share, "share"),
    ];
}

/// The two faces of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// The map in a wide window, the table in a narrow one.
    Fitting,
    /// The map.
    Map,
    /// Its table twin.
    Table,
}

impl Choice for Face {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Fitting, "fitting"),
        (Self::Map, "map"),
        (Self::Table, "table"),
    ];
}

/// A selected node or edge, by its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Selection {
    /// A node.
    Node(String),
    /// An edge.
    Edge(String),
}

impl Selection {
    fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        let id = (id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| id.to_owned())?;
        match kind {
            "node" => Some(Self::Node(id)),
            "edge" => Some(Self::Edge(id)),
            _ => None,
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "node:{id}"),
            Self::Edge(id) => write!(f, "edge:{id}"),
        }
    }
}

/// Where the reader looks: the point of the picture in the middle, and its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    /// Screen pixels for one pixel of the picture.
    pub(crate) zoom: f64,
    /// Point of the picture in the middle of the canvas.
    pub(crate) x: f64,
    /// Point of the picture in the middle of the canvas.
    pub(crate) y: f64,
}

impl Look {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text
            .split(',')
            .map(|part| part.parse::<f64>().ok().filter(|n| n.is_finite()));
        let look = Self {
            zoom: numbers.next()??,
            x: numbers.next()??,
            y: numbers.next()??,
        };
        (numbers.next().is_none() && look.zoom > 0.0).then_some(look)
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3},{:.0},{:.0}", self.zoom, self.x, self.y)
    }
}

/// What is left out of the drawing. The table always has all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// Locks of edges under mTLS.
    pub(crate) locks: bool,
    /// Badges of rules.
    pub(crate) badges: bool,
}

/// A field of [`Hidden`].
type Field = fn(&mut Hidden) -> &mut bool;

const HIDDEN: [(&str, Field); 2] = [
    ("locks", |hidden| &mut hidden.locks),
    ("badges", |hidden| &mut hidden.badges),
];

impl ViewState for MapState {
    fn from_query(query: &Query, notices: &mut Vec<Notice>) -> Self {
        let mut hidden = Hidden::default();
        if let Some(shown) = query.get("show") {
            for (name, field) in HIDDEN {
                *field(&mut hidden) = !shown.split(',').any(|shown| shown == name);
            }
        }
        let mut expression = |key| optional(query, key, expression, "nothing", notices).unwrap_or_default();
        let (find, hide) = (expression("find"), expression("hide"));
        Self {
            view: MapView::read(query, "view", notices),
            label: EdgeLabel::read(query, "label", notices),
            face: Face::read(query, "as", notices),
            selection: optional(query, "sel", Selection::parse, "no selection", notices),
            look: optional(query, "zoom", Look::parse, "the whole map", notices),
            hidden,
            find,
            hide,
        }
    }

    fn to_query(&self, query: &mut Query) {
        self.view.write(query, "view");
        self.label.write(query, "label");
        self.face.write(query, "as");
        query.set("sel", self.selection.as_ref().map(ToString::to_string));
        query.set("zoom", self.look.as_ref().map(ToString::to_string));
        let mut hidden = self.hidden;
        let shown: Vec<&str> = HIDDEN
            .iter()
            .filter(|(_, field)| !*field(&mut hidden))
            .map(|(name, _)| *name)
            .collect();
        let names = if shown.is_empty() {
            "none".to_owned()
        } else {
            shown.join(",")
        };
        query.set("show", (hidden != Hidden::default()).then_some(names));
        for (key, text) in [("find", &self.find), ("hide", &self.hide)] {
            query.set(key, (!text.is_empty()).then(|| text.clone()));
        }
    }
}

/// An expression that can be read.
fn expression(text: &str) -> Option<String> {
    vigla_graph::Find::parse(text).ok().map(|_| text.to_owned())
}

fn optional<T>(
    query: &Query,
    key: &'static str,
    parse: fn(&str) -> Option<T>,
    used: &str,
    notices: &mut Vec<Notice>,
) -> Option<T> {
    let text = query.get(key)?;
    let value = parse(text);
    if value.is_none() {
        notices.push(Notice {
            key,
            value: text.to_owned(),
            used: used.to_owned(),
        });
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_address_is_the_whole_map_of_workloads() {
        let mut notices = Vec::new();
        let state = MapState::from_query(&Query::parse("x=1"), &mut notices);
        assert_eq!(
            (state.view, state.selection, state.look),
            (MapView::Workload, None, None)
        );
        assert!(notices.is_empty());
    }

    #[test]
    fn nonsense_is_told_and_not_used() {
        let mut notices = Vec::new();
        let state = MapState::from_query(
            &Query::parse("sel=edge:zz&zoom=0,NaN,1&view=pods&find=nmae"),
            &mut notices,
        );
        assert_eq!(state, MapState::from_query(&Query::default(), &mut Vec::new()));
        assert_eq!(notices.len(), 4);
    }

    proptest! {
        #[test]
        fn the_map_survives_the_address(
            view in 0usize..4, label in 0usize..4, face in 0usize..3,
            selected in prop::option::of((any::<bool>(), any::<u64>())),
            look in prop::option::of((1u32..8000, -5000i32..5000, -5000i32..5000)),
            hidden in any::<(bool, bool)>(),
            find in prop::sample::select(vec!["", "error > 1 % and ns = bookinfo", "name = 'a&b'"]),
        ) {
            let state = MapState {
                view: MapView::ALL[view].0,
                label: EdgeLabel::ALL[label].0,
                face: Face::ALL[face].0,
                selection: selected.map(|(node, id)| {
                    if node { Selection::Node(format!("{id:016x}")) } else { Selection::Edge(format!("{id:016x}")) }
                }),
                look: look.map(|(zoom, x, y)| Look { zoom: f64::from(zoom) / 1000.0, x: f64::from(x), y: f64::from(y) }),
                hidden: Hidden { locks: hidden.0, badges: hidden.1 },
                find: find.to_owned(),
                hide: find.to_owned(),
            };
            let mut query = Query::parse("later=1");
            state.to_query(&mut query);
            let mut notices = Vec::new();
            prop_assert_eq!(MapState::from_query(&Query::parse(&query.to_string()), &mut notices), state);
            prop_assert!(notices.is_empty());
            prop_assert_eq!(query.get("later"), Some("1"));
        }
    }
}
