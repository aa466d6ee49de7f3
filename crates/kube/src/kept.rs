//! From what the API server says of an object to what is kept of it.

mod object;
mod pod;
mod slice;

use serde::de::DeserializeOwned;

pub(crate) use object::{Named, Text, Workload, Written};
pub(crate) use pod::Pod;
pub(crate) use slice::{Backing, Slice};

use crate::{kinds::Kind, meta::Meta};

/// An object as it is read: only the fields that count, so that the rest never takes memory.
pub(crate) trait Slim: DeserializeOwned + Send + 'static {
    /// What is kept of it.
    type Kept: PartialEq + Send + 'static;

    fn meta(&self) -> &Meta;

    /// What is kept, from an object of this kind and version.
    fn keep(self, kind: &Kind, version: &str) -> Self::Kept;
}
