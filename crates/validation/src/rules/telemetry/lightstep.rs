//! `VG4004`: a tracing provider that left Istio.

use crate::case::items;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(4004),
    name: "removed-provider",
    severity: Severity::Warning,
    says: "A Telemetry names the provider `lightstep`, which Istio no longer has; OpenTelemetry takes its \
           place.",
    consequence: "No traces are sent.",
    peers: &["IST0002"],
    kinds: &[TELEMETRY],
    needs: Config,
    fails: "apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: bookinfo}
spec:
  tracing:
  - providers:
    - name: lightstep # here
",
    passes: "apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: bookinfo}
spec:
  tracing:
  - providers:
    - name: otel
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let providers = case
        .items("tracing")
        .flat_map(|tracing| items(Some(tracing), "providers"));
    for node in providers.filter_map(|provider| provider.get("name")) {
        if node.text() == Some("lightstep") {
            found
                .at(node, "Istio has no provider `lightstep` any more")
                .likely();
        }
    }
}
