//! EndpointSlices: whether Services send traffic to a pod.

use serde::Deserialize;

use super::Slim;
use crate::{kinds::Kind, meta::Meta};

/// An EndpointSlice as it is read.
#[derive(Debug, Deserialize)]
pub(crate) struct Slice {
    metadata: Meta,
    #[serde(default)]
    endpoints: Option<Vec<Endpoint>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    #[serde(default)]
    conditions: Conditions,
    #[serde(default)]
    target_ref: Option<Target>,
}

#[derive(Debug, Default, Deserialize)]
struct Conditions {
    #[serde(default)]
    ready: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Target {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

/// One pod behind a Service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Backing {
    /// Namespace and name of the pod.
    pub(crate) pod: Box<str>,
    /// Whether the Service sends traffic to it.
    pub(crate) ready: bool,
}

impl Slim for Slice {
    type Kept = Vec<Backing>;

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn keep(self, _: &Kind, _: &str) -> Vec<Backing> {
        // A slice stands in the namespace of its pods.
        let namespace = self.metadata.namespace.unwrap_or_default();
        let endpoints = self.endpoints.into_iter().flatten();
        endpoints
            .filter_map(|endpoint| {
                let pod = endpoint.target_ref.filter(|target| target.kind == "Pod")?;
                Some(Backing {
                    pod: format!("{namespace}/{}", pod.name).into(),
                    // The API's words: unknown is to be taken for ready.
                    ready: endpoint.conditions.ready.unwrap_or(true),
                })
            })
            .collect()
    }
}
