//! One question: path and parameters, encoded here and nowhere else.

use reqwest::{Client, RequestBuilder, header};
use url::{Url, form_urlencoded};

/// A question to a source. Equal questions have equal answers, so it is the key of single flights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    path: Vec<String>,
    parameters: Vec<(String, String)>,
    headers: Vec<(&'static str, &'static str)>,
    post: bool,
}

impl Call {
    /// A question by GET. The path's parts are put behind the source's address, each encoded as one part.
    pub fn get(path: &str) -> Self {
        Self {
            path: path
                .split('/')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
            parameters: Vec::new(),
            headers: Vec::new(),
            post: false,
        }
    }

    /// A question by POST with its parameters as a form, for queries that are longer than addresses may be.
    pub fn post(path: &str) -> Self {
        Self {
            post: true,
            ..Self::get(path)
        }
    }

    /// With one more part of the path, whatever characters it has.
    #[must_use]
    pub fn part(mut self, part: &str) -> Self {
        self.path.push(part.to_owned());
        self
    }

    /// With a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.parameters.push((name.to_owned(), value.into()));
        self
    }

    /// With a header, such as `accept`.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(&self.path);
        }
        if !self.post && !self.parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.parameters);
        }
        url
    }

    pub(super) fn build(&self, client: &Client, base: &Url) -> RequestBuilder {
        let url = self.url(base);
        let mut request = if self.post {
            let body = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&self.parameters)
                .finish();
            client
                .post(url)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body)
        } else {
            client.get(url)
        };
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_parameters_are_encoded() {
        let base: Url = "http://h:1/under/".parse().unwrap();
        let call = Call::get("api/v3/traces")
            .part("a/../b?c")
            .with("q", "x&y=\"1\" é");
        assert_eq!(
            call.url(&base).as_str(),
            "http://h:1/under/api/v3/traces/a%2F..%2Fb%3Fc?q=x%26y%3D%221%22+%C3%A9"
        );
        assert_eq!(
            Call::post("x").with("a", "b").url(&base).as_str(),
            "http://h:1/under/x"
        );
        assert_eq!(
            Call::get("/x").url(&"http://h".parse().unwrap()).as_str(),
            "http://h/x"
        );
    }
}
