//! Who asks, and what they may read.

use std::{collections::BTreeSet, convert::Infallible};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use vigla_model::{Namespace, Scope};

use crate::error::ApiError;

/// What the console itself was started with (`--namespaces`); every caller is bound by it.
#[derive(Debug, Clone)]
pub struct ConsoleScope(pub Scope);

/// The caller of a request. Until there is a login, everybody on this machine who reaches the loopback port.
#[derive(Debug, Clone)]
pub struct Caller {
    scope: Scope,
}

impl Caller {
    /// A caller who may read everything.
    #[cfg(test)]
    pub(crate) fn all() -> Self {
        Self { scope: Scope::All }
    }

    /// All that the caller may read.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The namespaces of a comma list, each of which the caller may read; `None` when no list was given.
    ///
    /// # Errors
    /// When a name is empty, or the caller may not read it.
    pub fn readable(&self, list: Option<&str>) -> Result<Option<BTreeSet<Namespace>>, ApiError> {
        let Some(list) = list else { return Ok(None) };
        let names = list.split(',').map(|name| self.readable_one(name.trim()));
        names.collect::<Result<BTreeSet<_>, _>>().map(Some)
    }

    /// One namespace that the caller may read.
    ///
    /// # Errors
    /// When it is no name, or the caller may not read it.
    pub fn readable_one(&self, name: &str) -> Result<Namespace, ApiError> {
        let valid = !name.is_empty()
            && name.len() <= 63
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !valid {
            let shown: String = name.chars().take(63).collect();
            return Err(ApiError::BadParameter(format!(
                "`{shown}` is no name of a namespace"
            )));
        }
        if !self.scope.allows(name) {
            return Err(ApiError::Forbidden(name.to_owned()));
        }
        Ok(Namespace::new(name))
    }
}

impl<S> FromRequestParts<S> for Caller
where
    ConsoleScope: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self {
            scope: ConsoleScope::from_ref(state).0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_checked_name_by_name() {
        let caller = Caller {
            scope: Scope::Namespaces([Namespace::new("bookinfo")].into()),
        };
        assert!(matches!(caller.readable(None), Ok(None)));
        assert_eq!(caller.readable(Some("bookinfo")).unwrap().unwrap().len(), 1);
        assert!(
            matches!(caller.readable(Some("bookinfo,shop")), Err(ApiError::Forbidden(name)) if name == "shop")
        );
        for bad in ["", "a,,b", "../x", "A"] {
            assert!(
                matches!(
                    caller.readable(Some(bad)),
                    Err(ApiError::BadParameter(_) | ApiError::Forbidden(_))
                ),
                "{bad}"
            );
        }
    }
}
