//! `VG1601`: tries take longer than the request may.

use crate::rule::prelude::*;
use vigla_config::VirtualService;

pub(crate) static RULE: Rule = Rule {
    code: Code(1601),
    name: "try-longer-than-request",
    severity: Severity::Warning,
    says: "The time of one try is longer than that of the whole request, or all tries together take longer \
           than it. The time of the request counts over all tries.",
    consequence: "The last tries never run: the request ends with 504 (flag UT) before.",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - timeout: 2s
    retries:
      attempts: 3
      perTryTimeout: 2s # here
    route: [{destination: {host: reviews}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - timeout: 10s
    retries:
      attempts: 3
      perTryTimeout: 2s
    route: [{destination: {host: reviews}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(service) = VirtualService::of(case.object) else {
        return;
    };
    for rule in service.http() {
        let (Some(whole), Some(retries)) = (rule.timeout().filter(|whole| !whole.is_zero()), rule.retries())
        else {
            continue;
        };
        let (Some(one), Some(node)) = (
            retries.per_try_timeout().filter(|one| !one.is_zero()),
            retries.field("perTryTimeout"),
        ) else {
            continue;
        };
        let tries = retries.attempts().unwrap_or(2).saturating_add(1);
        // Envoy waits 25 ms and more between tries; without that the bound is on the safe side.
        let needed = one.saturating_mul(tries);
        if retries.attempts() == Some(0) || needed <= whole {
            continue;
        }
        let run = whole.as_secs_f64() / one.as_secs_f64();
        let message = if one > whole {
            format!("one try may take {one:?}, the whole request {whole:?}")
        } else {
            format!("{tries} tries of {one:?} take {needed:?}, the request may take {whole:?}")
        };
        found
            .at(node, message)
            .related(
                case.object,
                rule.field("timeout").unwrap_or(node),
                "the time of the whole request",
            )
            .consequence(format!(
                "When tries time out, {} of {tries} run; then the request ends with 504 (flag UT).",
                run.ceil()
            ));
    }
}
