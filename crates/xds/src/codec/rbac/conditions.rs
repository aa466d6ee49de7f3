//! One condition of a rule, as Envoy's permission or principal.

use std::sync::Arc;

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::CidrRange,
            rbac::v3::{
                Permission, Principal,
                permission::{self, Rule},
                principal::{self, Authenticated, Identifier},
            },
            route::v3::{HeaderMatcher, header_matcher::HeaderMatchSpecifier},
        },
        r#type::matcher::v3::{
            PathMatcher, RegexMatcher, StringMatcher, path_matcher, string_matcher::MatchPattern,
        },
    },
    google::protobuf::UInt32Value,
};
use vigla_dataplane::{Condition, Subnet, TextMatch, Wanted};

use crate::codec::Reason;

/// What every principal of the mesh starts with.
const SPIFFE: &str = "spiffe://";
/// Any text but the empty one.
const PRESENT: &str = ".+";
/// Around the namespace in an expression on principals.
const BEFORE_NAMESPACE: &str = ".*/ns/";
const AFTER_NAMESPACE: &str = "/.*";
/// Any part of a namespace's name.
const NO_SLASH: &str = "[^/]*";

pub(super) fn write_permission(condition: &Condition) -> Permission {
    let rules: Vec<Permission> = match &condition.wanted {
        Wanted::Port(ports) => ports
            .iter()
            .map(|&port| permit(Rule::DestinationPort(port.into())))
            .collect(),
        Wanted::ServerName(values) => each(values, |value| permit(Rule::RequestedServerName(text(value)))),
        Wanted::Host(values) => each(values, |value| {
            let mut matcher = text(value);
            // An expression has no such switch, and "any" needs none.
            matcher.ignore_case = *value != TextMatch::Present;
            permit(Rule::Header(header(":authority", matcher)))
        }),
        Wanted::Method(values) => each(values, |value| {
            permit(Rule::Header(header(":method", text(value))))
        }),
        Wanted::Path(values) => each(values, |value| {
            permit(Rule::UrlPath(PathMatcher {
                rule: Some(path_matcher::Rule::Path(text(value))),
            }))
        }),
        Wanted::Header(name, values) => each(values, |value| permit(Rule::Header(header(name, text(value))))),
        // A condition on callers has no place among operations: it never holds.
        Wanted::Principal(_) | Wanted::Namespace(_) | Wanted::SourceIp(_) | Wanted::RemoteIp(_) => Vec::new(),
    };
    let one = if rules.is_empty() {
        permit(Rule::NotRule(Box::new(permit(Rule::Any(true)))))
    } else {
        permit(Rule::OrRules(permission::Set { rules }))
    };
    if condition.invert {
        permit(Rule::NotRule(Box::new(one)))
    } else {
        one
    }
}

pub(super) fn write_principal(condition: &Condition) -> Principal {
    let ids: Vec<Principal> = match &condition.wanted {
        Wanted::Principal(values) => each(values, |value| authenticated(principal_text(value))),
        Wanted::Namespace(values) => each(values, |value| authenticated(namespace_text(value))),
        Wanted::SourceIp(subnets) => each(subnets, |subnet| {
            identify(Identifier::DirectRemoteIp(cidr(subnet)))
        }),
        Wanted::RemoteIp(subnets) => each(subnets, |subnet| identify(Identifier::RemoteIp(cidr(subnet)))),
        Wanted::Header(name, values) => each(values, |value| {
            identify(Identifier::Header(header(name, text(value))))
        }),
        // A condition on operations has no place among callers: it never holds.
        Wanted::Port(_) | Wanted::ServerName(_) | Wanted::Host(_) | Wanted::Method(_) | Wanted::Path(_) => {
            Vec::new()
        }
    };
    let one = if ids.is_empty() {
        identify(Identifier::NotId(Box::new(identify(Identifier::Any(true)))))
    } else {
        identify(Identifier::OrIds(principal::Set { ids }))
    };
    if condition.invert {
        identify(Identifier::NotId(Box::new(one)))
    } else {
        one
    }
}

pub(super) fn read_permission(message: &Permission) -> Result<Condition, Reason> {
    let never = permit(Rule::NotRule(Box::new(permit(Rule::Any(true)))));
    let (invert, message) = match &message.rule {
        Some(Rule::NotRule(inner)) if *message != never => (true, &**inner),
        _ => (false, message),
    };
    let wanted = match &message.rule {
        Some(Rule::OrRules(set)) => merge(set.rules.iter().map(read_operation))?,
        _ if *message == never => Wanted::Port(Vec::new()),
        _ => read_operation(message)?,
    };
    Ok(Condition { wanted, invert })
}

pub(super) fn read_principal(message: &Principal) -> Result<Condition, Reason> {
    let never = identify(Identifier::NotId(Box::new(identify(Identifier::Any(true)))));
    let (invert, message) = match &message.identifier {
        Some(Identifier::NotId(inner)) if *message != never => (true, &**inner),
        _ => (false, message),
    };
    let wanted = match &message.identifier {
        Some(Identifier::OrIds(set)) => merge(set.ids.iter().map(read_caller))?,
        _ if *message == never => Wanted::SourceIp(Vec::new()),
        _ => read_caller(message)?,
    };
    Ok(Condition { wanted, invert })
}

fn read_operation(message: &Permission) -> Result<Wanted, Reason> {
    match &message.rule {
        Some(Rule::DestinationPort(port)) => {
            let port = u16::try_from(*port).map_err(|_| format!("{port} is no port"))?;
            Ok(Wanted::Port(vec![port]))
        }
        Some(Rule::RequestedServerName(matcher)) => Ok(Wanted::ServerName(vec![read_text(matcher)?])),
        Some(Rule::UrlPath(PathMatcher {
            rule: Some(path_matcher::Rule::Path(matcher)),
        })) => Ok(Wanted::Path(vec![read_text(matcher)?])),
        Some(Rule::Header(header)) => read_header(header),
        _ => Err("asks for an operation in a way that is not supported".to_owned()),
    }
}

fn read_caller(message: &Principal) -> Result<Wanted, Reason> {
    match &message.identifier {
        Some(Identifier::Authenticated(Authenticated {
            principal_name: Some(matcher),
        })) => read_authenticated(matcher),
        Some(Identifier::DirectRemoteIp(range)) => Ok(Wanted::SourceIp(vec![read_cidr(range)?])),
        Some(Identifier::RemoteIp(range)) => Ok(Wanted::RemoteIp(vec![read_cidr(range)?])),
        Some(Identifier::Header(header)) => read_header(header),
        _ => Err("asks for a caller in a way that is not supported".to_owned()),
    }
}

/// Alternatives of one kind as one condition.
fn merge(found: impl Iterator<Item = Result<Wanted, Reason>>) -> Result<Wanted, Reason> {
    let mut all: Option<Wanted> = None;
    for one in found {
        let one = one?;
        match (&mut all, one) {
            (None, one) => all = Some(one),
            (Some(Wanted::Principal(all)), Wanted::Principal(one))
            | (Some(Wanted::Namespace(all)), Wanted::Namespace(one))
            | (Some(Wanted::ServerName(all)), Wanted::ServerName(one))
            | (Some(Wanted::Host(all)), Wanted::Host(one))
            | (Some(Wanted::Method(all)), Wanted::Method(one))
            | (Some(Wanted::Path(all)), Wanted::Path(one)) => all.extend(one),
            (Some(Wanted::SourceIp(all)), Wanted::SourceIp(one))
            | (Some(Wanted::RemoteIp(all)), Wanted::RemoteIp(one)) => all.extend(one),
            (Some(Wanted::Port(all)), Wanted::Port(one)) => all.extend(one),
            (Some(Wanted::Header(name, all)), Wanted::Header(other, one)) if *name == other => {
                all.extend(one);
            }
            _ => return Err("mixes alternatives in a way that is not supported".to_owned()),
        }
    }
    all.ok_or_else(|| "has no alternative".to_owned())
}

fn each<T, M>(values: &[T], write: impl Fn(&T) -> M) -> Vec<M> {
    values.iter().map(write).collect()
}

fn permit(rule: Rule) -> Permission {
    Permission { rule: Some(rule) }
}

fn identify(identifier: Identifier) -> Principal {
    Principal {
        identifier: Some(identifier),
    }
}

fn authenticated(matcher: StringMatcher) -> Principal {
    identify(Identifier::Authenticated(Authenticated {
        principal_name: Some(matcher),
    }))
}

fn cidr(subnet: &Subnet) -> CidrRange {
    CidrRange {
        address_prefix: subnet.address.to_string(),
        prefix_len: Some(UInt32Value {
            value: subnet.bits.into(),
        }),
    }
}

fn read_cidr(range: &CidrRange) -> Result<Subnet, Reason> {
    let bits = range.prefix_len.map_or(0, |bits| bits.value);
    let text = format!("{}/{bits}", range.address_prefix);
    Subnet::parse(&text).ok_or_else(|| format!("`{text}` is no range of addresses"))
}

fn header(name: &str, matcher: StringMatcher) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(matcher)),
        ..HeaderMatcher::default()
    }
}

fn read_header(message: &HeaderMatcher) -> Result<Wanted, Reason> {
    let value = match &message.header_match_specifier {
        _ if message.invert_match || message.treat_missing_header_as_empty => None,
        Some(HeaderMatchSpecifier::StringMatch(matcher)) => Some(read_text(matcher)?),
        Some(HeaderMatchSpecifier::PresentMatch(true)) => Some(TextMatch::Present),
        _ => None,
    };
    let value = value.ok_or_else(|| format!("asks for `{}` in a way that is not supported", message.name))?;
    let values = vec![value];
    Ok(match message.name.as_str() {
        ":authority" => Wanted::Host(values),
        ":method" => Wanted::Method(values),
        name => Wanted::Header(name.into(), values),
    })
}

fn text(value: &TextMatch) -> StringMatcher {
    matcher(match value {
        TextMatch::Exact(whole) => MatchPattern::Exact(whole.to_string()),
        TextMatch::Prefix(start) => MatchPattern::Prefix(start.to_string()),
        TextMatch::Suffix(end) => MatchPattern::Suffix(end.to_string()),
        TextMatch::Present => regex(PRESENT),
    })
}

fn read_text(matcher: &StringMatcher) -> Result<TextMatch, Reason> {
    match &matcher.match_pattern {
        Some(MatchPattern::Exact(whole)) => Ok(TextMatch::Exact(whole.as_str().into())),
        Some(MatchPattern::Prefix(start)) => Ok(TextMatch::Prefix(start.as_str().into())),
        Some(MatchPattern::Suffix(end)) => Ok(TextMatch::Suffix(end.as_str().into())),
        Some(MatchPattern::SafeRegex(regex)) if regex.regex == PRESENT => Ok(TextMatch::Present),
        _ => Err("matches a text in a way that is not supported".to_owned()),
    }
}

/// A principal, with `spiffe://` in front: a suffix must be one of it, not of some other name in a certificate.
fn principal_text(value: &TextMatch) -> StringMatcher {
    matcher(match value {
        TextMatch::Exact(whole) => MatchPattern::Exact(format!("{SPIFFE}{whole}")),
        TextMatch::Prefix(start) => MatchPattern::Prefix(format!("{SPIFFE}{start}")),
        TextMatch::Suffix(end) => regex(&format!("{SPIFFE}.*{}", escape(end))),
        TextMatch::Present => regex(&format!("{SPIFFE}{PRESENT}")),
    })
}

fn namespace_text(value: &TextMatch) -> StringMatcher {
    let name = match value {
        TextMatch::Exact(whole) => escape(whole),
        TextMatch::Prefix(start) => format!("{}{NO_SLASH}", escape(start)),
        TextMatch::Suffix(end) => format!("{NO_SLASH}{}", escape(end)),
        TextMatch::Present => "[^/]+".to_owned(),
    };
    matcher(regex(&format!("{BEFORE_NAMESPACE}{name}{AFTER_NAMESPACE}")))
}

fn read_authenticated(matcher: &StringMatcher) -> Result<Wanted, Reason> {
    let unknown = || "asks for a principal in a way that is not supported".to_owned();
    let principal = |value| Ok(Wanted::Principal(vec![value]));
    match &matcher.match_pattern {
        Some(MatchPattern::Exact(text)) => {
            let rest = text.strip_prefix(SPIFFE).ok_or_else(unknown)?;
            principal(TextMatch::Exact(rest.into()))
        }
        Some(MatchPattern::Prefix(text)) => {
            let rest = text.strip_prefix(SPIFFE).ok_or_else(unknown)?;
            principal(TextMatch::Prefix(rest.into()))
        }
        Some(MatchPattern::SafeRegex(RegexMatcher { regex, .. })) => {
            if let Some(rest) = regex.strip_prefix(SPIFFE) {
                if rest == PRESENT {
                    return principal(TextMatch::Present);
                }
                let end = rest.strip_prefix(".*").and_then(unescape).ok_or_else(unknown)?;
                return principal(TextMatch::Suffix(end));
            }
            if regex == PRESENT {
                return principal(TextMatch::Present);
            }
            let name = regex
                .strip_prefix(BEFORE_NAMESPACE)
                .and_then(|rest| rest.strip_suffix(AFTER_NAMESPACE))
                .ok_or_else(unknown)?;
            let value = if name == "[^/]+" {
                TextMatch::Present
            } else if let Some(end) = name.strip_prefix(NO_SLASH) {
                TextMatch::Suffix(unescape(end).ok_or_else(unknown)?)
            } else if let Some(start) = name.strip_suffix(NO_SLASH) {
                TextMatch::Prefix(unescape(start).ok_or_else(unknown)?)
            } else {
                TextMatch::Exact(unescape(name).ok_or_else(unknown)?)
            };
            Ok(Wanted::Namespace(vec![value]))
        }
        _ => Err(unknown()),
    }
}

fn matcher(pattern: MatchPattern) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(pattern),
        ..StringMatcher::default()
    }
}

fn regex(regex: &str) -> MatchPattern {
    MatchPattern::SafeRegex(RegexMatcher {
        regex: regex.to_owned(),
        ..RegexMatcher::default()
    })
}

/// A text as an expression that matches only it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() && !matches!(c, '-' | '_' | '/') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The text that an expression matches, when that is only one.
fn unescape(expression: &str) -> Option<Arc<str>> {
    let mut text = String::with_capacity(expression.len());
    let mut chars = expression.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next()? } else { c });
    }
    (escape(&text) == expression).then(|| text.into())
}
