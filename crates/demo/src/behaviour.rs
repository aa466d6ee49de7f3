//! What a workload's application does, as its pod template's annotations say.

use std::{collections::BTreeMap, time::Duration};

use http::{Uri, uri::Authority};

/// Prefix of the annotations.
const PREFIX: &str = "demo.vigla/";

/// The most calls that one request may make: enough for any example, too few to flood a laptop.
const MAX_CALLS: usize = 32;

/// Largest answer; sixteen of them fit into what the demo may use of memory.
const MAX_BODY: usize = 1 << 20;

/// The longest that an application works on one request.
const MAX_LATENCY: Duration = Duration::from_secs(60);

/// What an application does with a request, and without one.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Behaviour {
    /// What each request calls, all at once.
    pub(crate) calls: Vec<Target>,
    /// Shortest and longest time that it works itself.
    pub(crate) latency: (Duration, Duration),
    /// Size of its answer; zero for what the answer says by itself.
    pub(crate) body_bytes: usize,
    /// Calls a second that it makes without being asked; zero for none.
    pub(crate) rate: f64,
    /// Pages that the traffic generator asks this workload for.
    pub(crate) pages: Vec<Target>,
}

/// One URL of plain HTTP that can be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// As written.
    pub(crate) url: String,
    /// Host and port as the `Host` header carries them.
    pub(crate) authority: Authority,
    /// Host without port.
    pub(crate) host: String,
    /// Port; 80 when none is written.
    pub(crate) port: u16,
    /// Path and query.
    pub(crate) path: String,
}

/// An annotation that cannot be used; what it asks for is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("annotation `{PREFIX}{name}`: {reason}")]
pub(crate) struct BadAnnotation {
    /// Name without prefix.
    pub(crate) name: String,
    /// What is wrong and what is possible.
    pub(crate) reason: String,
}

impl Behaviour {
    /// Reads the annotations of a pod template. Others' annotations are passed over; of ours all errors are
    /// collected and the rest is used.
    pub(crate) fn parse(annotations: &BTreeMap<String, String>) -> (Self, Vec<BadAnnotation>) {
        let mut behaviour = Self::default();
        let mut errors = Vec::new();
        for (key, value) in annotations {
            let Some(name) = key.strip_prefix(PREFIX) else {
                continue;
            };
            let value = value.trim();
            let read = match name {
                "calls" => parse_targets(value).map(|calls| behaviour.calls = calls),
                "pages" => parse_targets(value).map(|pages| behaviour.pages = pages),
                "latency" => parse_latency(value).map(|latency| behaviour.latency = latency),
                "body-bytes" => parse_body(value).map(|bytes| behaviour.body_bytes = bytes),
                "rate" => parse_rate(value).map(|rate| behaviour.rate = rate),
                _ => Err("is not known; there are calls, pages, latency, body-bytes and rate".to_owned()),
            };
            if let Err(reason) = read {
                errors.push(BadAnnotation {
                    name: name.to_owned(),
                    reason,
                });
            }
        }
        (behaviour, errors)
    }
}

impl Target {
    /// Reads `http://HOST[:PORT]/PATH`.
    ///
    /// # Errors
    /// When it is no such URL; the text says why.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url
            .parse()
            .map_err(|error| format!("`{url}` is no URL ({error})"))?;
        if uri.scheme_str() != Some("http") {
            return Err(format!("`{url}` does not start with `http://`"));
        }
        let authority = uri.authority().ok_or_else(|| format!("`{url}` has no host"))?;
        if authority.as_str().contains('@') {
            return Err(format!("`{url}` has a user name, which plain calls do not"));
        }
        Ok(Self {
            url: url.to_owned(),
            authority: authority.clone(),
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(80),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

/// URLs, one a line or with spaces between them.
fn parse_targets(text: &str) -> Result<Vec<Target>, String> {
    let targets: Vec<Target> = text
        .split_ascii_whitespace()
        .map(Target::parse)
        .collect::<Result<_, _>>()?;
    if targets.len() > MAX_CALLS {
        return Err(format!(
            "{} URLs are too many, the most is {MAX_CALLS}",
            targets.len()
        ));
    }
    Ok(targets)
}

/// `5ms`, `1.5s` or a range such as `2ms..8ms`.
fn parse_latency(text: &str) -> Result<(Duration, Duration), String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (parse_duration(from.trim())?, parse_duration(to.trim())?);
    if from > to {
        return Err(format!("`{text}` ends before it begins"));
    }
    Ok((from, to))
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is no duration such as 5ms or 1.5s, at most 60s");
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').ok_or_else(bad)?, 1.0),
    };
    let seconds = number.parse::<f64>().map_err(|_| bad())? * unit;
    if !(0.0..=MAX_LATENCY.as_secs_f64()).contains(&seconds) {
        return Err(bad());
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn parse_body(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if bytes <= MAX_BODY => Ok(bytes),
        _ => Err(format!("`{text}` is no number of bytes from 0 to {MAX_BODY}")),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.01..=1000.0).contains(&rate) => Ok(rate),
        _ => Err(format!(
            "`{text}` is no number of calls a second from 0.01 to 1000"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> (Behaviour, Vec<String>) {
        let annotations = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let (behaviour, errors) = Behaviour::parse(&annotations);
        (behaviour, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn annotations_say_what_an_application_does() {
        let (behaviour, errors) = parse(&[
            (
                "demo.vigla/calls",
                "http://details:9080/details/0\nhttp://reviews:9080/reviews/0?x=1\n",
            ),
            ("demo.vigla/latency", "2ms..1.5s"),
            ("demo.vigla/body-bytes", "1200"),
            ("demo.vigla/rate", "2.5"),
            ("sidecar.istio.io/inject", "false"),
        ]);
        assert!(errors.is_empty(), "{errors:?}");
        let calls: Vec<_> = behaviour
            .calls
            .iter()
            .map(|c| (c.host.as_str(), c.port, c.path.as_str()))
            .collect();
        assert_eq!(
            calls,
            [
                ("details", 9080, "/details/0"),
                ("reviews", 9080, "/reviews/0?x=1")
            ]
        );
        assert_eq!(
            behaviour.latency,
            (Duration::from_millis(2), Duration::from_millis(1500))
        );
        assert_eq!((behaviour.body_bytes, behaviour.rate), (1200, 2.5));
    }

    #[test]
    fn no_annotations_mean_a_quiet_application_that_answers() {
        assert_eq!(parse(&[]), (Behaviour::default(), vec![]));
    }

    #[test]
    fn every_bad_annotation_is_named_and_the_others_are_used() {
        for (name, value) in [
            ("calls", "https://details/"),
            ("calls", "details:9080"),
            ("calls", "http://"),
            ("latency", "5"),
            ("latency", "9ms..2ms"),
            ("latency", "-1s"),
            ("latency", "61s"),
            ("latency", "NaNs"),
            ("body-bytes", "99999999999"),
            ("rate", "0"),
            ("rate", "NaN"),
            ("surprise", "1"),
        ] {
            let (behaviour, errors) = parse(&[
                (&format!("{PREFIX}{name}"), value),
                ("demo.vigla/pages", "http://a/b"),
            ]);
            assert_eq!(errors.len(), 1, "{name}: {value}");
            assert!(
                errors[0].starts_with(&format!("annotation `demo.vigla/{name}`: ")),
                "{errors:?}"
            );
            assert_eq!(behaviour.pages.len(), 1);
        }
    }

    #[test]
    fn a_url_without_port_goes_to_80() {
        let target = Target::parse("http://bookinfo.example/productpage").unwrap();
        assert_eq!((target.port, target.authority.as_str()), (80, "bookinfo.example"));
    }
}
