//! By which key a request is picked an endpoint for.

use std::{net::IpAddr, sync::Arc, time::Duration};

use crate::{Dice, HashKey, RequestHead, RequestHeaders};

/// The key of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hashed {
    /// Equal for requests that belong together; `None`: the request has none of the parts that are asked for.
    pub hash: Option<u64>,
    /// Cookies that the caller is to get, so that its next requests belong to this one.
    pub cookies: Vec<NewCookie>,
}

/// A cookie that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCookie {
    name: Arc<str>,
    value: String,
    path: Arc<str>,
    ttl: Duration,
}

impl NewCookie {
    /// The value of `set-cookie`.
    pub fn header(&self) -> String {
        let mut text = format!("{}=\"{}\"", self.name, self.value);
        if !self.ttl.is_zero() {
            text.push_str(&format!("; Max-Age={}", self.ttl.as_secs()));
        }
        if !self.path.is_empty() {
            text.push_str(&format!("; Path={}", self.path));
        }
        text.push_str("; HttpOnly");
        text
    }
}

/// The key of a request: all parts that it has, in the order in which they are asked for.
pub fn hash_request<H, D>(
    keys: &[HashKey],
    request: &RequestHead<'_, H>,
    caller: IpAddr,
    dice: &mut D,
) -> Hashed
where
    H: RequestHeaders + ?Sized,
    D: Dice + ?Sized,
{
    let mut hashed = Hashed::default();
    for key in keys {
        let found = match key {
            HashKey::Header(name) => request.header(name).map(|value| hash_bytes(value.as_bytes())),
            HashKey::SourceIp => Some(match caller {
                IpAddr::V4(address) => hash_bytes(&address.octets()),
                IpAddr::V6(address) => hash_bytes(&address.octets()),
            }),
            HashKey::Query(name) => request.query(name).map(|value| hash_bytes(value.as_bytes())),
            HashKey::Cookie { name, path, ttl } => {
                let header = request.header("cookie");
                let value = header.as_deref().and_then(|header| find_cookie(header, name));
                let hash = value.map(|value| hash_bytes(value.as_bytes()));
                hash.or_else(|| {
                    let value = format!("{:08x}{:08x}", dice.roll(u32::MAX), dice.roll(u32::MAX));
                    let hash = hash_bytes(value.as_bytes());
                    hashed.cookies.push(NewCookie {
                        name: Arc::clone(name),
                        value,
                        path: Arc::clone(path),
                        ttl: (*ttl)?,
                    });
                    Some(hash)
                })
            }
        };
        if let Some(found) = found {
            hashed.hash = Some(hashed.hash.map_or(found, |before| before.rotate_left(1) ^ found));
        }
    }
    hashed
}

fn find_cookie<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    let mut pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(value.trim_matches('"'))
}

/// A hash that is the same in every proxy and release: FNV-1a, with its bits mixed.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(hash)
}

/// Spreads every bit over all others (the finalizer of MurmurHash3).
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(keys: &[HashKey], path: &str, headers: &[(&str, &str)], caller: &str) -> Hashed {
        let request = RequestHead {
            method: "GET",
            scheme: "http",
            authority: "reviews",
            path,
            headers,
        };
        hash_request(keys, &request, caller.parse().unwrap(), &mut |_: u32| 7)
    }

    #[test]
    fn requests_with_the_same_parts_have_the_same_key() {
        let keys = [
            HashKey::Header("x-user".into()),
            HashKey::Query("q".into()),
            HashKey::SourceIp,
        ];
        let of = |path, user, caller| {
            let headers = [("X-User", user)];
            hashed(&keys, path, &headers, caller).hash.unwrap()
        };
        let first = of("/?q=1", "jason", "10.0.0.1");
        assert_eq!(first, of("/?a=b&q=1", "jason", "10.0.0.1"));
        for other in [
            of("/?q=2", "jason", "10.0.0.1"),
            of("/?q=1", "anna", "10.0.0.1"),
            of("/?q=1", "jason", "10.0.0.2"),
        ] {
            assert_ne!(first, other);
        }
        let none = hashed(&keys[..1], "/", &[], "10.0.0.1");
        assert_eq!(none, Hashed::default());
    }

    #[test]
    fn a_caller_without_cookie_gets_one_that_leads_to_the_same_place() {
        let cookie = |ttl| HashKey::Cookie {
            name: "session".into(),
            path: "/shop".into(),
            ttl,
        };
        let made = hashed(&[cookie(Some(Duration::from_secs(60)))], "/", &[], "10.0.0.1");
        let header = made.cookies[0].header();
        assert_eq!(
            header,
            "session=\"0000000700000007\"; Max-Age=60; Path=/shop; HttpOnly"
        );
        let sent = [("cookie", "a=b; session=\"0000000700000007\"")];
        let again = hashed(&[cookie(Some(Duration::ZERO))], "/", &sent, "10.0.0.9");
        assert_eq!((again.hash, again.cookies.len()), (made.hash, 0));
        assert_eq!(hashed(&[cookie(None)], "/", &[], "10.0.0.1"), Hashed::default());
    }
}
