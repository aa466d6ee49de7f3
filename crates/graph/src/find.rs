//! Find and hide expressions over a view: `error > 1 % and (ns = bookinfo or source.ns = shop)`.
//!
//! Every expression of Kiali's grammar means the same here; beyond it there are parentheses, terms about nodes and
//! edges in one expression, both ends of an edge (`source.`, `target.`), shares and units.
//!
//! What an expression matches follows from its words. Words about nodes only: nodes. At least one word about edges:
//! edges, and then a word about nodes holds for an edge when it holds for one of its ends. Words about both only
//! (`failing`): both.

mod eval;
mod lex;
mod parse;
#[cfg(test)]
mod tests;
mod words;

use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
    sync::Arc,
};

use thiserror::Error;
use vigla_model::Namespace;

use crate::{Id, View, boxes};

pub use words::{About, FIND_WORDS, FindWord, Unit};

/// Longest expression in bytes: one that people can read is a tenth of it.
pub const MAX_FIND: usize = 1000;

/// An expression that can be asked of any view.
#[derive(Debug, Clone)]
pub struct Find {
    text: Arc<str>,
    expression: Arc<parse::Expression>,
    about: About,
}

impl PartialEq for Find {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Find {}

impl Hash for Find {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message} (character {})", .at + 1)]
pub struct FindError {
    /// Characters before the place.
    pub at: usize,
    /// What is wrong, and what is possible.
    pub message: String,
}

/// What an expression found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Nodes.
    pub nodes: BTreeSet<Id>,
    /// Edges.
    pub edges: BTreeSet<Id>,
}

impl Find {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none, with the place of the first character that does not fit.
    pub fn parse(text: &str) -> Result<Self, FindError> {
        parse::parse(text).map(|expression| Self {
            text: text.into(),
            about: expression.about(),
            expression: Arc::new(expression),
        })
    }

    /// What the expression looks for.
    pub fn about(&self) -> About {
        self.about
    }

    /// What it finds in a view. `asked` are the namespaces that the view was asked for (`None`: all); nodes outside
    /// of them are `outside`.
    pub fn find(&self, view: &View, asked: Option<&BTreeSet<Namespace>>) -> Found {
        eval::find(self, view, asked)
    }
}

impl View {
    /// The view without what was found: its nodes with all their edges, its edges, and nodes that lose their last
    /// edge by that. What stays keeps its numbers.
    #[must_use]
    pub fn hide(&self, found: &Found) -> Self {
        let mut view = self.clone();
        view.nodes.retain(|id, _| !found.nodes.contains(id));
        let (nodes, mut bereft) = (&view.nodes, BTreeSet::new());
        view.edges.retain(|id, edge| {
            let ends = nodes.contains_key(&edge.source) && nodes.contains_key(&edge.target);
            let stays = ends && !found.edges.contains(id);
            if !stays {
                bereft.extend([edge.source, edge.target]);
            }
            stays
        });
        for edge in view.edges.values() {
            bereft.remove(&edge.source);
            bereft.remove(&edge.target);
        }
        view.nodes.retain(|id, _| !bereft.contains(id));
        boxes::draw(&mut view);
        view
    }
}
