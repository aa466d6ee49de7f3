//! When a route applies.

use envoy_types::pb::envoy::{
    config::route::v3::{
        HeaderMatcher, QueryParameterMatcher, RouteMatch as Message, header_matcher::HeaderMatchSpecifier,
        query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
    },
    r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
};
use vigla_dataplane::{HeaderMatch, PathMatch, Pattern, QueryMatch, RouteMatch, StringMatch};

use super::{Reason, flag, required};

/// The expression that every text matches.
const ANYTHING: &str = ".*";

pub(crate) fn write(matches: &RouteMatch) -> Message {
    Message {
        path_specifier: Some(match &matches.path {
            // The empty prefix, so that `/` written by the user reads back as what it was.
            PathMatch::Any => PathSpecifier::Prefix(String::new()),
            PathMatch::Exact(path) => PathSpecifier::Path(path.to_string()),
            PathMatch::Prefix(path) => PathSpecifier::Prefix(path.to_string()),
            PathMatch::SegmentPrefix(path) => PathSpecifier::PathSeparatedPrefix(path.to_string()),
            PathMatch::Regex(pattern) => PathSpecifier::SafeRegex(write_pattern(pattern)),
        }),
        case_sensitive: if matches.ignore_path_case {
            flag(false)
        } else {
            None
        },
        headers: matches.headers.iter().map(write_header).collect(),
        query_parameters: matches.query.iter().map(write_query).collect(),
        ..Message::default()
    }
}

pub(crate) fn read(message: &Message) -> Result<RouteMatch, Reason> {
    let known = Message {
        path_specifier: message.path_specifier.clone(),
        case_sensitive: message.case_sensitive,
        headers: message.headers.clone(),
        query_parameters: message.query_parameters.clone(),
        ..Message::default()
    };
    if known != *message {
        return Err("a route matches by something that is not supported".to_owned());
    }
    Ok(RouteMatch {
        path: match required(message.path_specifier.as_ref(), "a route's path")? {
            PathSpecifier::Prefix(path) if path.is_empty() => PathMatch::Any,
            PathSpecifier::Prefix(path) => PathMatch::Prefix(path.as_str().into()),
            PathSpecifier::Path(path) => PathMatch::Exact(path.as_str().into()),
            PathSpecifier::PathSeparatedPrefix(path) => PathMatch::SegmentPrefix(path.as_str().into()),
            PathSpecifier::SafeRegex(pattern) => PathMatch::Regex(read_pattern(pattern)?),
            _ => return Err("a route matches paths in a way that is not supported".to_owned()),
        },
        ignore_path_case: message.case_sensitive.is_some_and(|sensitive| !sensitive.value),
        headers: message
            .headers
            .iter()
            .map(read_header)
            .collect::<Result<_, _>>()?,
        query: message
            .query_parameters
            .iter()
            .map(read_query)
            .collect::<Result<_, _>>()?,
    })
}

pub(crate) fn write_pattern(pattern: &Pattern) -> RegexMatcher {
    RegexMatcher {
        regex: pattern.as_str().to_owned(),
        ..RegexMatcher::default()
    }
}

pub(crate) fn read_pattern(matcher: &RegexMatcher) -> Result<Pattern, Reason> {
    Pattern::new(&matcher.regex).map_err(|error| format!("regex `{}`: {error}", matcher.regex))
}

fn write_header(header: &HeaderMatch) -> HeaderMatcher {
    let specifier = match write_string(&header.value) {
        Some(text) => HeaderMatchSpecifier::StringMatch(text),
        None => HeaderMatchSpecifier::PresentMatch(true),
    };
    HeaderMatcher {
        name: header.name.to_string(),
        invert_match: header.invert,
        // Without this Envoy never matches an absent header, inverted or not.
        treat_missing_header_as_empty: header.invert
            && matches!(specifier, HeaderMatchSpecifier::StringMatch(_)),
        header_match_specifier: Some(specifier),
    }
}

fn read_header(matcher: &HeaderMatcher) -> Result<HeaderMatch, Reason> {
    let value = match &matcher.header_match_specifier {
        Some(HeaderMatchSpecifier::StringMatch(text)) => read_string(text)?,
        Some(HeaderMatchSpecifier::PresentMatch(true)) | None => StringMatch::Present,
        _ => {
            return Err(format!(
                "header `{}` is matched in a way that is not supported",
                matcher.name
            ));
        }
    };
    Ok(HeaderMatch {
        name: matcher.name.as_str().into(),
        value,
        invert: matcher.invert_match,
    })
}

fn write_query(query: &QueryMatch) -> QueryParameterMatcher {
    QueryParameterMatcher {
        name: query.name.to_string(),
        query_parameter_match_specifier: Some(match write_string(&query.value) {
            Some(text) => QueryParameterMatchSpecifier::StringMatch(text),
            None => QueryParameterMatchSpecifier::PresentMatch(true),
        }),
    }
}

fn read_query(matcher: &QueryParameterMatcher) -> Result<QueryMatch, Reason> {
    let value = match &matcher.query_parameter_match_specifier {
        Some(QueryParameterMatchSpecifier::StringMatch(text)) => read_string(text)?,
        Some(QueryParameterMatchSpecifier::PresentMatch(true)) | None => StringMatch::Present,
        Some(QueryParameterMatchSpecifier::PresentMatch(false)) => {
            return Err(format!(
                "query parameter `{}` must be absent: not supported",
                matcher.name
            ));
        }
    };
    Ok(QueryMatch {
        name: matcher.name.as_str().into(),
        value,
    })
}

/// A text that must be there anyhow; "any value" is the expression for all.
pub(crate) fn write_text(value: &StringMatch) -> StringMatcher {
    write_string(value).unwrap_or_else(|| StringMatcher {
        match_pattern: Some(MatchPattern::SafeRegex(RegexMatcher {
            regex: ANYTHING.to_owned(),
            ..RegexMatcher::default()
        })),
        ..StringMatcher::default()
    })
}

/// Reads it back.
pub(crate) fn read_text(matcher: &StringMatcher) -> Result<StringMatch, Reason> {
    match &matcher.match_pattern {
        Some(MatchPattern::SafeRegex(pattern)) if pattern.regex == ANYTHING => Ok(StringMatch::Present),
        _ => read_string(matcher),
    }
}

/// `None` for "any value". Every text starts with the empty prefix, which Envoy refuses to match by.
fn write_string(value: &StringMatch) -> Option<StringMatcher> {
    let pattern = match value {
        StringMatch::Present => return None,
        StringMatch::Prefix(text) if text.is_empty() => return None,
        StringMatch::Exact(text) => MatchPattern::Exact(text.to_string()),
        StringMatch::Prefix(text) => MatchPattern::Prefix(text.to_string()),
        StringMatch::Regex(pattern) => MatchPattern::SafeRegex(write_pattern(pattern)),
    };
    Some(StringMatcher {
        match_pattern: Some(pattern),
        ..StringMatcher::default()
    })
}

fn read_string(matcher: &StringMatcher) -> Result<StringMatch, Reason> {
    match (&matcher.match_pattern, matcher.ignore_case) {
        (Some(MatchPattern::Exact(text)), false) => Ok(StringMatch::Exact(text.as_str().into())),
        (Some(MatchPattern::Prefix(text)), false) => Ok(StringMatch::Prefix(text.as_str().into())),
        (Some(MatchPattern::SafeRegex(pattern)), _) => Ok(StringMatch::Regex(read_pattern(pattern)?)),
        _ => Err("a text is matched in a way that is not supported".to_owned()),
    }
}
