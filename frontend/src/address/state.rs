//! What a page's address says, as a value: defaults are left out, keys of others are kept.

use std::fmt;

use super::query::Query;

/// State that lives in the address.
pub(crate) trait ViewState: Sized + Clone + PartialEq + Send + Sync + 'static {
    /// Reads its own keys. A wrong value falls back to its default and is told in a notice.
    fn from_query(query: &Query, notices: &mut Vec<Notice>) -> Self;
    /// Writes its own keys and leaves all others; a default is left out.
    fn to_query(&self, query: &mut Query);
}

/// A value of the address that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Key in the address.
    pub(crate) key: &'static str,
    /// Value in the address.
    pub(crate) value: String,
    /// What is used instead.
    pub(crate) used: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "The address says {}={}, which is not a value that this page knows. It shows {} instead.",
            self.key, self.value, self.used
        )
    }
}

/// One of a few values with names in the address.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    /// Values with their names in the address; the first is the default.
    const ALL: &'static [(Self, &'static str)];

    /// Name in the address.
    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(value, _)| *value == self)
            .map_or("", |(_, name)| name)
    }

    /// Reads the key.
    fn read(query: &Query, key: &'static str, notices: &mut Vec<Notice>) -> Self {
        let default = Self::ALL[0];
        let Some(text) = query.get(key) else {
            return default.0;
        };
        match Self::ALL.iter().find(|(_, name)| *name == text) {
            Some((value, _)) => *value,
            None => {
                notices.push(Notice {
                    key,
                    value: text.to_owned(),
                    used: default.1.to_owned(),
                });
                default.0
            }
        }
    }

    /// Writes the key, or leaves it out for the default.
    fn write(self, query: &mut Query, key: &str) {
        let value = (self != Self::ALL[0].0).then(|| self.name().to_owned());
        query.set(key, value);
    }
}
