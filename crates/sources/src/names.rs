//! Names in memory once, however many labels say them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use vigla_model::Principal;

/// Gives out names so that equal ones share their memory: a mesh's labels are few names, each many times.
///
/// Keeps every name that it gave out; whoever has it drops it with what they are for.
#[derive(Debug, Default)]
pub struct Names {
    texts: HashSet<Arc<str>>,
    /// `None`: no SPIFFE id of a service account.
    principals: HashMap<Box<str>, Option<Principal>>,
}

impl Names {
    /// The name.
    pub fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        self.texts.insert(new.clone());
        new
    }

    /// The SPIFFE id; `None` when the text is none.
    pub fn principal(&mut self, text: &str) -> Option<Principal> {
        if let Some(known) = self.principals.get(text) {
            return known.clone();
        }
        let principal = Principal::parse(text).ok();
        self.principals.insert(text.into(), principal.clone());
        principal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_share_their_memory() {
        let mut names = Names::default();
        let first = names.text("reviews");
        assert!(Arc::ptr_eq(&first, &names.text("reviews")));
        assert!(!Arc::ptr_eq(&first, &names.text("ratings")));
        let id = "spiffe://cluster.local/ns/bookinfo/sa/reviews";
        assert_eq!(names.principal(id), names.principal(id));
        assert_eq!(names.principal(id).unwrap().to_string(), id);
        assert_eq!(names.principal("reviews"), None);
    }
}
