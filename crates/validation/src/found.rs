//! Where rules put what they find.

use vigla_config::{Node, Object};

use crate::{Finding, Place, Rule};

/// Findings of one rule about one object.
pub(crate) struct Found<'a> {
    rule: &'static Rule,
    object: &'a Object,
    findings: &'a mut Vec<Finding>,
    /// How many the list may hold.
    most: usize,
}

/// Findings of one rule about one object: with more, one of them tells enough.
const MOST: usize = 200;

impl<'a> Found<'a> {
    pub(crate) fn new(rule: &'static Rule, object: &'a Object, findings: &'a mut Vec<Finding>) -> Self {
        Self {
            rule,
            object,
            most: findings.len() + MOST,
            findings,
        }
    }

    /// A finding at a value.
    pub(crate) fn at(&mut self, node: Node<'_>, message: impl Into<String>) -> &mut Finding {
        self.add(Place::of(node), message.into())
    }

    /// A finding at a value's key.
    pub(crate) fn at_key(&mut self, node: Node<'_>, message: impl Into<String>) -> &mut Finding {
        self.add(Place::of_key(node), message.into())
    }

    /// A finding about a field that is missing: it stands at the key of what lacks it.
    pub(crate) fn missing(
        &mut self,
        parent: Node<'_>,
        field: &str,
        message: impl Into<String>,
    ) -> &mut Finding {
        let mut place = Place::of_key(parent);
        place.path = parent.path().field(field).to_string();
        self.add(place, message.into())
    }

    /// A finding about the object as a whole; it stands at its name.
    pub(crate) fn object(&mut self, message: impl Into<String>) -> &mut Finding {
        let root = self.object.root();
        let name = root.get("metadata").and_then(|metadata| metadata.get("name"));
        let mut place = Place::of(name.unwrap_or(root));
        place.path = String::new();
        self.add(place, message.into())
    }

    /// Whether more would not be told.
    pub(crate) fn is_full(&self) -> bool {
        self.findings.len() >= self.most
    }

    fn add(&mut self, place: Place, message: String) -> &mut Finding {
        if self.is_full() {
            self.findings.pop();
        }
        self.findings
            .push(Finding::new(self.rule, Some(self.object), place, message));
        self.findings.last_mut().expect("pushed above")
    }
}
