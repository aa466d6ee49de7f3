//! Telemetry: here, how many traces are recorded.

use std::fmt;

use vigla_model::{Labels, Namespace};

use super::{is_kind, selector};
use crate::{Node, Object};

const TELEMETRY: &str = "telemetry.istio.io";

/// A Telemetry.
#[derive(Clone, Copy)]
pub struct Telemetry<'a> {
    object: &'a Object,
}

impl<'a> Telemetry<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        is_kind(object, TELEMETRY, "Telemetry").then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// Its namespace; the root namespace means the whole mesh.
    pub fn namespace(self) -> &'a Namespace {
        self.object.namespace()
    }

    /// Labels of the pods for which it is; `None`: the whole namespace, or the mesh.
    pub fn selector(self) -> Option<Labels> {
        selector(self.object.spec()?.get("selector")?.get("matchLabels"))
    }

    /// Share of the traces that are recorded, in millionths; none when spans are switched off. `None` when it does not
    /// say.
    pub fn sampling(self) -> Option<u32> {
        let tracing = self.object.spec()?.get("tracing")?;
        let off = |entry: &Node<'_>| entry.get("disableSpanReporting").and_then(Node::as_bool) == Some(true);
        tracing.items().find_map(|entry| {
            if off(&entry) {
                return Some(0);
            }
            let percent = entry.get("randomSamplingPercentage")?.as_f64()?;
            Some(super::Percent::of_hundred(percent).millionths)
        })
    }
}

impl fmt::Debug for Telemetry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}
