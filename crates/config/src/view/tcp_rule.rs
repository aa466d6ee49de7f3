//! One rule of a VirtualService's `tcp` or `tls`.

use super::{WeightedDestination, http_rule::HttpMatch, part::part};
use crate::Node;

part!(
    /// One rule of `tcp` or `tls`.
    TcpRule
);

impl<'a> TcpRule<'a> {
    /// Its conditions: one of them must hold; none means always. They have `port`, `gateways`, `sourceLabels` and
    /// `sourceNamespace` in common with those of HTTP, and `destinationSubnets` beside them.
    pub fn matches(self) -> impl Iterator<Item = HttpMatch<'a>> {
        self.field("match")
            .into_iter()
            .flat_map(Node::items)
            .map(HttpMatch::of)
    }

    /// Where connections go, by weight.
    pub fn routes(self) -> impl Iterator<Item = WeightedDestination<'a>> {
        let routes = self.field("route").into_iter().flat_map(Node::items);
        routes.map(WeightedDestination::of)
    }
}
