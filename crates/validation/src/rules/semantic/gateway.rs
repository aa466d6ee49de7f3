//! Gateway.

use std::collections::BTreeSet;

use vigla_config::Node;

use super::{Faults, values::*};
use crate::{
    Fix,
    case::{at, items},
    nearest::nearest,
};

const PROTOCOLS: [&str; 10] = [
    "HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "TCP", "TLS", "MONGO", "MYSQL", "REDIS",
];

pub(super) fn check<'a>(spec: Node<'a>, faults: &mut Faults<'a>) {
    if items(Some(spec), "servers").next().is_none() {
        faults.missing(
            spec,
            "servers",
            "no-servers",
            "a Gateway needs at least one server",
        );
    }
    let mut names = BTreeSet::new();
    for server in items(Some(spec), "servers") {
        check_server(server, faults);
        if let Some(node) = at(server, "port.name")
            && let Some(name) = node.text()
            && !names.insert(name)
        {
            faults.at(
                node,
                "port-name-twice",
                format!("two servers have the port name `{name}`"),
            );
        }
    }
}

fn check_server<'a>(server: Node<'a>, faults: &mut Faults<'a>) {
    let Some(port) = at(server, "port") else {
        faults.missing(server, "port", "no-port", "a server needs `port`");
        return;
    };
    check_port(port, "number", faults);
    let protocol = at(port, "protocol")
        .and_then(Node::text)
        .unwrap_or_default()
        .to_ascii_uppercase();
    match at(port, "protocol") {
        Some(node) if !PROTOCOLS.contains(&protocol.as_str()) => {
            let fix = nearest(&protocol, PROTOCOLS)
                .and_then(|near| Fix::replace(format!("use {near}"), node, near));
            faults
                .at(
                    node,
                    "protocol",
                    format!("a server does not speak `{}`", node.text().unwrap_or_default()),
                )
                .fix(fix);
        }
        _ => (),
    }
    if let Some(node) = at(port, "targetPort") {
        faults.at_key(node, "target-port", "`targetPort` has no meaning in a Gateway");
    }
    if let Some(node) = at(server, "bind")
        && let Some(bind) = node
            .text()
            .filter(|bind| !is_address(bind) && !bind.starts_with("unix://"))
    {
        faults.at(
            node,
            "bind",
            format!("`{bind}` is no address, nor a socket such as unix:///path"),
        );
    }
    if items(Some(server), "hosts").next().is_none() {
        faults.missing(
            server,
            "hosts",
            "no-hosts",
            "a server needs `hosts`; `*` stands for all",
        );
    }
    for node in items(Some(server), "hosts") {
        check_host(node, faults);
    }
    let tls = at(server, "tls");
    let encrypted = matches!(protocol.as_str(), "HTTPS" | "TLS");
    match tls {
        None if encrypted => {
            faults.missing(
                server,
                "tls",
                "tls-needed",
                format!("a server that speaks {protocol} needs `tls`"),
            );
        }
        Some(tls) if !encrypted && PROTOCOLS.contains(&protocol.as_str()) => {
            let redirect = at(tls, "httpsRedirect").and_then(Node::as_bool) == Some(true);
            let only_redirect = tls
                .entries()
                .all(|(key, value)| key == "httpsRedirect" || value.is_null());
            if !(redirect && only_redirect && protocol.starts_with("HTTP")) {
                faults.at_key(
                    tls,
                    "tls-on-plain",
                    format!("a server that speaks {protocol} may not have `tls` (but for `httpsRedirect`)"),
                );
            }
        }
        Some(tls) => check_tls(tls, faults),
        None => (),
    }
}

fn check_host<'a>(node: Node<'a>, faults: &mut Faults<'a>) {
    let Some(written) = node.text() else { return };
    let (namespace, host) = written
        .split_once('/')
        .map_or((None, written), |(namespace, host)| (Some(namespace), host));
    if namespace.is_some_and(|namespace| !matches!(namespace, "*" | ".") && !is_label(namespace)) {
        faults.at(
            node,
            "host-namespace",
            format!("`{written}` names no namespace before the `/`"),
        );
    } else if !is_wildcard_domain(host) && !is_address(host) {
        faults.at(
            node,
            "host",
            format!("`{host}` is no host; a wildcard stands for the whole first part"),
        );
    } else if host != "*" && !host.contains('.') {
        faults.at(
            node,
            "short-host",
            format!("`{host}` is a short name; a server's hosts are whole ones"),
        );
    }
}

fn check_tls<'a>(tls: Node<'a>, faults: &mut Faults<'a>) {
    let mode = at(tls, "mode").and_then(Node::text).unwrap_or("SIMPLE");
    let written = |key: &str| at(tls, key).filter(|node| node.text().is_some_and(|text| !text.is_empty()));
    let sources: Vec<Node<'a>> = [
        "credentialName",
        "credentialNames",
        "serverCertificate",
        "tlsCertificates",
    ]
    .into_iter()
    .filter_map(|key| at(tls, key))
    .filter(|node| node.text().is_some_and(|text| !text.is_empty()) || node.items().next().is_some())
    .collect();
    match mode {
        "PASSTHROUGH" | "AUTO_PASSTHROUGH" => {
            for node in [
                "credentialName",
                "serverCertificate",
                "privateKey",
                "caCertificates",
            ]
            .into_iter()
            .filter_map(written)
            {
                faults
                    .at_key(
                        node,
                        "passthrough-certificate",
                        "with PASSTHROUGH the gateway shows no certificate; this is not used",
                    )
                    .warning();
            }
        }
        "ISTIO_MUTUAL" => {
            for node in [
                "credentialName",
                "serverCertificate",
                "privateKey",
                "caCertificates",
            ]
            .into_iter()
            .filter_map(written)
            {
                faults.at_key(
                    node,
                    "istio-mutual-files",
                    "ISTIO_MUTUAL takes the mesh's certificates; this may not be set",
                );
            }
        }
        _ => {
            if sources.is_empty() {
                faults.missing(tls, "credentialName", "no-certificate", format!("{mode} needs a certificate: `credentialName`, or `serverCertificate` and `privateKey`"));
            }
            for &second in sources.iter().skip(1) {
                let first = sources[0].key().unwrap_or_default();
                faults.at_key(
                    second,
                    "two-certificates",
                    format!(
                        "`{}` may not stand beside `{first}`",
                        second.key().unwrap_or_default()
                    ),
                );
            }
            if written("serverCertificate").is_some() && written("privateKey").is_none() {
                faults.missing(
                    tls,
                    "privateKey",
                    "no-key",
                    "`serverCertificate` needs `privateKey`",
                );
            }
            if matches!(mode, "MUTUAL" | "OPTIONAL_MUTUAL")
                && written("serverCertificate").is_some()
                && written("caCertificates").is_none()
            {
                faults.missing(
                    tls,
                    "caCertificates",
                    "no-ca",
                    format!("{mode} with files needs `caCertificates`"),
                );
            }
        }
    }
    if let Some(node) =
        at(tls, "minProtocolVersion").filter(|node| matches!(node.text(), Some("TLSV1_0" | "TLSV1_1")))
    {
        faults
            .at(
                node,
                "old-tls",
                "TLS below 1.2 is broken; clients that need it are years old",
            )
            .warning();
    }
}
