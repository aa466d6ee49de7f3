//! Who may call, and what: AuthorizationPolicies as the rules of one listener.

use std::{net::IpAddr, sync::Arc};

use vigla_model::Origin;

/// All rules for one filter chain. DENY is looked at first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Authorization {
    /// Who matches one of these is refused. In order of their names, in which Envoy looks at them too.
    pub deny: Vec<AuthorizationRule>,
    /// Who matches none of these is refused, in order of their names; `None`: no policy allows, so all the others are
    /// let through. Empty: nobody is.
    pub allow: Option<Vec<AuthorizationRule>>,
}

/// One rule of a policy: one of `from` and one of `to` must hold. What stands in the policy's `when` stands in each
/// entry here.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthorizationRule {
    /// Istio's name: `ns[bookinfo]-policy[ratings]-rule[0]`.
    pub name: Arc<str>,
    /// Callers; each is a list of conditions that must all hold ([`Wanted::is_of_caller`]). Empty: all callers.
    pub from: Vec<Vec<Condition>>,
    /// Operations; each is a list of conditions that must all hold. Empty: all operations.
    pub to: Vec<Vec<Condition>>,
    /// The rule as written.
    pub origin: Option<Origin>,
}

/// Something that a call must have, or must not have.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is asked for.
    pub wanted: Wanted,
    /// True for the `not…` fields: holds when nothing of it is there.
    pub invert: bool,
}

/// A fact of a call and its values: one of them must be there. No values: it never is.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// The caller's proven SPIFFE id, without `spiffe://`.
    Principal(Vec<TextMatch>),
    /// The namespace in the caller's proven SPIFFE id.
    Namespace(Vec<TextMatch>),
    /// Address of the connection's other end.
    SourceIp(Vec<Subnet>),
    /// Address of the original caller: by `x-forwarded-for` where that is believed, else the connection's.
    RemoteIp(Vec<Subnet>),
    /// Port on which the listener took the connection.
    Port(Vec<u16>),
    /// Name in the TLS hello.
    ServerName(Vec<TextMatch>),
    /// Authority of the request, upper and lower case being the same. HTTP only.
    Host(Vec<TextMatch>),
    /// Method of the request. HTTP only.
    Method(Vec<TextMatch>),
    /// Path of the request, without query. HTTP only.
    Path(Vec<TextMatch>),
    /// A header by lower-case name. HTTP only.
    Header(Arc<str>, Vec<TextMatch>),
}

impl Wanted {
    /// Whether it asks for the caller, and not for what is called.
    pub fn is_of_caller(&self) -> bool {
        matches!(
            self,
            Self::Principal(_)
                | Self::Namespace(_)
                | Self::SourceIp(_)
                | Self::RemoteIp(_)
                | Self::Header(..)
        )
    }

    /// Whether it asks for a part of a request, so that bytes never have it.
    pub fn is_of_request(&self) -> bool {
        matches!(
            self,
            Self::Host(_) | Self::Method(_) | Self::Path(_) | Self::Header(..)
        )
    }
}

/// Istio's way to match a text: `text`, `text*`, `*text` or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextMatch {
    /// The whole text.
    Exact(Arc<str>),
    /// Its start.
    Prefix(Arc<str>),
    /// Its end.
    Suffix(Arc<str>),
    /// Any text but the empty one.
    Present,
}

/// Addresses with the same first bits (CIDR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    /// One address of them.
    pub address: IpAddr,
    /// Count of the bits that are the same.
    pub bits: u8,
}

impl Subnet {
    /// Reads `10.0.0.0/8`, or one address. `None` for other texts.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let most = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// Whether an address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differ = match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => return false,
        };
        differ >= u32::from(self.bits)
    }
}

impl TextMatch {
    /// Reads Istio's form.
    pub fn parse(text: &str) -> Self {
        if text == "*" {
            Self::Present
        } else if let Some(suffix) = text.strip_prefix('*') {
            Self::Suffix(suffix.into())
        } else if let Some(prefix) = text.strip_suffix('*') {
            Self::Prefix(prefix.into())
        } else {
            Self::Exact(text.into())
        }
    }
}
