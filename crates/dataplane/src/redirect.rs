//! Where a redirect sends the caller.

use crate::{PathMatch, Redirect, RedirectPath, RequestHead, path::replace_matched, request::split_path};

/// The value of `location`. Parts that the redirect does not name stay as in the request, as Envoy does it.
pub fn redirect_location<H: ?Sized>(
    redirect: &Redirect,
    matched: &PathMatch,
    request: &RequestHead<'_, H>,
) -> String {
    let scheme = redirect.scheme.as_deref().unwrap_or(request.scheme);
    let (host, port) = split_port(request.authority);
    let host = redirect.host.as_deref().unwrap_or(host);
    // A new host comes without the request's port, and a port that only the old scheme implied goes with it.
    let stale = match scheme {
        "https" => Some(80),
        "http" => Some(443),
        _ => None,
    };
    let kept = port.filter(|port| redirect.host.is_none() && Some(*port) != stale);
    let port = redirect.port.or(kept);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let (bare, query) = split_path(request.path);
    let path = match &redirect.path {
        None => format!("{bare}{query}"),
        Some(RedirectPath::Full(path)) if path.contains('?') => path.to_string(),
        Some(RedirectPath::Full(path)) => format!("{path}{query}"),
        Some(RedirectPath::Prefix(prefix)) => format!("{}{query}", replace_matched(matched, bare, prefix)),
    };
    format!("{scheme}://{host}{port}{path}")
}

/// Host and port of an authority; IPv6 hosts keep their brackets.
fn split_port(authority: &str) -> (&str, Option<u16>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (authority, None),
        },
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(redirect: Redirect, want: &str) {
        let request = RequestHead {
            method: "GET",
            scheme: "http",
            authority: "shop.example:8080",
            path: "/old/a?b=1",
            headers: &(),
        };
        assert_eq!(
            redirect_location(&redirect, &PathMatch::Prefix("/old".into()), &request),
            want
        );
    }

    #[test]
    fn parts_that_are_not_named_stay() {
        let nothing = || Redirect {
            status: 301,
            scheme: None,
            host: None,
            port: None,
            path: None,
        };
        check(nothing(), "http://shop.example:8080/old/a?b=1");
        check(
            Redirect {
                scheme: Some("https".into()),
                ..nothing()
            },
            "https://shop.example:8080/old/a?b=1",
        );
        check(
            Redirect {
                host: Some("new.example".into()),
                ..nothing()
            },
            "http://new.example/old/a?b=1",
        );
        check(
            Redirect {
                port: Some(81),
                ..nothing()
            },
            "http://shop.example:81/old/a?b=1",
        );
        let full = |path: &str| Redirect {
            path: Some(RedirectPath::Full(path.into())),
            ..nothing()
        };
        check(full("/n"), "http://shop.example:8080/n?b=1");
        check(full("/n?c"), "http://shop.example:8080/n?c");
        let prefix = Redirect {
            path: Some(RedirectPath::Prefix("/new".into())),
            ..nothing()
        };
        check(prefix, "http://shop.example:8080/new/a?b=1");
    }
}
