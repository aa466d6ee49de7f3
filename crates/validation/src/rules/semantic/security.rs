//! PeerAuthentication and RequestAuthentication.

use vigla_config::Node;

use super::{Faults, authorization_policy::check_target};
use crate::case::{at, items};

pub(super) fn check_peer<'a>(spec: Node<'a>, faults: &mut Faults<'a>) {
    check_target(spec, faults);
    let Some(ports) = at(spec, "portLevelMtls") else {
        return;
    };
    let selects = at(spec, "selector.matchLabels").is_some_and(|labels| labels.entries().next().is_some());
    if !selects {
        faults.at_key(
            ports,
            "port-mtls-selector",
            "`portLevelMtls` needs a `selector`: ports are those of some pods",
        );
    }
    if ports.entries().next().is_none() {
        faults.at_key(ports, "empty-ports", "`portLevelMtls` names no port");
    }
    for (port, node) in ports.entries() {
        if !port.parse::<u16>().is_ok_and(|port| port > 0) {
            faults.at_key(node, "port", format!("`{port}` is no port from 1 to 65535"));
        }
    }
}

pub(super) fn check_request<'a>(spec: Node<'a>, faults: &mut Faults<'a>) {
    check_target(spec, faults);
    for rule in items(Some(spec), "jwtRules") {
        let written =
            |key: &str| at(rule, key).filter(|node| node.text().is_some_and(|text| !text.is_empty()));
        if written("issuer").is_none() && written("jwksUri").is_none() && written("jwks").is_none() {
            faults.missing(
                rule,
                "issuer",
                "issuer",
                "a rule needs `issuer`, or the keys by `jwksUri` or `jwks`",
            );
        }
        if let (Some(_), Some(second)) = (written("jwksUri"), written("jwks")) {
            faults.at_key(
                second,
                "two-key-sets",
                "`jwks` and `jwksUri` may not stand beside each other",
            );
        }
        if let Some(node) = written("jwksUri")
            && let Some(url) = node.text()
        {
            let host = url
                .strip_prefix("https://")
                .or_else(|| url.strip_prefix("http://"));
            if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
                faults.at(
                    node,
                    "jwks-uri",
                    format!("`{url}` is no address such as https://login.example/keys"),
                );
            }
        }
        if let Some(node) = written("jwks")
            && let Some((text, _)) = node.raw()
        {
            let found = vigla_config::read_documents("-", text);
            let set = found.documents.first().map(vigla_config::Document::root);
            match set.and_then(|set| set.get("keys")) {
                Some(keys) if found.errors.is_empty() && keys.is_sequence() => {
                    if keys.items().any(|key| key.get("d").is_some()) {
                        faults.at(node, "private-key", "the key set has a private key (`d`), which belongs nowhere but to the issuer").warning();
                    }
                }
                _ => {
                    faults.at(node, "jwks", "this is no key set: JSON with `keys` is wanted");
                }
            }
        }
        for header in items(Some(rule), "fromHeaders") {
            if at(header, "name").and_then(Node::text).is_none_or(str::is_empty) {
                faults.missing(
                    header,
                    "name",
                    "from-header",
                    "an entry of `fromHeaders` needs `name`",
                );
            }
        }
        for header in items(Some(rule), "outputClaimToHeaders") {
            for key in ["header", "claim"] {
                if at(header, key).and_then(Node::text).is_none_or(str::is_empty) {
                    faults.missing(
                        header,
                        if key == "header" { "header" } else { "claim" },
                        "claim-header",
                        format!("an entry of `outputClaimToHeaders` needs `{key}`"),
                    );
                }
            }
        }
        for key in ["audiences", "fromParams", "fromCookies"] {
            for node in
                items(Some(rule), key).filter(|node| node.raw().is_some_and(|(text, _)| text.is_empty()))
            {
                faults.at(node, "empty-value", "an empty value fits nothing");
            }
        }
    }
}
