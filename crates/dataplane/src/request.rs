//! A request as the decisions see it: borrowed, nothing copied.

use std::borrow::Cow;

/// Headers of a request, looked up by lower-case name.
pub trait RequestHeaders {
    /// The value; several values of one name are joined by `,` as Envoy does. `None` when the header is absent.
    fn value(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Whether one of the values of a name is as wanted, each on its own line of the request looked at alone: so Envoy
    /// authorizes, for a second line must not hide the first.
    fn has_value(&self, name: &str, wanted: &mut dyn FnMut(&str) -> bool) -> bool;
}

impl<N: AsRef<str>, V: AsRef<str>> RequestHeaders for [(N, V)] {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self
            .iter()
            .filter(|(have, _)| have.as_ref().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref());
        let first = values.next()?;
        Some(values.fold(Cow::Borrowed(first), |all, next| {
            Cow::Owned(format!("{all},{next}"))
        }))
    }

    fn has_value(&self, name: &str, wanted: &mut dyn FnMut(&str) -> bool) -> bool {
        self.iter()
            .filter(|(have, _)| have.as_ref().eq_ignore_ascii_case(name))
            .any(|(_, value)| wanted(value.as_ref()))
    }
}

impl<N: AsRef<str>, V: AsRef<str>> RequestHeaders for Vec<(N, V)> {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.as_slice().value(name)
    }

    fn has_value(&self, name: &str, wanted: &mut dyn FnMut(&str) -> bool) -> bool {
        self.as_slice().has_value(name, wanted)
    }
}

/// The head of a request.
#[derive(Debug)]
pub struct RequestHead<'a, H: ?Sized> {
    /// Method, such as `GET`.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host, with port when the caller wrote one.
    pub authority: &'a str,
    /// Path with query, as on the request line.
    pub path: &'a str,
    /// All other headers.
    pub headers: &'a H,
}

impl<'a, H: ?Sized> RequestHead<'a, H> {
    /// The path without query and fragment.
    pub fn bare_path(&self) -> &'a str {
        split_path(self.path).0
    }

    /// First value of a query parameter, as written (Envoy does not decode it either).
    pub fn query(&self, name: &str) -> Option<&'a str> {
        let query = self.path.split_once('?')?.1;
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find_map(|(key, value)| (key == name).then_some(value))
    }
}

impl<H: RequestHeaders + ?Sized> RequestHead<'_, H> {
    /// A header, or a part of the request line by its pseudo name (`:method`, `:authority`, `:scheme`, `:path`).
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            ":method" => Some(self.method.into()),
            ":authority" | "host" => Some(self.authority.into()),
            ":scheme" => Some(self.scheme.into()),
            ":path" => Some(self.path.into()),
            _ => self.headers.value(name),
        }
    }
}

/// Cuts a path into itself and what follows (query and fragment, with their first character).
pub(crate) fn split_path(path: &str) -> (&str, &str) {
    path.split_at(path.find(['?', '#']).unwrap_or(path.len()))
}
