//! What Istio refuses though the fields are right: the conditions of its webhook, one file for each kind.
//!
//! They share two codes, one for what is refused and one for what is only warned of; the reason tells them apart.

mod authorization_policy;
mod destination_rule;
mod gateway;
mod http;
pub(super) mod refused;
mod security;
mod service_entry;
mod sidecar;
mod values;
mod virtual_service;
pub(super) mod warned;

pub(super) use values::is_network;
use vigla_config::Node;

use crate::{Fix, case::Case, found::Found};

/// Conditions of one object that do not hold.
struct Faults<'a> {
    list: Vec<Fault<'a>>,
}

struct Fault<'a> {
    node: Node<'a>,
    place: At,
    reason: &'static str,
    message: String,
    is_warning: bool,
    fix: Option<Fix>,
}

enum At {
    Value,
    Key,
    Missing(&'static str),
}

/// Faults of one object that are told.
const MOST: usize = 200;

impl<'a> Faults<'a> {
    fn add(&mut self, node: Node<'a>, place: At, reason: &'static str, message: String) -> &mut Fault<'a> {
        // Of hundreds of the same kind the first ones tell enough.
        if self.list.len() >= MOST {
            self.list.pop();
        }
        self.list.push(Fault {
            node,
            place,
            reason,
            message,
            is_warning: false,
            fix: None,
        });
        self.list.last_mut().expect("pushed above")
    }

    /// Something is wrong with a value.
    fn at(&mut self, node: Node<'a>, reason: &'static str, message: impl Into<String>) -> &mut Fault<'a> {
        self.add(node, At::Value, reason, message.into())
    }

    /// A field may not stand where it stands.
    fn at_key(&mut self, node: Node<'a>, reason: &'static str, message: impl Into<String>) -> &mut Fault<'a> {
        self.add(node, At::Key, reason, message.into())
    }

    /// A field is missing.
    fn missing(
        &mut self,
        node: Node<'a>,
        field: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> &mut Fault<'a> {
        self.add(node, At::Missing(field), reason, message.into())
    }
}

impl Fault<'_> {
    fn warning(&mut self) -> &mut Self {
        self.is_warning = true;
        self
    }

    fn fix(&mut self, fix: Option<Fix>) -> &mut Self {
        self.fix = fix;
        self
    }
}

fn faults<'a>(case: &Case<'a>) -> Vec<Fault<'a>> {
    let mut faults = Faults { list: Vec::new() };
    let Some(spec) = case.spec() else {
        return Vec::new();
    };
    match (case.object.group(), case.object.kind()) {
        ("networking.istio.io", "VirtualService") => virtual_service::check(case, spec, &mut faults),
        ("networking.istio.io", "DestinationRule") => destination_rule::check(spec, &mut faults),
        ("networking.istio.io", "Gateway") => gateway::check(spec, &mut faults),
        ("networking.istio.io", "ServiceEntry") => service_entry::check(spec, &mut faults),
        ("networking.istio.io", "Sidecar") => sidecar::check(spec, &mut faults),
        ("security.istio.io", "AuthorizationPolicy") => authorization_policy::check(spec, &mut faults),
        ("security.istio.io", "PeerAuthentication") => security::check_peer(spec, &mut faults),
        ("security.istio.io", "RequestAuthentication") => security::check_request(spec, &mut faults),
        _ => (),
    }
    faults.list
}

/// Tells those that are warnings, or those that are not.
fn tell(case: &Case<'_>, found: &mut Found<'_>, warnings: bool) {
    for fault in faults(case)
        .into_iter()
        .filter(|fault| fault.is_warning == warnings)
    {
        let finding = match fault.place {
            At::Value => found.at(fault.node, fault.message),
            At::Key => found.at_key(fault.node, fault.message),
            At::Missing(field) => found.missing(fault.node, field, fault.message),
        };
        finding.reason(fault.reason).fix(fault.fix);
    }
}

#[cfg(test)]
mod tests;
