//! Values that several kinds have: hosts, durations, percentages, names.

use std::{collections::HashSet, net::IpAddr};

use vigla_config::Node;

use super::Faults;
use crate::case::at;

/// A part of a DNS name: letters, digits and dashes, at most 63.
pub(super) fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A whole DNS name, without wildcard. The last part is no number, or it would be an address.
pub(super) fn is_domain(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 255
        && text.split('.').all(is_label)
        && !text
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}

/// A DNS name whose first part may be `*`, or `*` alone.
pub(super) fn is_wildcard_domain(text: &str) -> bool {
    text == "*" || is_domain(text.strip_prefix("*.").unwrap_or(text))
}

/// A name that labels, subsets and ports may have.
pub(super) fn is_label_value(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && ends(text.chars().next())
        && ends(text.chars().next_back())
}

pub(super) fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// An address with or without the length of its network.
pub(in crate::rules) fn is_network(text: &str) -> bool {
    match text.split_once('/') {
        Some((address, bits)) => match (address.parse::<IpAddr>(), bits.parse::<u8>()) {
            (Ok(IpAddr::V4(_)), Ok(bits)) => bits <= 32,
            (Ok(IpAddr::V6(_)), Ok(bits)) => bits <= 128,
            _ => false,
        },
        None => is_address(text),
    }
}

/// Durations are at least a millisecond, and whole ones.
pub(super) fn check_duration<'a>(parent: Node<'a>, key: &str, faults: &mut Faults<'a>) {
    let Some(node) = at(parent, key) else { return };
    let Some(text) = node.text() else { return };
    match node.as_duration() {
        None => {
            let fix = text
                .parse::<f64>()
                .ok()
                .and_then(|_| crate::Fix::replace(format!("write `{text}s`"), node, &format!("{text}s")));
            faults
                .at(
                    node,
                    "duration",
                    format!("`{text}` is no duration such as 1.5s, 100ms or 1h"),
                )
                .fix(fix);
        }
        // A timeout of zero means none.
        Some(time) if time.is_zero() && key == "timeout" => (),
        Some(time) if time.as_micros() < 1000 => {
            faults.at(
                node,
                "duration",
                format!("`{text}` is shorter than a millisecond"),
            );
        }
        Some(time) if time.subsec_micros() % 1000 != 0 => {
            faults.at(
                node,
                "duration",
                format!("`{text}` is no whole number of milliseconds"),
            );
        }
        Some(_) => (),
    }
}

/// Shares are from 0 to 100.
pub(super) fn check_percent<'a>(parent: Node<'a>, key: &str, faults: &mut Faults<'a>) {
    if let Some(node) = at(parent, key)
        && let Some(value) = node.as_f64()
        && !(0.0..=100.0).contains(&value)
    {
        faults.at(
            node,
            "percentage",
            format!("{value} is no percentage from 0 to 100"),
        );
    }
}

/// Ports are from 1 to 65535.
pub(super) fn check_port<'a>(parent: Node<'a>, key: &str, faults: &mut Faults<'a>) {
    if let Some(node) = at(parent, key)
        && node.as_i64().is_some_and(|port| !(1..=65535).contains(&port))
    {
        faults.at(
            node,
            "port",
            format!("{} is no port from 1 to 65535", node.text().unwrap_or_default()),
        );
    }
}

/// `exportTo`: `.`, `*`, `~` or names of namespaces; `*` beside others says too much.
pub(super) fn check_export_to<'a>(spec: Node<'a>, none_allowed: bool, faults: &mut Faults<'a>) {
    let entries: Vec<Node<'a>> = crate::case::items(Some(spec), "exportTo").collect();
    let mut seen = HashSet::new();
    for &node in &entries {
        let Some(text) = node.text() else { continue };
        let known = matches!(text, "." | "*") || (text == "~" && none_allowed) || is_label(text);
        if !known {
            faults.at(
                node,
                "export-to",
                format!("`{text}` is no namespace, nor `.` or `*`"),
            );
        } else if !seen.insert(text) {
            faults
                .at(node, "export-to", format!("`{text}` stands there twice"))
                .fix(crate::Fix::remove("remove the second one", node));
        } else if matches!(text, "*" | "~") && entries.len() > 1 {
            faults.at(node, "export-to", format!("`{text}` may not stand beside others"));
        }
    }
}

/// A regular expression may be 1024 characters long.
pub(super) fn check_regex<'a>(node: Node<'a>, faults: &mut Faults<'a>) {
    let Some(text) = node.text() else { return };
    if text.chars().count() > 1024 {
        faults.at(node, "regex", "the pattern is longer than 1024 characters");
        return;
    }
    for (part, what) in [
        ("(?=", "looks ahead"),
        ("(?!", "looks ahead"),
        ("(?<=", "looks behind"),
        ("(?<!", "looks behind"),
    ] {
        if text.contains(part) {
            faults.at(node, "regex", format!("`{part}` {what}, which RE2 does not do"));
            return;
        }
    }
    if let Some(what) = unbalanced(text) {
        faults.at(node, "regex", what);
    }
}

/// A bracket or parenthesis of a pattern that has no other half.
fn unbalanced(pattern: &str) -> Option<String> {
    let mut depth = 0_i32;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => return Some("the pattern ends in `\\`".to_owned()),
            '[' => {
                // The first `]` of a class is one of its characters.
                if chars.peek() == Some(&'^') {
                    chars.next();
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                }
                loop {
                    match chars.next() {
                        None => return Some("`[` of the pattern is not closed".to_owned()),
                        Some('\\') => {
                            chars.next();
                        }
                        // `[:alpha:]` inside of a class.
                        Some('[') if chars.peek() == Some(&':') => {
                            while chars.next().is_some_and(|c| c != ']') {}
                        }
                        Some(']') => break,
                        Some(_) => (),
                    }
                }
            }
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth < 0 {
                    return Some("`)` of the pattern closes nothing".to_owned());
                }
            }
            _ => (),
        }
    }
    (depth > 0).then(|| "`(` of the pattern is not closed".to_owned())
}

/// Names of headers: letters and the signs that HTTP allows in them.
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_patterns_are_told_apart() {
        for (text, domain) in [
            ("a.b", true),
            ("a_b", false),
            ("*.a", false),
            ("1.2.3.4", false),
            ("", false),
            ("a.", true),
            ("-a", false),
        ] {
            assert_eq!(is_domain(text), domain, "{text}");
        }
        for (text, wildcard) in [
            ("*", true),
            ("*.a", true),
            ("a.*", false),
            ("*a", false),
            ("a", true),
        ] {
            assert_eq!(is_wildcard_domain(text), wildcard, "{text}");
        }
        for (text, network) in [
            ("10.0.0.0/8", true),
            ("::1", true),
            ("10.0.0.0/33", false),
            ("a", false),
            ("::/129", false),
        ] {
            assert_eq!(is_network(text), network, "{text}");
        }
        for (pattern, whole) in [
            ("a(b|c)[()]", true),
            ("a(", false),
            ("a)", false),
            ("[", false),
            ("[]a]", true),
            ("a\\", false),
            ("[[:alpha:]]", true),
        ] {
            assert_eq!(unbalanced(pattern).is_none(), whole, "{pattern}");
        }
        assert!(is_label_value("v1.2_a") && !is_label_value("v1-") && is_label_value(""));
    }
}
