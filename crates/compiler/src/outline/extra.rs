//! Copies, browsers' rules and keys of routes as text; and how endpoints are picked.

use std::fmt::{self, Write as _};

use vigla_dataplane::{Balancer, Forward, HashKey, StringMatch};

pub(super) fn write(out: &mut String, forward: &Forward) -> fmt::Result {
    for mirror in &forward.mirrors {
        let percent = f64::from(mirror.share) / 10_000.0;
        write!(out, ", copies to {} for {percent} %", mirror.cluster)?;
    }
    if let Some(cors) = &forward.cors {
        let origins = cors.allow_origins.iter().map(|origin| match origin {
            StringMatch::Exact(text) => text.to_string(),
            StringMatch::Prefix(text) => format!("{text}…"),
            StringMatch::Regex(pattern) => format!("~{}", pattern.as_str()),
            StringMatch::Present => "*".to_owned(),
        });
        write!(out, ", pages of {} may", origins.collect::<Vec<_>>().join(" "))?;
        for (word, values) in [
            ("use", &cors.allow_methods),
            ("send", &cors.allow_headers),
            ("read", &cors.expose_headers),
        ] {
            if !values.is_empty() {
                write!(out, " {word} {}", values.join(","))?;
            }
        }
        if cors.allow_credentials == Some(true) {
            write!(out, " with cookies")?;
        }
        if let Some(age) = cors.max_age {
            write!(out, " for {age:?}")?;
        }
        if !cors.forward_unmatched {
            write!(out, ", others are answered")?;
        }
    }
    for key in &forward.hash {
        match key {
            HashKey::Header(name) => write!(out, ", by header {name}")?,
            HashKey::Query(name) => write!(out, ", by query {name}")?,
            HashKey::SourceIp => write!(out, ", by caller")?,
            HashKey::Cookie { name, path, ttl } => {
                write!(out, ", by cookie {name}{path}")?;
                if let Some(ttl) = ttl {
                    write!(out, " for {ttl:?}")?;
                }
            }
        }
    }
    Ok(())
}

pub(super) fn balancer(balancer: Balancer) -> String {
    let of = |name: &str, entries: Option<u32>| match entries {
        Some(entries) => format!("{name} of {entries}"),
        None => name.to_owned(),
    };
    match balancer {
        Balancer::RingHash { entries } => of("RingHash", entries),
        Balancer::Maglev { entries } => of("Maglev", entries),
        other => format!("{other:?}"),
    }
}
