//! Rewrites of paths.

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
