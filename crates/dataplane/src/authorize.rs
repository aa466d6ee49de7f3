//! Whether a call is allowed, and by which rule: Istio's order, Envoy's words.

use std::{borrow::Cow, net::IpAddr};

use crate::{Authorization, AuthorizationRule, Condition, RequestHead, RequestHeaders, TextMatch, Wanted};

/// What is known of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionFacts<'a> {
    /// SPIFFE id (with `spiffe://`) of the certificate that the caller has shown and that was checked.
    pub principal: Option<&'a str>,
    /// Address of the other end.
    pub source: IpAddr,
    /// Address of the original caller, see [`Wanted::RemoteIp`].
    pub remote: IpAddr,
    /// Port on which the listener took the connection.
    pub port: u16,
    /// Name in the TLS hello.
    pub server_name: Option<&'a str>,
}

/// Whether a call goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict<'p> {
    /// It does, by this rule; `None`: no policy allows, so nothing had to.
    Allowed(Option<&'p AuthorizationRule>),
    /// It does not: by this rule of a DENY policy, or because no rule of the ALLOW policies matches (`None`).
    Denied(Option<&'p AuthorizationRule>),
}

impl Verdict<'_> {
    /// Whether the call goes on.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Envoy's details of a refused call: `rbac_access_denied_matched_policy[ns[x]-policy[y]-rule[0]]`; `None` for one
    /// that goes on.
    pub fn details(&self) -> Option<String> {
        let Self::Denied(rule) = self else {
            return None;
        };
        let name = rule.map_or("none", |rule| &rule.name);
        Some(format!("rbac_access_denied_matched_policy[{name}]"))
    }
}

/// Body of the answer to a refused request, which has the status 403.
pub const DENIED_BODY: &str = "RBAC: access denied";

/// Sees every rule that was looked at. Does nothing by default.
pub trait AuthorizationObserver {
    /// This rule of a DENY (else ALLOW) policy was looked at. It did not match because of this condition; `None`: it
    /// matched. A rule whose `from` or `to` has several entries names the last of them.
    fn looked_at(&mut self, rule: &AuthorizationRule, denies: bool, missed: Option<&Condition>) {
        let _ = (rule, denies, missed);
    }
}

impl AuthorizationObserver for crate::NoObserver {}

/// Decides whether a request is allowed.
pub fn authorize<'p, H, O>(
    authorization: &'p Authorization,
    connection: &ConnectionFacts<'_>,
    request: &RequestHead<'_, H>,
    observer: &mut O,
) -> Verdict<'p>
where
    H: RequestHeaders + ?Sized,
    O: AuthorizationObserver + ?Sized,
{
    run(authorization, observer, |condition| {
        holds(condition, connection, Some(request))
    })
}

/// Decides whether a connection is allowed whose bytes are not looked into. Conditions on requests never hold.
pub fn authorize_connection<'p, O>(
    authorization: &'p Authorization,
    connection: &ConnectionFacts<'_>,
    observer: &mut O,
) -> Verdict<'p>
where
    O: AuthorizationObserver + ?Sized,
{
    let none: Option<&RequestHead<'_, NoHeaders>> = None;
    run(authorization, observer, |condition| {
        holds(condition, connection, none)
    })
}

struct NoHeaders;

impl RequestHeaders for NoHeaders {
    fn value(&self, _name: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn has_value(&self, _name: &str, _wanted: &mut dyn FnMut(&str) -> bool) -> bool {
        false
    }
}

fn run<'p, O: AuthorizationObserver + ?Sized>(
    authorization: &'p Authorization,
    observer: &mut O,
    holds: impl Fn(&Condition) -> bool,
) -> Verdict<'p> {
    let mut find = |rules: &'p [AuthorizationRule], denies: bool| {
        rules.iter().find(|rule| {
            let missed = missed(rule, &holds);
            observer.looked_at(rule, denies, missed);
            missed.is_none()
        })
    };
    if let Some(rule) = find(&authorization.deny, true) {
        return Verdict::Denied(Some(rule));
    }
    match &authorization.allow {
        None => Verdict::Allowed(None),
        Some(rules) => match find(rules, false) {
            Some(rule) => Verdict::Allowed(Some(rule)),
            None => Verdict::Denied(None),
        },
    }
}

/// The condition for which a rule does not match.
fn missed<'r>(rule: &'r AuthorizationRule, holds: &impl Fn(&Condition) -> bool) -> Option<&'r Condition> {
    let all = |conditions: &'r [Condition]| conditions.iter().find(|condition| !holds(condition));
    let any = |alternatives: &'r [Vec<Condition>]| {
        let mut last = None;
        for conditions in alternatives {
            last = Some(all(conditions)?);
        }
        last
    };
    any(&rule.from).or_else(|| any(&rule.to))
}

fn holds<H: RequestHeaders + ?Sized>(
    condition: &Condition,
    connection: &ConnectionFacts<'_>,
    request: Option<&RequestHead<'_, H>>,
) -> bool {
    let header = |name: &str, values: &[TextMatch]| {
        request.is_some_and(|request| request.headers.has_value(name, &mut |value| any(values, value)))
    };
    let found = match &condition.wanted {
        Wanted::Principal(values) => {
            let id = connection.principal.and_then(|id| id.strip_prefix("spiffe://"));
            id.is_some_and(|id| any(values, id))
        }
        Wanted::Namespace(values) => connection
            .principal
            .and_then(namespace_of)
            .is_some_and(|namespace| any(values, namespace)),
        Wanted::SourceIp(subnets) => subnets.iter().any(|subnet| subnet.contains(connection.source)),
        Wanted::RemoteIp(subnets) => subnets.iter().any(|subnet| subnet.contains(connection.remote)),
        Wanted::Port(ports) => ports.contains(&connection.port),
        Wanted::ServerName(values) => any(values, connection.server_name.unwrap_or_default()),
        Wanted::Host(values) => request.is_some_and(|request| {
            values
                .iter()
                .any(|value| value.matches_ignoring_case(request.authority))
        }),
        Wanted::Method(values) => request.is_some_and(|request| any(values, request.method)),
        Wanted::Path(values) => request.is_some_and(|request| any(values, request.bare_path())),
        Wanted::Header(name, values) => header(name, values),
    };
    found != condition.invert
}

fn any(values: &[TextMatch], text: &str) -> bool {
    values.iter().any(|value| value.matches(text))
}

/// `NAMESPACE` of `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.
fn namespace_of(principal: &str) -> Option<&str> {
    let (_, rest) = principal.split_once("/ns/")?;
    rest.split_once('/').map(|(namespace, _)| namespace)
}

impl TextMatch {
    /// Whether a text matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(whole) => **whole == *text,
            Self::Prefix(start) => text.starts_with(&**start),
            Self::Suffix(end) => text.ends_with(&**end),
            Self::Present => !text.is_empty(),
        }
    }

    /// Whether a text matches, upper and lower case (of ASCII) being the same.
    fn matches_ignoring_case(&self, text: &str) -> bool {
        let same = |part: Option<&[u8]>, wanted: &str| {
            part.is_some_and(|part| part.eq_ignore_ascii_case(wanted.as_bytes()))
        };
        let bytes = text.as_bytes();
        match self {
            Self::Exact(whole) => same(Some(bytes), whole),
            Self::Prefix(start) => same(bytes.get(..start.len()), start),
            Self::Suffix(end) => {
                let from = bytes.len().checked_sub(end.len());
                same(from.and_then(|from| bytes.get(from..)), end)
            }
            Self::Present => !text.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests;
