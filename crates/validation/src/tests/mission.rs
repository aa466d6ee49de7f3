//! The samples of the document that the project was asked to serve, word for word.

use vigla_config::MeshSettings;

use super::NOW;
use crate::{Text, validate};

const HTTPBIN: &str = include_str!("../../tests/mission/httpbin.yaml");
const HANDLER: &str = include_str!("../../tests/mission/mixer-handler.yaml");
const PEER_AUTHENTICATION: &str = include_str!("../../tests/mission/peerauthentication.yaml");
const VIRTUAL_SERVICE: &str = include_str!("../../tests/mission/virtualservice.yaml");

#[test]
fn a_careful_expert_says_two_things_of_the_missions_samples() {
    let texts = [
        ("httpbin.yaml", HTTPBIN),
        ("mixer-handler.yaml", HANDLER),
        ("peerauthentication.yaml", PEER_AUTHENTICATION),
        ("virtualservice.yaml", VIRTUAL_SERVICE),
    ]
    .map(|(file, text)| Text { file, text });
    let report = validate(&texts, MeshSettings::default(), NOW);
    let found: Vec<String> = report
        .findings
        .iter()
        .map(|finding| {
            let place = finding.place.location.as_ref().expect("they are texts");
            let fix = finding.fix.as_ref().map_or("-", |fix| fix.title.as_str());
            format!(
                "{place} {} {} {} [{fix}]",
                finding.code(),
                finding.severity,
                finding.message
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "mixer-handler.yaml:2:7 VG0011 error `handler` of config.istio.io left Istio with Mixer in version 1.8; \
             this `memquota` was meant to allow 5000 requests in 1s for each set of dimensions, 100 requests in 1s \
             for destination `httpbin`. What comes nearest is Envoy's local rate limit, by an EnvoyFilter: it counts \
             in each proxy by itself, not for the whole mesh [limit each proxy of `httpbin` to 100 requests in 1s by \
             itself (per proxy, not per mesh)]",
            "virtualservice.yaml:5:1 VG1711 warning without `hosts` this is a delegate, and no VirtualService \
             delegates to `httpbin` of namespace `default` [add `hosts: [httpbin]`]",
        ]
    );
    let handler = &report.findings[0];
    assert!(
        handler.consequence.contains("a handler alone limited nothing"),
        "{}",
        handler.consequence
    );
}
