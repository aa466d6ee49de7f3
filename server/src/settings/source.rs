//! What every source that is asked over HTTP has: address, rights, bounds.

use std::time::Duration;

use vigla_config::Node;
use vigla_sources::outbound::{AllowRule, Auth, MAX_IN_FLIGHT, Outbound, OutboundSettings};

use super::Section;

/// Reads `url`, `allow`, `bearer_token_file`, `basic`, `ca_file`, `deadline` and `in_flight`; `None` without `url`.
pub(super) fn read(section: &mut Section<'_, '_>, name: &str) -> Option<OutboundSettings> {
    let takes = "takes an address such as http://prometheus.istio-system:9090/";
    let url = section.value("url", takes, |node| node.text()?.parse().ok());
    let allow = section.value(
        "allow",
        "takes a list of loopback, private, public, or networks such as 10.0.0.0/8",
        |node| {
            let words: Option<Vec<&str>> = node.items().map(Node::text).collect();
            AllowRule::parse(words.filter(|_| node.is_sequence())?).ok()
        },
    );
    let auth = read_auth(section);
    let ca_file = section.path("ca_file");
    let deadline = section.duration("deadline", Duration::from_secs(1), Duration::from_secs(60));
    let in_flight = section.value("in_flight", "takes a number from 1 to 20", |node| {
        let number = usize::try_from(node.as_i64()?).ok()?;
        (1..=MAX_IN_FLIGHT).contains(&number).then_some(number)
    });
    let Some(url) = url else {
        if !section.has("url") {
            section.refuse("url", "needs a `url`");
        }
        return None;
    };
    let mut settings = OutboundSettings::new(name, url);
    settings.allow = allow.unwrap_or(settings.allow);
    settings.auth = auth;
    settings.ca_file = ca_file;
    settings.deadline = deadline.unwrap_or(settings.deadline);
    settings.in_flight = in_flight.unwrap_or(settings.in_flight);
    // Made once here so that what cannot work is told with its line, before anything starts.
    if let Err(error) = Outbound::new(settings.clone()) {
        section.refuse("url", &format!("cannot be used: {error}"));
    }
    Some(settings)
}

fn read_auth(section: &mut Section<'_, '_>) -> Auth {
    let token_file = section.path("bearer_token_file");
    let mut basic = None;
    section.section("basic", |section| {
        let user = section
            .text("user", "takes the name of a user")
            .map(str::to_owned);
        let password_file = section.path("password_file");
        match (user, password_file) {
            (Some(user), Some(password_file)) => basic = Some(Auth::Basic { user, password_file }),
            _ => section.refuse("user", "needs both `user` and `password_file`"),
        }
    });
    match (token_file, basic) {
        (Some(_), Some(_)) => {
            section.refuse("basic", "and `bearer_token_file` exclude each other");
            Auth::None
        }
        (Some(token_file), None) => Auth::Bearer { token_file },
        (None, Some(basic)) => basic,
        (None, None) => Auth::None,
    }
}
