//! Who may connect: join tokens.

use std::{fmt, hint::black_box, sync::RwLock};

use vigla_compiler::ProxyIdentity;

/// Tells which proxy shows a token.
pub trait Authenticate: Send + Sync {
    /// The proxy that this token was given to, `None` when nobody's. Takes the same time for every token.
    fn authenticate(&self, token: &str) -> Option<ProxyIdentity>;
}

/// Join tokens that somebody handed out, one for each proxy. They never show in `Debug`.
#[derive(Default)]
pub struct JoinTokens(RwLock<Vec<(String, ProxyIdentity)>>);

impl JoinTokens {
    /// Lets in who shows this token. An earlier token of the same proxy ends.
    pub fn admit(&self, token: String, proxy: ProxyIdentity) {
        let mut tokens = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        tokens.retain(|(_, other)| *other != proxy);
        tokens.push((token, proxy));
    }

    /// Lets this proxy in no more.
    pub fn forget(&self, proxy: &ProxyIdentity) {
        let mut tokens = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        tokens.retain(|(_, other)| other != proxy);
    }
}

impl Authenticate for JoinTokens {
    fn authenticate(&self, token: &str) -> Option<ProxyIdentity> {
        let tokens = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut found = None;
        for (known, proxy) in tokens.iter() {
            if is_equal(known.as_bytes(), token.as_bytes()) {
                found = Some(proxy.clone());
            }
        }
        found
    }
}

impl fmt::Debug for JoinTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinTokens(..)")
    }
}

/// Compares without telling by its time where two texts differ. Lengths are no secret.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |all, (x, y)| black_box(all | (x ^ y)));
    a.len() == b.len() && !a.is_empty() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(instance: &str) -> ProxyIdentity {
        ProxyIdentity {
            namespace: "bookinfo".into(),
            instance: instance.into(),
        }
    }

    #[test]
    fn a_token_lets_in_one_proxy_until_it_is_replaced() {
        let tokens = JoinTokens::default();
        tokens.admit("one".to_owned(), proxy("a"));
        tokens.admit("two".to_owned(), proxy("b"));
        assert_eq!(tokens.authenticate("two"), Some(proxy("b")));
        for wrong in ["", "tw", "twoo", "thr"] {
            assert_eq!(tokens.authenticate(wrong), None, "{wrong}");
        }
        tokens.admit("three".to_owned(), proxy("b"));
        assert_eq!(tokens.authenticate("two"), None);
        tokens.forget(&proxy("a"));
        assert_eq!(tokens.authenticate("one"), None);
        assert!(!format!("{tokens:?}").contains("three"));
    }
}
