//! Sentences and fragments that more than one page says.

use vigla_api::{Degraded, Response, Traffic};
use vigla_model::ResponseFlags;

use super::{number, time};

/// What each response flag means: `NC`, `the route names a cluster that does not exist`.
pub(crate) fn flag_words(flags: &str) -> Vec<(String, String)> {
    match flags.parse::<ResponseFlags>() {
        Ok(set) => set
            .iter()
            .map(|flag| (flag.short().to_owned(), flag.words().to_owned()))
            .collect(),
        Err(_) => vec![(
            flags.to_owned(),
            "a flag that this version does not know".to_owned(),
        )],
    }
}

/// The answer itself: `503`, `no response`, `200 gRPC 14`.
pub(crate) fn response_words(response: &Response) -> String {
    let code = if response.code == "0" {
        "no response"
    } else {
        response.code.as_str()
    };
    match response.grpc_status {
        Some(status) => format!("{code} gRPC {status}"),
        None => code.to_owned(),
    }
}

/// Whether this answer counts as failed: 5xx, a gRPC status other than 0, no response.
pub(crate) fn failed(response: &Response) -> bool {
    response.grpc_status.is_some_and(|status| status != 0)
        || response.code == "0"
        || response.code.len() == 3 && response.code.starts_with('5')
}

/// A SPIFFE id without its scheme.
pub(crate) fn principal_short(principal: &str) -> &str {
    principal.strip_prefix("spiffe://").unwrap_or(principal)
}

/// What the difference between both reporters means, where it is more than counting at two moments explains.
pub(crate) fn difference(source: Option<&Traffic>, destination: Option<&Traffic>) -> Option<String> {
    let rate = |traffic: Option<&Traffic>| traffic.and_then(|traffic| traffic.requests_per_second);
    let (sent, got) = match (rate(source), rate(destination)) {
        (Some(sent), Some(got)) => (sent, got),
        (Some(sent), None) if sent > 0.0 => {
            return Some("Only the caller's proxy counted these: no proxy stands at the other end, or they never arrived.".to_owned());
        }
        (None, Some(got)) if got > 0.0 => {
            return Some("Only the callee's proxy counted these: the caller has no proxy.".to_owned());
        }
        _ => return None,
    };
    let apart = sent - got;
    // Both proxies are scraped up to one period apart; below 5 % nothing can be said.
    if apart.abs() <= 0.05 * sent.max(got) || apart.abs() < 0.1 {
        return None;
    }
    Some(if apart > 0.0 {
        format!(
            "{} left the caller's proxy and were not seen by the callee's: the caller's proxy answered them itself, or they were lost on the way.",
            number::rate(apart)
        )
    } else {
        format!(
            "The callee's proxy saw {} more than the caller's counted.",
            number::rate(-apart)
        )
    })
}

/// What a source did not give, and since when: `Jaeger does not answer: no connection; as of 14:18:42`.
pub(crate) fn blind(parts: &[Degraded]) -> Option<String> {
    let part = parts.first()?;
    let since = time::parse(&part.since).map_or_else(|| part.since.clone(), time::clock);
    Some(format!("{}; as of {since}", part.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(rate: f64) -> Traffic {
        Traffic {
            requests_per_second: Some(rate),
            ..Traffic::default()
        }
    }

    #[test]
    fn a_difference_is_told_when_it_is_more_than_timing() {
        let told = |sent: Option<f64>, got: Option<f64>| {
            let (sent, got) = (sent.map(traffic), got.map(traffic));
            difference(sent.as_ref(), got.as_ref())
        };
        assert_eq!(told(Some(48.1), Some(48.0)), None);
        assert!(told(Some(48.1), Some(43.3)).unwrap().starts_with("4.8/s left"));
        assert!(told(Some(10.0), Some(12.0)).unwrap().contains("2.0/s more"));
        assert!(told(None, Some(1.0)).unwrap().contains("caller has no proxy"));
        assert!(told(Some(1.0), None).unwrap().contains("never arrived"));
        assert_eq!(told(None, None), None);
    }

    #[test]
    fn flags_are_explained_even_when_they_are_new() {
        assert_eq!(
            flag_words("NC")[0].1,
            "the route names a cluster that does not exist"
        );
        assert_eq!(flag_words("-"), []);
        assert_eq!(flag_words("ZZ")[0].0, "ZZ");
    }

    #[test]
    fn no_response_is_words_and_a_failure() {
        let response = |code: &str, grpc| Response {
            code: code.into(),
            grpc_status: grpc,
            ..Response::default()
        };
        assert_eq!(response_words(&response("0", None)), "no response");
        assert!(
            failed(&response("0", None))
                && failed(&response("503", None))
                && failed(&response("200", Some(14)))
        );
        assert!(!failed(&response("404", None)) && !failed(&response("200", Some(0))));
    }

    #[test]
    fn what_is_from_before_says_since_when_and_why() {
        let part = Degraded {
            source: "Jaeger".into(),
            since: "2026-11-23T14:18:42Z".into(),
            reason: "Jaeger does not answer: no connection".into(),
        };
        assert_eq!(
            blind(&[part]).as_deref(),
            Some("Jaeger does not answer: no connection; as of 14:18:42")
        );
        assert_eq!(blind(&[]), None);
    }
}
