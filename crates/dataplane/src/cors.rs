//! What browsers are told about pages of other origins.

use std::sync::Arc;

use crate::{Cors, RequestHead, RequestHeaders, StringMatch, decide::string_matches};

/// What a policy says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsVerdict {
    /// Nothing: the page is of the same origin, not allowed, or nobody asked.
    Silent,
    /// The request is the browser's question beforehand, and answered with status 200 and these headers.
    Answer(Vec<(&'static str, String)>),
    /// The request goes on; its answer gets these headers.
    Allow(Vec<(&'static str, String)>),
}

/// Judges a request.
pub fn judge_cors<H: RequestHeaders + ?Sized>(policy: &Cors, request: &RequestHead<'_, H>) -> CorsVerdict {
    let Some(origin) = request.header("origin").filter(|origin| !origin.is_empty()) else {
        return CorsVerdict::Silent;
    };
    let is_allowed = policy.allow_origins.iter().any(|allowed| {
        matches!(allowed, StringMatch::Exact(all) if &**all == "*") || string_matches(allowed, &origin)
    });
    let asks = request.method == "OPTIONS"
        && request
            .header("access-control-request-method")
            .is_some_and(|method| !method.is_empty());
    if !is_allowed && (policy.forward_unmatched || !asks) {
        return CorsVerdict::Silent;
    }
    let mut headers = Vec::new();
    if is_allowed {
        headers.push(("access-control-allow-origin", origin.into_owned()));
    }
    if policy.allow_credentials == Some(true) {
        headers.push(("access-control-allow-credentials", "true".to_owned()));
    }
    let mut list = |name, values: &[Arc<str>]| {
        if !values.is_empty() {
            headers.push((name, values.join(",")));
        }
    };
    if is_allowed {
        list("access-control-expose-headers", &policy.expose_headers);
    }
    if !asks {
        return CorsVerdict::Allow(headers);
    }
    // Who may not gets the rest of the answer all the same, as from Envoy: without its origin it is worth nothing.
    list("access-control-allow-methods", &policy.allow_methods);
    list("access-control-allow-headers", &policy.allow_headers);
    if let Some(age) = policy.max_age {
        headers.push(("access-control-max-age", age.as_secs().to_string()));
    }
    CorsVerdict::Answer(headers)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn judge(forward_unmatched: bool, method: &str, headers: &[(&str, &str)]) -> String {
        let policy = Cors {
            allow_origins: vec![StringMatch::Exact("https://shop.example".into())],
            allow_methods: vec!["GET".into(), "PUT".into()],
            allow_headers: vec!["x-user".into()],
            expose_headers: vec!["x-page".into()],
            max_age: Some(Duration::from_secs(60)),
            allow_credentials: Some(true),
            forward_unmatched,
            origin: None,
        };
        let request = RequestHead {
            method,
            scheme: "https",
            authority: "api.example",
            path: "/",
            headers,
        };
        let (word, headers) = match judge_cors(&policy, &request) {
            CorsVerdict::Silent => return "silent".to_owned(),
            CorsVerdict::Answer(headers) => ("answer", headers),
            CorsVerdict::Allow(headers) => ("allow", headers),
        };
        let headers = headers
            .iter()
            .map(|(name, value)| format!(" {}={value}", name.trim_start_matches("access-control-")));
        word.to_owned() + &headers.collect::<String>()
    }

    #[test]
    fn pages_of_allowed_origins_may_read_answers() {
        let shop = ("origin", "https://shop.example");
        let other = ("origin", "https://other.example");
        let asks = ("access-control-request-method", "PUT");
        for (unmatched, method, headers, want) in [
            (true, "GET", &[][..], "silent"),
            (
                true,
                "GET",
                &[shop],
                "allow allow-origin=https://shop.example allow-credentials=true expose-headers=x-page",
            ),
            (true, "GET", &[other], "silent"),
            (
                true,
                "OPTIONS",
                &[shop, asks],
                "answer allow-origin=https://shop.example allow-credentials=true expose-headers=x-page \
                 allow-methods=GET,PUT allow-headers=x-user max-age=60",
            ),
            (true, "OPTIONS", &[other, asks], "silent"),
            (
                false,
                "OPTIONS",
                &[other, asks],
                "answer allow-credentials=true allow-methods=GET,PUT allow-headers=x-user max-age=60",
            ),
            (
                true,
                "OPTIONS",
                &[shop],
                "allow allow-origin=https://shop.example allow-credentials=true expose-headers=x-page",
            ),
        ] {
            assert_eq!(judge(unmatched, method, headers), want, "{method} {headers:?}");
        }
    }
}
