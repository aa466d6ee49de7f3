//! One rule of a VirtualService's `http`.

use vigla_config::Node;

use super::{
    Faults,
    values::*,
    virtual_service::{check_destination, check_weights},
};
use crate::{
    case::{at, items},
    nearest::nearest,
};

pub(super) fn check<'a>(rule: Node<'a>, in_delegate: bool, faults: &mut Faults<'a>) {
    check_action(rule, in_delegate, faults);
    for condition in items(Some(rule), "match") {
        check_match(condition, faults);
    }
    let routes: Vec<Node<'a>> = items(Some(rule), "route").collect();
    check_weights(&routes, faults);
    for &route in &routes {
        match at(route, "destination") {
            Some(destination) => check_destination(destination, faults),
            None => {
                faults.missing(
                    route,
                    "destination",
                    "no-destination",
                    "a route needs `destination`",
                );
            }
        }
        check_headers(route, faults);
    }
    check_headers(rule, faults);
    for mirror in items(Some(rule), "mirrors") {
        if let Some(destination) = at(mirror, "destination") {
            check_destination(destination, faults);
        }
        check_percent(mirror, "percentage.value", faults);
    }
    if let Some(mirror) = at(rule, "mirror") {
        check_destination(mirror, faults);
        if let Some(second) = at(rule, "mirrors") {
            faults.at_key(
                second,
                "mirror",
                "`mirror` and `mirrors` may not stand beside each other",
            );
        }
    }
    check_percent(rule, "mirrorPercentage.value", faults);
    check_duration(rule, "timeout", faults);
    check_fault(rule, faults);
    check_retries(rule, faults);
    check_answers(rule, faults);
    check_cors(rule, faults);
}

/// One thing is done with a request.
fn check_action<'a>(rule: Node<'a>, in_delegate: bool, faults: &mut Faults<'a>) {
    let done: Vec<Node<'a>> = ["route", "redirect", "directResponse", "delegate"]
        .into_iter()
        .filter_map(|key| at(rule, key))
        .filter(|node| !node.is_sequence() || node.items().next().is_some())
        .collect();
    if done.is_empty() {
        faults.missing(
            rule,
            "route",
            "no-action",
            "the rule needs one of `route`, `redirect`, `directResponse` or `delegate`",
        );
    }
    for &second in done.iter().skip(1) {
        let names = (
            done[0].key().unwrap_or_default(),
            second.key().unwrap_or_default(),
        );
        faults.at_key(
            second,
            "two-actions",
            format!("`{}` and `{}` may not stand beside each other", names.0, names.1),
        );
    }
    if in_delegate && let Some(delegate) = at(rule, "delegate") {
        faults.at_key(
            delegate,
            "delegate",
            "a VirtualService without hosts may not delegate further",
        );
    }
    for action in ["redirect", "directResponse"] {
        if at(rule, action).is_none() {
            continue;
        }
        for key in ["fault", "rewrite"] {
            if let Some(node) = at(rule, key) {
                faults.at_key(
                    node,
                    "action-and-change",
                    format!("`{key}` may not stand beside `{action}`"),
                );
            }
        }
    }
}

fn check_match<'a>(condition: Node<'a>, faults: &mut Faults<'a>) {
    let single = ["uri", "scheme", "method", "authority"]
        .into_iter()
        .filter_map(|key| at(condition, key));
    let named = ["headers", "withoutHeaders", "queryParams"]
        .into_iter()
        .filter_map(|key| at(condition, key))
        .flat_map(Node::entries)
        .map(|(_, node)| node);
    for asked in single.chain(named) {
        if let Some(node) = asked
            .get("prefix")
            .filter(|node| node.raw().is_some_and(|(text, _)| text.is_empty()))
        {
            faults.at(node, "empty-prefix", "a prefix may not be empty");
        }
        if let Some(node) = at(asked, "regex") {
            check_regex(node, faults);
        }
    }
    for key in ["headers", "withoutHeaders"] {
        for (name, node) in at(condition, key).into_iter().flat_map(Node::entries) {
            let claim =
                name.starts_with('@') && name.to_ascii_lowercase().starts_with("@request.auth.claims");
            if !claim && !is_header_name(name.trim_start_matches(':')) {
                faults.at_key(node, "header-name", format!("`{name}` is no name of a header"));
            }
        }
    }
    check_port(condition, "port", faults);
    if let Some(node) = at(condition, "sourceNamespace")
        && node.text().is_some_and(|name| !is_label(name))
    {
        faults.at(node, "source-namespace", "this is no name of a namespace");
    }
}

fn check_headers<'a>(holder: Node<'a>, faults: &mut Faults<'a>) {
    for side in ["request", "response"] {
        let Some(changes) = at(holder, "headers").and_then(|headers| at(headers, side)) else {
            continue;
        };
        for key in ["set", "add"] {
            for (name, node) in at(changes, key).into_iter().flat_map(Node::entries) {
                let authority = name.eq_ignore_ascii_case("host") || name == ":authority";
                let may_be_set = authority && side == "request" && key == "set";
                if !may_be_set && !is_header_name(name) {
                    faults.at_key(
                        node,
                        "header-name",
                        format!("`{name}` is no name of a header that may be changed"),
                    );
                }
            }
        }
        for node in items(Some(changes), "remove") {
            if let Some(name) = node.text().filter(|name| !is_header_name(name)) {
                faults.at(
                    node,
                    "header-name",
                    format!("`{name}` is no name of a header that may be removed"),
                );
            }
        }
    }
}

fn check_fault<'a>(rule: Node<'a>, faults: &mut Faults<'a>) {
    let Some(fault) = at(rule, "fault") else { return };
    if at(fault, "delay").is_none() && at(fault, "abort").is_none() {
        faults.at_key(fault, "empty-fault", "a fault needs `delay` or `abort`");
    }
    if let Some(delay) = at(fault, "delay") {
        check_duration(delay, "fixedDelay", faults);
        check_percent(delay, "percentage.value", faults);
        check_percent(delay, "percent", faults);
        if let Some(node) = at(delay, "exponentialDelay") {
            faults.at_key(node, "exponential-delay", "`exponentialDelay` is not supported");
        } else if at(delay, "fixedDelay").is_none() {
            faults.missing(delay, "fixedDelay", "no-delay", "a delay needs `fixedDelay`");
        }
    }
    if let Some(abort) = at(fault, "abort") {
        check_percent(abort, "percentage.value", faults);
        if let Some(node) = at(abort, "httpStatus")
            .filter(|node| node.as_i64().is_some_and(|status| !(200..=600).contains(&status)))
        {
            faults.at(node, "abort-status", "the status of an abort is from 200 to 600");
        }
        if let Some(node) = at(abort, "grpcStatus")
            && let Some(word) = node
                .text()
                .filter(|word| !GRPC.contains(word) && word.parse::<u8>().is_err())
        {
            let fix =
                nearest(word, GRPC).and_then(|near| crate::Fix::replace(format!("use {near}"), node, near));
            faults
                .at(node, "grpc-status", format!("gRPC has no status `{word}`"))
                .fix(fix);
        }
        if let Some(node) = at(abort, "http2Error") {
            faults.at_key(node, "http2-abort", "`http2Error` is not supported");
        }
        if ["httpStatus", "grpcStatus", "http2Error"]
            .into_iter()
            .all(|key| at(abort, key).is_none())
        {
            faults.missing(
                abort,
                "httpStatus",
                "no-abort-status",
                "an abort needs `httpStatus` or `grpcStatus`",
            );
        }
    }
}

const GRPC: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// What `retryOn` may name, beside status codes.
const RETRY_ON: [&str; 16] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

fn check_retries<'a>(rule: Node<'a>, faults: &mut Faults<'a>) {
    let Some(retries) = at(rule, "retries") else {
        return;
    };
    check_duration(retries, "perTryTimeout", faults);
    let attempts = at(retries, "attempts");
    match attempts.and_then(Node::as_i64) {
        Some(number) if number < 0 => {
            faults.at(attempts.unwrap_or(retries), "attempts", "attempts are 0 or more");
        }
        Some(0) => {
            for key in ["perTryTimeout", "retryOn", "retryRemoteLocalities"] {
                if let Some(node) = at(retries, key) {
                    faults
                        .at_key(
                            node,
                            "retries-off",
                            format!("with 0 attempts `{key}` may not be set"),
                        )
                        .fix(crate::Fix::remove(format!("remove `{key}`"), node));
                }
            }
        }
        _ => (),
    }
    if let Some(node) = at(retries, "retryOn") {
        for word in node.text().unwrap_or_default().split(',').map(str::trim) {
            let status = word.len() == 3 && word.parse::<u16>().is_ok_and(|code| (100..600).contains(&code));
            if !status && !RETRY_ON.contains(&word) {
                let fix = nearest(word, RETRY_ON).and_then(|near| {
                    let text = node.text()?.replace(word, near);
                    crate::Fix::replace(format!("use `{near}`"), node, &text)
                });
                faults
                    .at(node, "retry-on", format!("`{word}` is no condition to retry on"))
                    .fix(fix);
            }
        }
    }
}

fn check_answers<'a>(rule: Node<'a>, faults: &mut Faults<'a>) {
    if let Some(redirect) = at(rule, "redirect") {
        if ["uri", "authority", "port", "derivePort", "scheme", "redirectCode"]
            .into_iter()
            .all(|key| at(redirect, key).is_none())
        {
            faults.at_key(
                redirect,
                "empty-redirect",
                "a redirect needs `uri` or `authority` at least",
            );
        }
        if let Some(node) = at(redirect, "redirectCode")
            .filter(|node| node.as_i64().is_some_and(|code| !(300..=399).contains(&code)))
        {
            faults.at(node, "redirect-code", "the code of a redirect is from 300 to 399");
        }
        if let Some(node) =
            at(redirect, "scheme").filter(|node| !matches!(node.text(), Some("http" | "https")))
        {
            faults.at(
                node,
                "redirect-scheme",
                "the scheme of a redirect is http or https",
            );
        }
    }
    if let Some(rewrite) = at(rule, "rewrite") {
        let parts = ["uri", "authority", "uriRegexRewrite"].map(|key| at(rewrite, key));
        match parts {
            [None, None, None] => {
                faults.at_key(
                    rewrite,
                    "empty-rewrite",
                    "a rewrite needs `uri`, `uriRegexRewrite` or `authority`",
                );
            }
            [Some(_), _, Some(second)] => {
                faults.at_key(
                    second,
                    "rewrite-twice",
                    "`uri` and `uriRegexRewrite` may not stand beside each other",
                );
            }
            _ => (),
        }
        if let Some(node) = at(rewrite, "uriRegexRewrite.match") {
            check_regex(node, faults);
        }
    }
    if let Some(answer) = at(rule, "directResponse") {
        if let Some(node) = at(answer, "status")
            .filter(|node| node.as_i64().is_some_and(|status| !(200..=599).contains(&status)))
        {
            faults.at(
                node,
                "direct-status",
                "the status of an answer is from 200 to 599",
            );
        }
        let body = ["body.string", "body.bytes"]
            .into_iter()
            .find_map(|key| at(answer, key));
        if let Some(node) = body {
            match node.raw().map_or(0, |(text, _)| text.len()) {
                size if size > 1 << 20 => {
                    faults.at(node, "direct-body", "the body is larger than 1 MiB");
                }
                size if size > 100 << 10 => {
                    faults
                        .at(
                            node,
                            "direct-body",
                            "the body is larger than 100 KiB: every proxy holds it",
                        )
                        .warning();
                }
                _ => (),
            }
        }
    }
}

fn check_cors<'a>(rule: Node<'a>, faults: &mut Faults<'a>) {
    let Some(cors) = at(rule, "corsPolicy") else {
        return;
    };
    for origin in items(Some(cors), "allowOrigins") {
        if let Some(node) = at(origin, "regex") {
            check_regex(node, faults);
        }
    }
    for node in items(Some(cors), "allowMethods") {
        let known = matches!(
            node.text(),
            Some(
                "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "CONNECT" | "TRACE" | "*"
            )
        );
        if !known {
            faults.at(
                node,
                "cors-method",
                format!("`{}` is no method", node.text().unwrap_or_default()),
            );
        }
    }
    for key in ["allowHeaders", "exposeHeaders"] {
        for node in items(Some(cors), key) {
            if node
                .text()
                .is_some_and(|name| name != "*" && !is_header_name(name))
            {
                faults.at(
                    node,
                    "header-name",
                    format!("`{}` is no name of a header", node.text().unwrap_or_default()),
                );
            }
        }
    }
    if let Some(node) = at(cors, "maxAge")
        && node.as_duration().is_some_and(|time| time.subsec_nanos() != 0)
    {
        faults.at(node, "cors-age", "`maxAge` is a whole number of seconds");
    }
}
