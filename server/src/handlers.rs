//! REST handlers: authorise, read, answer.

pub mod changes;
pub mod config;
pub mod findings;
pub mod graph;
pub mod health;
pub mod logs;
pub mod objects;
pub mod openapi;
pub mod scenarios;
pub mod status;
pub mod traces;

use axum::extract::{FromRequestParts, Query, rejection::QueryRejection};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use vigla_api::Page;

use crate::error::ApiError;

/// A query whose errors are problems. Unknown parameters are errors: their types deny them.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(query) = Query::from_request_parts(parts, state)
            .await
            .map_err(|error: QueryRejection| error)?;
        Ok(Self(query))
    }
}

/// Rows of a page when the caller does not say.
const PAGE: usize = 200;
/// Rows of a page at most.
const MAX_PAGE: usize = 1000;

/// Cuts one page out of rows that stand in order of their keys; a cursor is the key of the last row seen.
fn page<T>(
    rows: Vec<T>,
    key: impl Fn(&T) -> String,
    limit: Option<usize>,
    cursor: Option<&str>,
    degraded: Vec<vigla_api::Degraded>,
) -> Result<Page<T>, ApiError> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(ApiError::BadParameter(format!("`limit` is from 1 to {MAX_PAGE}")));
    }
    let total = rows.len();
    let mut rest = rows
        .into_iter()
        .skip_while(|row| cursor.is_some_and(|cursor| key(row).as_str() <= cursor));
    let items: Vec<T> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| items.last().map(&key));
    Ok(Page {
        items,
        total,
        next,
        degraded,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap() {
        let rows = || vec!["a", "b", "c"];
        let first = page(rows(), |row| (*row).to_owned(), Some(2), None, Vec::new()).unwrap();
        assert_eq!(
            (first.items, first.total, first.next.as_deref()),
            (vec!["a", "b"], 3, Some("b"))
        );
        let second = page(rows(), |row| (*row).to_owned(), Some(2), Some("b"), Vec::new()).unwrap();
        assert_eq!((second.items, second.next), (vec!["c"], None));
        assert!(page(rows(), |row| (*row).to_owned(), Some(0), None, Vec::new()).is_err());
    }
}
