//! Which addresses may be connected to, and the resolver that hands out no other.

use std::{fmt, net::IpAddr, str::FromStr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::Host;

/// Addresses that a source may have: an operator's word. What nothing here names is refused.
///
/// Link-local addresses (where clouds keep their metadata services), multicast and unspecified ones are reached by
/// naming their network only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowRule {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Loopback,
    Private,
    Public,
    Network(IpAddr, u8),
}

/// A text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is none of loopback, private, public, or a network such as 10.0.0.0/8")]
pub struct BadAllowRule(String);

impl Default for AllowRule {
    /// Private and public addresses; this machine only where the URL itself names it.
    fn default() -> Self {
        Self {
            entries: vec![Entry::Private, Entry::Public],
        }
    }
}

impl AllowRule {
    /// Only this machine.
    pub fn loopback() -> Self {
        Self {
            entries: vec![Entry::Loopback],
        }
    }

    /// A rule of words: `loopback`, `private`, `public`, or networks.
    ///
    /// # Errors
    /// When a word is none of these.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, BadAllowRule> {
        let entries = words.into_iter().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// The rule for a URL with this host. Whoever writes `localhost` means this machine.
    pub(super) fn with_host(mut self, host: Option<Host<&str>>) -> Self {
        let own = match host {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if own && self == Self::default() {
            self.entries.push(Entry::Loopback);
        }
        self
    }

    /// Whether this address may be connected to.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.entries.iter().any(|entry| entry.holds(address))
    }
}

impl Entry {
    fn holds(&self, address: IpAddr) -> bool {
        match self {
            Self::Loopback => address.is_loopback(),
            Self::Private => is_private(address),
            Self::Public => !address.is_loopback() && !is_private(address) && !is_special(address),
            Self::Network(network, length) => common_bits(*network, address) >= Some(u32::from(*length)),
        }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        // 100.64.0.0/10 is what providers, and clusters, number their own nodes with.
        IpAddr::V4(v4) => v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0
                || v4.octets()[0] >= 240
        }
        // Networks that carry IPv4 addresses within (6to4, NAT64) would lead around the rule.
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6.is_unspecified()
                || first == 0x2002
                || first == 0x0064
                || v6.segments()[..6] == [0; 6]
        }
    }
}

/// Bits that two addresses of one family begin with; `None` between families.
fn common_bits(one: IpAddr, other: IpAddr) -> Option<u32> {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => Some((u32::from(one) ^ u32::from(other)).leading_zeros()),
        (IpAddr::V6(one), IpAddr::V6(other)) => Some((u128::from(one) ^ u128::from(other)).leading_zeros()),
        _ => None,
    }
}

impl FromStr for Entry {
    type Err = BadAllowRule;
    fn from_str(text: &str) -> Result<Self, BadAllowRule> {
        let bad = || BadAllowRule(text.to_owned());
        match text {
            "loopback" => return Ok(Self::Loopback),
            "private" => return Ok(Self::Private),
            "public" => return Ok(Self::Public),
            _ => (),
        }
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(whole), |length| length.parse().map_err(|_| bad()))?;
        (length <= whole)
            .then_some(Self::Network(address, length))
            .ok_or_else(bad)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => f.write_str("loopback"),
            Self::Private => f.write_str("private"),
            Self::Public => f.write_str("public"),
            Self::Network(network, length) => write!(f, "{network}/{length}"),
        }
    }
}

impl fmt::Display for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.entries.iter().map(ToString::to_string).collect();
        f.write_str(&words.join(", "))
    }
}

/// An address that the rule does not let through.
#[derive(Debug, Error)]
#[error("{host} is at {address}, which is not among the allowed addresses ({rule})")]
pub(super) struct Refused {
    host: String,
    address: IpAddr,
    rule: AllowRule,
}

/// Asks the system for addresses and checks each. The connection is made to what was checked.
#[derive(Debug)]
pub(super) struct Resolver(pub(super) AllowRule);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let (mut allowed, mut refused) = (Vec::new(), None);
            for found in found {
                if rule.allows(found.ip()) {
                    allowed.push(found);
                } else {
                    refused = Some(found.ip());
                }
            }
            match (allowed.is_empty(), refused) {
                (true, Some(address)) => Err(Refused { host, address, rule }.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_operator_named_is_allowed() {
        let rule = |words: &[&str]| AllowRule::parse(words.iter().copied()).unwrap();
        let check = |rule: &AllowRule, yes: &[&str], no: &[&str]| {
            for (list, expect) in [(yes, true), (no, false)] {
                for address in list {
                    assert_eq!(
                        rule.allows(address.parse().unwrap()),
                        expect,
                        "{address} by {rule}"
                    );
                }
            }
        };
        check(
            &AllowRule::default(),
            &[
                "10.1.2.3",
                "192.168.0.1",
                "100.64.0.1",
                "8.8.8.8",
                "fd00::1",
                "2606:4700::1",
            ],
            &[
                "127.0.0.1",
                "::1",
                "169.254.169.254",
                "fe80::1",
                "0.0.0.0",
                "224.0.0.1",
                "::",
                "255.255.255.255",
                "::ffff:127.0.0.1",
                "::ffff:169.254.169.254",
                "64:ff9b::7f00:1",
                "2002:7f00:1::",
                "::127.0.0.1",
            ],
        );
        check(
            &AllowRule::loopback(),
            &["127.0.0.1", "127.9.9.9", "::1"],
            &["10.0.0.1", "8.8.8.8"],
        );
        check(
            &rule(&["10.1.0.0/16"]),
            &["10.1.255.1", "::ffff:10.1.0.1"],
            &["10.2.0.1", "::1", "8.8.8.8"],
        );
        check(
            &rule(&["fd00::/8", "169.254.0.7"]),
            &["fdff::1", "169.254.0.7"],
            &["fc00::1", "169.254.0.8"],
        );
        check(&rule(&[]), &[], &["10.0.0.1"]);
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_named() {
        for bad in ["", "intern", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/-1"] {
            assert!(
                AllowRule::parse([bad]).unwrap_err().to_string().contains(bad),
                "{bad}"
            );
        }
    }
}
