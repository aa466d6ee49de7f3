//! Secret of Kubernetes, as far as gateways ask for it: keys and certificates.

use std::fmt;

use crate::Object;

/// A Secret object. `Debug` never shows what it holds.
#[derive(Clone, Copy)]
pub struct SecretObject<'a> {
    object: &'a Object,
}

/// A certificate chain and its private key, as PEM. `Debug` never shows the key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// Leaf first.
    pub chain: String,
    /// The private key.
    pub key: String,
}

impl<'a> SecretObject<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        (object.kind() == "Secret" && object.group().is_empty()).then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// Key and chain, by Kubernetes' names (`tls.crt`, `tls.key`) or Istio's (`cert`, `key`).
    pub fn key_pair(self) -> Option<KeyPair> {
        let pair = |chain, key| {
            Some(KeyPair {
                chain: self.text(chain)?,
                key: self.text(key)?,
            })
        };
        pair("tls.crt", "tls.key").or_else(|| pair("cert", "key"))
    }

    /// Trust anchors for the other side: `ca.crt`, or Istio's `cacert`.
    pub fn trust_anchors(self) -> Option<String> {
        self.text("ca.crt").or_else(|| self.text("cacert"))
    }

    /// One entry: `stringData` counts before `data`, which is base64.
    fn text(self, name: &str) -> Option<String> {
        let entry = |field: &str| self.object.root().get(field)?.get(name)?.raw();
        match entry("stringData") {
            Some((plain, _)) => Some(plain.to_owned()),
            None => String::from_utf8(decode_base64(entry("data")?.0)?).ok(),
        }
        .filter(|text| !text.trim().is_empty())
    }
}

impl fmt::Debug for SecretObject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

/// Bytes of a base64 text, which may be broken into lines; `None` when it is none.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits.filter(|digit| *digit != b'=') {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // What is left over are the zero bits that fill up the last digit.
    (count < 6 && bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_objects;

    #[test]
    fn base64_is_read_as_it_is_written() {
        for (text, want) in [
            ("", Some("")),
            ("YQ==", Some("a")),
            ("YWI=", Some("ab")),
            ("YW\nJj", Some("abc")),
            ("YWJj/", None),
            ("Y*==", None),
        ] {
            let found = decode_base64(text).map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(found.as_deref(), want, "{text}");
        }
    }

    #[test]
    fn a_secret_has_keys_by_either_name_and_keeps_them_to_itself() {
        let secret = |data: &str| {
            let yaml =
                format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: shop, namespace: a}}\n{data}");
            read_objects("secret.yaml", &yaml).objects.remove(0)
        };
        let tls = secret("data: {tls.crt: Y2hhaW4=, tls.key: a2V5, ca.crt: cm9vdHM=}");
        let tls = SecretObject::of(&tls).unwrap();
        let pair = tls.key_pair().unwrap();
        assert_eq!((pair.chain.as_str(), pair.key.as_str()), ("chain", "key"));
        assert_eq!(tls.trust_anchors().as_deref(), Some("roots"));
        assert_eq!(format!("{pair:?}"), "KeyPair { chain: \"chain\", .. }");
        let generic = secret("stringData: {cert: chain, key: other}");
        assert_eq!(
            SecretObject::of(&generic).unwrap().key_pair().unwrap().key,
            "other"
        );
        let empty = secret("data: {tls.crt: '', tls.key: a2V5}");
        assert_eq!(SecretObject::of(&empty).unwrap().key_pair(), None);
    }
}
