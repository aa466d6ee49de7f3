//! Holding an object against the fields that its kind has.

use super::{Bound, Field, Schema, Shape};
use crate::{Node, Scalar};

/// Something in an object that its kind does not allow.
#[derive(Debug, Clone)]
pub struct Violation<'a> {
    /// The value at fault; for a missing field, what lacks it.
    pub node: Node<'a>,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What can be wrong with a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Wrong {
    /// There is no such field; these are there.
    Unknown(Vec<&'static str>),
    /// It is of another type than this one.
    Type(&'static str),
    /// It is none of these words.
    Word(Vec<&'static str>),
    /// It is beyond a bound, in words such as `at most 65535`.
    Bound(String),
    /// This field is missing.
    Missing(&'static str),
    /// One of these fields may be written, and this is a second one.
    Choice(Vec<&'static str>),
}

/// Violations of one object that are told.
const MOST: usize = 200;

impl Schema {
    /// What is wrong with an object, in order of the text.
    pub fn check<'a>(&self, root: Node<'a>) -> Vec<Violation<'a>> {
        let mut found = Vec::new();
        self.visit(&self.fields[0], root, &mut found);
        found
    }

    fn child(&self, field: &Field, name: &str) -> Option<&Field> {
        let mut children = field.children.iter().map(|&index| &self.fields[index]);
        children.find(|child| child.name == name)
    }

    fn visit<'a>(&self, field: &Field, node: Node<'a>, found: &mut Vec<Violation<'a>>) {
        if found.len() >= MOST {
            return;
        }
        let wrong = |wrong| Violation { node, wrong };
        if let Some(expected) = mismatch(field.shape, node) {
            found.push(wrong(Wrong::Type(expected)));
            return;
        }
        if !field.words.is_empty() && node.raw().is_some_and(|(text, _)| !field.words.contains(&text)) {
            found.push(wrong(Wrong::Word(field.words.clone())));
        }
        let beyond = field.bounds.iter().find_map(|&bound| beyond(bound, node));
        found.extend(beyond.map(|text| wrong(Wrong::Bound(text))));
        match field.shape {
            Shape::Object | Shape::OpenObject => self.visit_fields(field, node, found),
            Shape::Map => {
                if let Some(value) = self.child(field, "*") {
                    for (_, node) in node.entries() {
                        // Null in a map is no value of its own type.
                        self.visit(value, node, found);
                    }
                }
            }
            Shape::List => {
                if let Some(item) = self.child(field, "-") {
                    for node in node.items() {
                        self.visit(item, node, found);
                    }
                }
            }
            _ => (),
        }
    }

    fn visit_fields<'a>(&self, field: &Field, node: Node<'a>, found: &mut Vec<Violation<'a>>) {
        // A null field is as if it were not there: the API server drops it.
        let written = |name: &str| node.get(name).filter(|node| !node.is_null());
        for (name, value) in node.entries() {
            if found.len() >= MOST {
                return;
            }
            match self.child(field, name) {
                Some(child) if !value.is_null() => self.visit(child, value, found),
                Some(_) => (),
                // A mapping without known fields takes any.
                None if field.shape == Shape::OpenObject || field.children.is_empty() => (),
                None => {
                    let known = field.children.iter().map(|&index| self.fields[index].name);
                    found.push(Violation {
                        node: value,
                        wrong: Wrong::Unknown(known.collect()),
                    });
                }
            }
        }
        for &index in &field.children {
            let child = &self.fields[index];
            if child.required && written(child.name).is_none() {
                found.push(Violation {
                    node,
                    wrong: Wrong::Missing(child.name),
                });
            }
        }
        for choice in &field.choices {
            if let Some(second) = choice.iter().filter_map(|name| written(name)).nth(1) {
                found.push(Violation {
                    node: second,
                    wrong: Wrong::Choice(choice.clone()),
                });
            }
        }
    }
}

/// The type that is wanted, when a value is of another.
fn mismatch(shape: Shape, node: Node<'_>) -> Option<&'static str> {
    let scalar = node.scalar();
    let (fits, expected) = match shape {
        Shape::Object | Shape::OpenObject => (node.is_mapping(), "an object"),
        Shape::Map => (node.is_mapping(), "a map"),
        Shape::List => (node.is_sequence(), "a list"),
        Shape::Text => (matches!(scalar, Some(Scalar::Text(_))), "a string"),
        Shape::Int => {
            let whole = match scalar {
                Some(Scalar::Int(_)) => true,
                Some(Scalar::Float(value)) => value.fract() == 0.0,
                _ => false,
            };
            (whole, "a whole number")
        }
        Shape::Number => (
            matches!(scalar, Some(Scalar::Int(_) | Scalar::Float(_))),
            "a number",
        ),
        Shape::Bool => (matches!(scalar, Some(Scalar::Bool(_))), "true or false"),
        Shape::IntOrText => (
            matches!(scalar, Some(Scalar::Int(_) | Scalar::Text(_))),
            "a whole number or a string",
        ),
        Shape::Any => (true, ""),
    };
    (!fits).then_some(expected)
}

fn beyond(bound: Bound, node: Node<'_>) -> Option<String> {
    let number = node.as_f64();
    let length = || node.as_str().map(|text| text.chars().count());
    let many =
        || (node.is_sequence() || node.is_mapping()).then(|| node.items().count() + node.entries().count());
    let (holds, text) = match bound {
        Bound::Least(least) => (
            number.is_none_or(|number| number >= least),
            format!("at least {least}"),
        ),
        Bound::Most(most) => (
            number.is_none_or(|number| number <= most),
            format!("at most {most}"),
        ),
        Bound::Shortest(least) => (
            length().is_none_or(|length| length >= least),
            format!("at least {least} characters"),
        ),
        Bound::Longest(most) => (
            length().is_none_or(|length| length <= most),
            format!("at most {most} characters"),
        ),
        Bound::Fewest(least) => (
            many().is_none_or(|many| many >= least),
            format!("at least {least} items"),
        ),
        Bound::MostItems(most) => (
            many().is_none_or(|many| many <= most),
            format!("at most {most} items"),
        ),
    };
    (!holds).then_some(text)
}
