//! `metrics`: where numbers come from.

use std::{collections::BTreeMap, time::Duration};

use vigla_sources::outbound::OutboundSettings;

use super::{Section, source};

/// A Prometheus, or what speaks its API.
#[derive(Debug, Clone)]
pub struct PrometheusSettings {
    /// Where it is and how it may be asked.
    pub outbound: OutboundSettings,
    /// Labels that the mesh's series carry, where others share the store.
    pub scope: BTreeMap<String, String>,
    /// Time from refresh to refresh.
    pub refresh: Refresh,
}

/// Time from refresh to refresh; scrapes are seldom closer than 15 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh(pub Duration);

impl Default for Refresh {
    fn default() -> Self {
        Self(Duration::from_secs(15))
    }
}

pub(super) fn read(section: &mut Section<'_, '_>) -> Option<PrometheusSettings> {
    let mut settings = None;
    section.section("prometheus", |section| {
        let scope = section.value("scope", "takes labels and their values", |node| {
            let pairs = node.entries().map(|(label, value)| {
                is_label(label).then_some((label.to_owned(), value.text()?.to_owned()))
            });
            pairs
                .collect::<Option<BTreeMap<_, _>>>()
                .filter(|_| node.is_mapping())
        });
        let refresh = section.duration("refresh", Duration::from_secs(1), Duration::from_secs(600));
        let outbound = source::read(section, "Prometheus");
        settings = outbound.map(|outbound| PrometheusSettings {
            outbound,
            scope: scope.unwrap_or_default(),
            refresh: refresh.map(Refresh).unwrap_or_default(),
        });
    });
    settings
}

/// Names of labels go into queries as they are.
fn is_label(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.as_bytes()[0].is_ascii_digit()
}
