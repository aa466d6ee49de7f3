//! VirtualService: how requests to hosts are routed.

use std::{fmt, time::Duration};

use vigla_model::{Namespace, Origin};

use super::{NETWORKING, export_to, is_kind, strings};
use crate::{Node, Object};

/// A VirtualService.
#[derive(Clone, Copy)]
pub struct VirtualService<'a> {
    object: &'a Object,
}

impl<'a> VirtualService<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        is_kind(object, NETWORKING, "VirtualService").then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// Its namespace: short hosts are resolved in it.
    pub fn namespace(self) -> &'a Namespace {
        self.object.namespace()
    }

    /// One of its fields as the origin of something.
    pub fn origin(self, node: Node<'_>) -> Origin {
        self.object.origin_of(node)
    }

    /// Hosts as written: names, or with `*` in front.
    pub fn hosts(self) -> impl Iterator<Item = Node<'a>> {
        strings(self.object.spec(), "hosts")
    }

    /// Gateways as written (`name`, `namespace/name` or `mesh`); none means `mesh`.
    pub fn gateways(self) -> impl Iterator<Item = Node<'a>> {
        strings(self.object.spec(), "gateways")
    }

    /// Namespaces that see it, such as `.` or `*`; none means all.
    pub fn export_to(self) -> impl Iterator<Item = &'a str> {
        export_to(self.object)
    }

    /// HTTP rules in order.
    pub fn http(self) -> impl Iterator<Item = HttpRule<'a>> {
        let rules = self.object.spec().and_then(|spec| spec.get("http"));
        rules.into_iter().flat_map(Node::items).map(HttpRule)
    }

    /// Every destination that it names, in rules of all protocols and their mirrors.
    pub fn destinations(self) -> impl Iterator<Item = Destination<'a>> {
        let list = |rule: Node<'a>, key: &str| rule.get(key).into_iter().flat_map(Node::items);
        ["http", "tls", "tcp"]
            .into_iter()
            .filter_map(move |protocol| self.object.spec()?.get(protocol))
            .flat_map(Node::items)
            .flat_map(move |rule| {
                list(rule, "route")
                    .chain(list(rule, "mirrors"))
                    .filter_map(|route| route.get("destination"))
                    .chain(rule.get("mirror"))
                    .map(Destination)
            })
    }

    /// Whether it holds for sidecars, and not only for gateways.
    pub fn is_for_mesh(self) -> bool {
        let mut gateways = self.gateways().peekable();
        gateways.peek().is_none() || gateways.any(|gateway| gateway.text() == Some("mesh"))
    }

    /// Whether it names this gateway.
    pub fn is_for_gateway(self, namespace: &str, name: &str) -> bool {
        self.gateways()
            .filter_map(Node::text)
            .any(|written| names_gateway(written, self.namespace().as_str(), namespace, name))
    }
}

impl fmt::Debug for VirtualService<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}

/// Whether `name`, `namespace/name` or `./name`, written in an object of namespace `home`, names a gateway.
pub(crate) fn names_gateway(written: &str, home: &str, namespace: &str, name: &str) -> bool {
    let (written_namespace, written_name) = written.split_once('/').unwrap_or((home, written));
    let written_namespace = if written_namespace == "." {
        home
    } else {
        written_namespace
    };
    written != "mesh" && written_name == name && written_namespace == namespace
}

macro_rules! part {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name<'a>(Node<'a>);

        impl<'a> $name<'a> {
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
part!(
    /// `redirect`.
    Redirect
);
part!(
    /// `rewrite`.
    Rewrite
);
part!(
    /// `retries`.
    Retries
);
part!(
    /// `fault`.
    Fault
);
part!(
    /// `headers`.
    Headers
);
part!(
    /// `headers.request` or `headers.response`.
    HeaderOperations
);
part!(
    /// `directResponse`.
    DirectResponse
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
        self.field("redirect").map(Redirect)
    }

    /// Changes of path and authority.
    pub fn rewrite(self) -> Option<Rewrite<'a>> {
        self.field("rewrite").map(Rewrite)
    }

    /// The answer that the proxy gives itself.
    pub fn direct_response(self) -> Option<DirectResponse<'a>> {
        self.field("directResponse").map(DirectResponse)
    }

    /// Limit of the whole request; zero means none.
    pub fn timeout(self) -> Option<Duration> {
        self.field("timeout")?.as_duration()
    }

    /// Retries.
    pub fn retries(self) -> Option<Retries<'a>> {
        self.field("retries").map(Retries)
    }

    /// Faults.
    pub fn fault(self) -> Option<Fault<'a>> {
        self.field("fault").map(Fault)
    }

    /// Changes of headers.
    pub fn headers(self) -> Option<Headers<'a>> {
        self.field("headers").map(Headers)
    }

    /// The VirtualService that has the routes: namespace, when one is written, and name.
    pub fn delegate(self) -> Option<(Option<&'a str>, &'a str)> {
        let node = self.field("delegate")?;
        let text = |key: &str| node.get(key).and_then(Node::text);
        Some((text("namespace"), text("name")?))
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
        self.field("headers").map(Headers)
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

impl<'a> Redirect<'a> {
    /// New path; the text stands for the whole path.
    pub fn uri(self) -> Option<&'a str> {
        self.text("uri")
    }

    /// New host.
    pub fn authority(self) -> Option<&'a str> {
        self.text("authority")
    }

    /// New scheme.
    pub fn scheme(self) -> Option<&'a str> {
        self.text("scheme")
    }

    /// New port.
    pub fn port(self) -> Option<u16> {
        self.field("port")?.as_port()
    }

    /// `derivePort`: `FROM_PROTOCOL_DEFAULT` or `FROM_REQUEST_PORT`.
    pub fn derive_port(self) -> Option<&'a str> {
        self.text("derivePort")
    }

    /// Status; 301 when none is written.
    pub fn code(self) -> u16 {
        let code = self.field("redirectCode").and_then(Node::as_i64);
        code.and_then(|code| u16::try_from(code).ok()).unwrap_or(301)
    }
}

/// `rewrite.uriRegexRewrite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewriteRegex<'a> {
    /// What is replaced.
    pub pattern: &'a str,
    /// By what; groups as `\1`.
    pub substitution: &'a str,
}

impl<'a> Rewrite<'a> {
    /// New path, in place of what the match took.
    pub fn uri(self) -> Option<&'a str> {
        self.text("uri")
    }

    /// New authority.
    pub fn authority(self) -> Option<&'a str> {
        self.text("authority")
    }

    /// Change of the path by regular expression.
    pub fn regex(self) -> Option<RewriteRegex<'a>> {
        let node = self.field("uriRegexRewrite")?;
        Some(RewriteRegex {
            pattern: node.get("match")?.text()?,
            substitution: node.get("rewrite").and_then(Node::text).unwrap_or(""),
        })
    }
}

impl<'a> DirectResponse<'a> {
    /// Status.
    pub fn status(self) -> Option<u16> {
        self.field("status")?
            .as_i64()
            .and_then(|status| u16::try_from(status).ok())
    }

    /// Body, when it is text.
    pub fn body(self) -> Option<&'a str> {
        self.field("body")?.get("string")?.text()
    }
}

impl<'a> Retries<'a> {
    /// Tries after the first; `None` when it is not written.
    pub fn attempts(self) -> Option<u32> {
        self.field("attempts")?
            .as_i64()
            .and_then(|number| u32::try_from(number).ok())
    }

    /// Limit of one try.
    pub fn per_try_timeout(self) -> Option<Duration> {
        self.field("perTryTimeout")?.as_duration()
    }

    /// Conditions, separated by commas.
    pub fn retry_on(self) -> Option<&'a str> {
        self.text("retryOn")
    }
}

/// A share as Istio writes it: `percentage.value` from 0 to 100, or the older `percent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent {
    /// Millionths.
    pub millionths: u32,
}

impl Percent {
    /// The share in a part of a fault; all (100 %) when none is written.
    fn of(node: Node<'_>) -> Self {
        let value = match node.get("percentage") {
            Some(percentage) => percentage.get("value").and_then(Node::as_f64).unwrap_or(0.0),
            None => node.get("percent").and_then(Node::as_f64).unwrap_or(100.0),
        };
        Self {
            millionths: (value.clamp(0.0, 100.0) * 10_000.0).round() as u32,
        }
    }
}

/// `fault.delay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultDelay {
    /// How many requests.
    pub share: Percent,
    /// How long.
    pub delay: Duration,
}

/// `fault.abort`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultAbort {
    /// How many requests.
    pub share: Percent,
    /// HTTP status.
    pub status: u16,
}

impl Fault<'_> {
    /// Delay of requests.
    pub fn delay(self) -> Option<FaultDelay> {
        let node = self.field("delay")?;
        Some(FaultDelay {
            share: Percent::of(node),
            delay: node.get("fixedDelay")?.as_duration()?,
        })
    }

    /// Requests that are refused.
    pub fn abort(self) -> Option<FaultAbort> {
        let node = self.field("abort")?;
        Some(FaultAbort {
            share: Percent::of(node),
            status: node
                .get("httpStatus")?
                .as_i64()
                .and_then(|status| u16::try_from(status).ok())?,
        })
    }
}

impl<'a> Headers<'a> {
    /// Changes of the request.
    pub fn request(self) -> Option<HeaderOperations<'a>> {
        self.field("request").map(HeaderOperations)
    }

    /// Changes of the response.
    pub fn response(self) -> Option<HeaderOperations<'a>> {
        self.field("response").map(HeaderOperations)
    }
}

impl<'a> HeaderOperations<'a> {
    /// Names and values that replace what is there.
    pub fn set(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs("set")
    }

    /// Names and values that are added.
    pub fn add(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs("add")
    }

    /// Names that are removed.
    pub fn remove(self) -> impl Iterator<Item = &'a str> {
        strings(Some(self.0), "remove").filter_map(Node::text)
    }

    fn pairs(self, key: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let entries = self.field(key).into_iter().flat_map(Node::entries);
        entries.filter_map(|(name, node)| Some((name, node.raw()?.0)))
    }
}
