//! Parts of objects as types of their own.

use crate::Node;

/// The items of a list of strings, with their places.
pub(super) fn strings<'a>(parent: Option<Node<'a>>, key: &str) -> impl Iterator<Item = Node<'a>> + use<'a> {
    parent
        .and_then(|parent| parent.get(key))
        .into_iter()
        .flat_map(Node::items)
        .filter(|node| node.text().is_some())
}

/// A part of the text with a name for its meaning.
macro_rules! part {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name<'a>(Node<'a>);

        impl<'a> $name<'a> {
            /// Reads a part of the text, whatever it holds.
            pub fn of(node: Node<'a>) -> Self {
                Self(node)
            }

            /// The part of the text.
            pub fn node(self) -> Node<'a> {
                self.0
            }

            /// A field that has no method of its own.
            pub fn field(self, key: &str) -> Option<Node<'a>> {
                self.0.get(key).filter(|node| !node.is_null())
            }

            #[allow(dead_code, reason = "not every part has a text field")]
            fn text(self, key: &str) -> Option<&'a str> {
                self.field(key)?.text()
            }
        }
    };
}

pub(super) use part;
