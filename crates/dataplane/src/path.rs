//! Normal form and rewrites of paths.

use std::borrow::Cow;

use crate::{PathMatch, PathRewrite, request::split_path};

/// The new path of a request. Query and fragment stay as they are.
pub fn rewrite_path(rewrite: &PathRewrite, matched: &PathMatch, path: &str) -> String {
    let (bare, query) = split_path(path);
    match rewrite {
        PathRewrite::Prefix(prefix) => format!("{}{query}", replace_matched(matched, bare, prefix)),
        PathRewrite::Regex {
            pattern,
            substitution,
        } => format!("{}{query}", pattern.replace_all(bare, substitution)),
    }
}

/// The normal form of a path (RFC 3986): no dot segments, no backslashes, no escapes of characters that need
/// none; slashes are not merged. Query and fragment stay. Envoy is configured to do the same before it routes,
/// so a rule for `/admin` cannot be walked around by `/x/../admin` or `/%61dmin`.
///
/// Gives the path itself when it is normal already, which is nearly always.
pub fn normalize_path(path: &str) -> Cow<'_, str> {
    let (bare, query) = split_path(path);
    if !bare.starts_with('/') || !(bare.contains("/.") || bare.contains(['%', '\\'])) {
        return Cow::Borrowed(path);
    }
    let plain = unescape_unreserved(bare).replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    let mut rest = plain.split('/').skip(1).peekable();
    while let Some(segment) = rest.next() {
        let is_last = rest.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            other => segments.push(other),
        }
    }
    Cow::Owned(format!("/{}{query}", segments.join("/")))
}

/// Decodes escapes of letters, digits, `-`, `.`, `_` and `~`; all others stay.
fn unescape_unreserved(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let code = rest
            .get(1..3)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.map(char::from) {
            Some(plain) if plain.is_ascii_alphanumeric() || "-._~".contains(plain) => {
                out.push(plain);
                rest = &rest[3..];
            }
            _ => {
                out.push('%');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Puts `new` in place of what the match took of the path: the prefix, or the whole of it.
pub(crate) fn replace_matched(matched: &PathMatch, path: &str, new: &str) -> String {
    let taken = match matched {
        PathMatch::Any => 0,
        PathMatch::Prefix(prefix) => prefix.len(),
        PathMatch::SegmentPrefix(prefix) => prefix.trim_end_matches('/').len(),
        PathMatch::Exact(_) | PathMatch::Regex(_) => path.len(),
    };
    let rest = path.get(taken..).unwrap_or_default();
    // A segment prefix keeps exactly one slash between both parts.
    if matches!(matched, PathMatch::SegmentPrefix(_)) && new.ends_with('/') {
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        return format!("{new}{rest}");
    }
    let joined = format!("{new}{rest}");
    if joined.starts_with('/') {
        joined
    } else {
        format!("/{joined}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pattern;

    #[test]
    fn a_path_cannot_walk_around_a_rule() {
        for (path, want) in [
            ("/a/b?c=/../d", "/a/b?c=/../d"),
            ("/x/../admin", "/admin"),
            ("/x/%2e%2E/admin", "/admin"),
            ("/../../admin", "/admin"),
            ("/%61dmin?q=%61", "/admin?q=%61"),
            ("/a/./b/.", "/a/b/"),
            ("/a/b/..", "/a/"),
            ("/a//b/../c", "/a//c"),
            ("/a\\..\\admin", "/admin"),
            ("/a%2Fb%zz%", "/a%2Fb%zz%"),
            ("/.hidden/a", "/.hidden/a"),
            ("*", "*"),
        ] {
            assert_eq!(normalize_path(path), want, "{path}");
        }
    }

    #[test]
    fn paths_are_rewritten_and_queries_stay() {
        let prefix = |text: &str| PathMatch::Prefix(text.into());
        let segment = |text: &str| PathMatch::SegmentPrefix(text.into());
        for (matched, new, path, want) in [
            (prefix("/old"), "/new", "/old/a?b=/old", "/new/a?b=/old"),
            (prefix("/old/"), "/", "/old/a", "/a"),
            (PathMatch::Exact("/old".into()), "/new", "/old?x", "/new?x"),
            (segment("/old"), "/", "/old/a", "/a"),
            (segment("/old"), "/", "/old", "/"),
            (segment("/old"), "/new", "/old/a", "/new/a"),
            (PathMatch::Any, "/v1", "/a", "/v1/a"),
        ] {
            let rewritten = rewrite_path(&PathRewrite::Prefix(new.into()), &matched, path);
            assert_eq!(rewritten, want, "{matched:?} {path}");
        }
        let regex = PathRewrite::Regex {
            pattern: Pattern::new("^/service/([^/]+)(/.*)$").unwrap(),
            substitution: r"\2/instance/\1".into(),
        };
        assert_eq!(
            rewrite_path(&regex, &PathMatch::Any, "/service/foo/v1/api?q"),
            "/v1/api/instance/foo?q"
        );
    }
}
