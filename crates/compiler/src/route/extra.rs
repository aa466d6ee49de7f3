//! Copies of requests, and what browsers are told.

use std::sync::Arc;

use vigla_config::{HttpRule, StringMatch as Written, VirtualService};
use vigla_dataplane::{Cors, Mirror, Pattern, StringMatch};

use super::Scene;
use crate::{context::Context, names, table};

pub(super) fn mirrors(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    http: HttpRule<'_>,
    scene: &Scene<'_>,
) -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    for written in http.mirrors() {
        let destination = written.destination();
        let share = written.share().millionths;
        let Some(host) = destination.host() else {
            let message = "the mirror has no host; no copies are made";
            context.problem(rule.origin(written.node()), message);
            continue;
        };
        if share == 0 {
            continue;
        }
        let host = table::destination_host(context, rule, host);
        let port = table::port_of(context.mesh.any_service(&host), destination.port(), scene.port);
        mirrors.push(Mirror {
            cluster: names::cluster(port, destination.subset(), host.as_str()),
            share,
            origin: Some(rule.origin(written.node())),
        });
    }
    mirrors
}

pub(super) fn cors(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    http: HttpRule<'_>,
) -> Option<Arc<Cors>> {
    let written = http.cors()?;
    let mut allow_origins = Vec::new();
    for origin in written.allow_origins() {
        allow_origins.push(match origin {
            Written::Exact(text) => StringMatch::Exact(text.into()),
            Written::Prefix("") => StringMatch::Present,
            Written::Prefix(text) => StringMatch::Prefix(text.into()),
            Written::Regex(text) => match Pattern::new(text) {
                Ok(pattern) => StringMatch::Regex(pattern),
                Err(_) => {
                    let message = format!("`{text}` is no regular expression; it allows no origin");
                    context.problem(rule.origin(written.node()), message);
                    continue;
                }
            },
        });
    }
    let list = |key: &str| written.list(key).map(Arc::from).collect();
    Some(Arc::new(Cors {
        allow_origins,
        allow_methods: list("allowMethods"),
        allow_headers: list("allowHeaders"),
        expose_headers: list("exposeHeaders"),
        max_age: written.max_age(),
        allow_credentials: written.allow_credentials(),
        forward_unmatched: written.forwards_unmatched(),
        origin: Some(rule.origin(written.node())),
    }))
}
