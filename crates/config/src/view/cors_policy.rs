//! `corsPolicy` of a VirtualService's rule.

use std::time::Duration;

use super::{
    StringMatch,
    part::{part, strings},
};
use crate::Node;

part!(
    /// A `corsPolicy`.
    CorsPolicy
);

impl<'a> CorsPolicy<'a> {
    /// Origins that are allowed: `allowOrigins`, and the older `allowOrigin`, whose texts are exact.
    pub fn allow_origins(self) -> impl Iterator<Item = StringMatch<'a>> {
        let new = self.field("allowOrigins").into_iter().flat_map(Node::items);
        let old = strings(Some(self.0), "allowOrigin").filter_map(Node::text);
        new.filter_map(StringMatch::of).chain(old.map(StringMatch::Exact))
    }

    /// A list such as `allowMethods`, `allowHeaders` or `exposeHeaders`.
    pub fn list(self, key: &str) -> impl Iterator<Item = &'a str> {
        strings(Some(self.0), key).filter_map(Node::text)
    }

    /// `maxAge`.
    pub fn max_age(self) -> Option<Duration> {
        self.field("maxAge")?.as_duration()
    }

    /// `allowCredentials`.
    pub fn allow_credentials(self) -> Option<bool> {
        self.field("allowCredentials")?.as_bool()
    }

    /// Whether questions of pages that are not allowed go on to the endpoints; they do unless it says `IGNORE`.
    pub fn forwards_unmatched(self) -> bool {
        self.text("unmatchedPreflights") != Some("IGNORE")
    }
}
