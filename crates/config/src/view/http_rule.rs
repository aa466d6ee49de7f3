//! One rule of a VirtualService's `http`: when it applies and where it sends.

use std::time::Duration;

use super::{
    CorsPolicy, DirectResponse, Fault, Headers, Percent, Redirect, Retries, Rewrite,
    part::{part, strings},
};
use crate::Node;

part!(
    /// One rule of `http`.
    HttpRule
);
part!(
    /// One entry of `match`: all that it asks for must hold.
    HttpMatch
);
part!(
    /// One entry of `route`.
    WeightedDestination
);
part!(
    /// A `destination`.
    Destination
);

impl<'a> HttpRule<'a> {
    /// Its name.
    pub fn name(self) -> Option<&'a str> {
        self.text("name")
    }

    /// Its conditions: one of them must hold; none means always.
    pub fn matches(self) -> impl Iterator<Item = HttpMatch<'a>> {
        self.field("match")
            .into_iter()
            .flat_map(Node::items)
            .map(HttpMatch)
    }

    /// Where requests go, by weight.
    pub fn routes(self) -> impl Iterator<Item = WeightedDestination<'a>> {
        let routes = self.field("route").into_iter().flat_map(Node::items);
        routes.map(WeightedDestination)
    }

    /// The answer that sends callers elsewhere.
    pub fn redirect(self) -> Option<Redirect<'a>> {
        self.field("redirect").map(Redirect::of)
    }

    /// Changes of path and authority.
    pub fn rewrite(self) -> Option<Rewrite<'a>> {
        self.field("rewrite").map(Rewrite::of)
    }

    /// The answer that the proxy gives itself.
    pub fn direct_response(self) -> Option<DirectResponse<'a>> {
        self.field("directResponse").map(DirectResponse::of)
    }

    /// Limit of the whole request; zero means none.
    pub fn timeout(self) -> Option<Duration> {
        self.field("timeout")?.as_duration()
    }

    /// Retries.
    pub fn retries(self) -> Option<Retries<'a>> {
        self.field("retries").map(Retries::of)
    }

    /// Faults.
    pub fn fault(self) -> Option<Fault<'a>> {
        self.field("fault").map(Fault::of)
    }

    /// Changes of headers.
    pub fn headers(self) -> Option<Headers<'a>> {
        self.field("headers").map(Headers::of)
    }

    /// Who gets copies of requests: `mirrors`, and the older `mirror` with its share beside it.
    pub fn mirrors(self) -> impl Iterator<Item = Mirror<'a>> {
        let old = self.field("mirror").map(|node| Mirror {
            node,
            destination: Destination(node),
            share: self.share_of_mirror(),
        });
        let new = self.field("mirrors").into_iter().flat_map(Node::items);
        let new = new.filter_map(|node| {
            Some(Mirror {
                node,
                destination: Destination(node.get("destination")?),
                share: share(node.get("percentage")),
            })
        });
        old.into_iter().chain(new)
    }

    fn share_of_mirror(self) -> Percent {
        let percentage = self.field("mirrorPercentage");
        match self.field("mirrorPercent").and_then(Node::as_f64) {
            Some(percent) if percentage.is_none() => Percent::of_hundred(percent),
            _ => share(percentage),
        }
    }

    /// What browsers are told.
    pub fn cors(self) -> Option<CorsPolicy<'a>> {
        self.field("corsPolicy").map(CorsPolicy::of)
    }

    /// The VirtualService that has the routes: namespace, when one is written, and name.
    pub fn delegate(self) -> Option<(Option<&'a str>, &'a str)> {
        let node = self.field("delegate")?;
        let text = |key: &str| node.get(key).and_then(Node::text);
        Some((text("namespace"), text("name")?))
    }
}

/// A `percentage`; all when none is written.
fn share(node: Option<Node<'_>>) -> Percent {
    let value = node.map(|node| node.get("value").and_then(Node::as_f64).unwrap_or(0.0));
    Percent::of_hundred(value.unwrap_or(100.0))
}

/// Who gets copies of requests.
#[derive(Debug, Clone, Copy)]
pub struct Mirror<'a> {
    node: Node<'a>,
    destination: Destination<'a>,
    share: Percent,
}

impl<'a> Mirror<'a> {
    /// The part of the text.
    pub fn node(self) -> Node<'a> {
        self.node
    }

    /// Where copies go.
    pub fn destination(self) -> Destination<'a> {
        self.destination
    }

    /// Of how many requests.
    pub fn share(self) -> Percent {
        self.share
    }
}

/// How a text is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringMatch<'a> {
    /// The whole text.
    Exact(&'a str),
    /// Its start.
    Prefix(&'a str),
    /// The whole text by regular expression (RE2).
    Regex(&'a str),
}

impl<'a> StringMatch<'a> {
    /// Reads `{exact: …}`, `{prefix: …}` or `{regex: …}`.
    pub fn of(node: Node<'a>) -> Option<Self> {
        // An empty text is one, as the empty prefix.
        let text = |key: &str| node.get(key).and_then(|node| Some(node.raw()?.0));
        text("exact")
            .map(Self::Exact)
            .or_else(|| text("prefix").map(Self::Prefix))
            .or_else(|| text("regex").map(Self::Regex))
    }
}

impl<'a> HttpMatch<'a> {
    /// Its name.
    pub fn name(self) -> Option<&'a str> {
        self.text("name")
    }

    /// A condition on `uri`, `method`, `scheme` or `authority`.
    pub fn string(self, key: &str) -> Option<StringMatch<'a>> {
        StringMatch::of(self.field(key)?)
    }

    /// Whether upper and lower case of the path are the same.
    pub fn ignore_uri_case(self) -> bool {
        self.field("ignoreUriCase")
            .and_then(Node::as_bool)
            .unwrap_or(false)
    }

    /// Conditions by name on `headers`, `withoutHeaders` or `queryParams`; `None`: it must be there.
    pub fn named(self, key: &str) -> impl Iterator<Item = (&'a str, Option<StringMatch<'a>>)> + use<'a> {
        let entries = self.field(key).into_iter().flat_map(Node::entries);
        entries.map(|(name, node)| (name, StringMatch::of(node)))
    }

    /// Names in the hello of TLS, for rules of `tls`.
    pub fn sni_hosts(self) -> impl Iterator<Item = &'a str> {
        strings(Some(self.0), "sniHosts").filter_map(Node::text)
    }

    /// The service's port.
    pub fn port(self) -> Option<u16> {
        self.field("port")?.as_port()
    }

    /// Labels of callers; empty for all.
    pub fn source_labels(self) -> vigla_model::Labels {
        self.field("sourceLabels")
            .map(Node::string_map)
            .unwrap_or_default()
    }

    /// Namespace of callers.
    pub fn source_namespace(self) -> Option<&'a str> {
        self.text("sourceNamespace")
    }

    /// Gateways for which the condition is; none means those of the VirtualService.
    pub fn gateways(self) -> impl Iterator<Item = &'a str> {
        strings(Some(self.0), "gateways").filter_map(Node::text)
    }
}

impl<'a> WeightedDestination<'a> {
    /// The destination.
    pub fn destination(self) -> Option<Destination<'a>> {
        self.field("destination").map(Destination)
    }

    /// The weight as written.
    pub fn weight(self) -> Option<u32> {
        self.field("weight")?
            .as_i64()
            .and_then(|weight| u32::try_from(weight).ok())
    }

    /// Changes of headers for this destination.
    pub fn headers(self) -> Option<Headers<'a>> {
        self.field("headers").map(Headers::of)
    }
}

impl<'a> Destination<'a> {
    /// Host as written.
    pub fn host(self) -> Option<&'a str> {
        self.text("host")
    }

    /// Subset as written.
    pub fn subset(self) -> Option<&'a str> {
        self.text("subset")
    }

    /// Port of the service.
    pub fn port(self) -> Option<u16> {
        self.field("port")?.get("number")?.as_port()
    }
}
