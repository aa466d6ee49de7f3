//! Small drawings of the map, as path data on a square.

use vigla_graph::{Badge, NodeKind};

/// A small drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Icon {
    /// A workload or app: a window with a title bar.
    Workload,
    /// A service: a cube.
    Service,
    /// A gateway: an arch.
    Gateway,
    /// An outside host: a globe.
    Globe,
    /// Unknown: a question mark.
    Question,
    /// A closed lock.
    Lock,
    /// An open lock.
    OpenLock,
    /// Weights.
    Split,
    /// Match rules.
    Route,
    /// Mirrored requests.
    Mirror,
    /// Faults: a bolt.
    Fault,
    /// Timeout: an hourglass.
    Timeout,
    /// Retries.
    Retry,
    /// Circuit breaker.
    Breaker,
    /// Authorization: a shield.
    Shield,
    /// Ground of the glyph of failing things.
    Octagon,
    /// Ground of the glyph of degraded things.
    Triangle,
    /// Ring of the glyph of unknown things.
    Ring,
    /// Sign within the octagon.
    Cross,
    /// Failed or refused calls, in labels.
    Failed,
    /// Sign within the triangle.
    Exclamation,
    /// Sign within the ring.
    Query,
}

impl Icon {
    /// Side of the square on which the path is drawn.
    pub fn side(self) -> f32 {
        match self {
            Self::Octagon
            | Self::Triangle
            | Self::Ring
            | Self::Cross
            | Self::Failed
            | Self::Exclamation
            | Self::Query => 14.0,
            _ => 16.0,
        }
    }

    /// SVG path data; canvas painters read the same.
    pub fn path(self) -> &'static str {
        match self {
            Self::Workload => "M3 3h10v10H3z M3 6.2h10",
            Self::Service => "M8 1.8l5.4 3.1v6.2L8 14.2l-5.4-3.1V4.9z M2.8 5 8 8l5.2-3 M8 8v6",
            Self::Gateway => "M3 13.6V6a5 5 0 0 1 10 0v7.6 M1.8 13.6h12.4 M8 7v6.4",
            Self::Globe => {
                "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2z M2.4 8h11.2 \
                 M8 2.2c-3.4 3.4-3.4 8.2 0 11.6 3.4-3.4 3.4-8.2 0-11.6z"
            }
            Self::Question => "M6 6.2a2 2 0 1 1 2.8 1.8c-.6.3-.8.7-.8 1.4 M8 11.6v.1",
            Self::Lock => "M4 7.4h8v6H4z M5.6 7.2V5.4a2.4 2.4 0 0 1 4.8 0v1.8",
            Self::OpenLock => "M4 7.4h8v6H4z M5.6 7.2V4.8a2.4 2.4 0 0 1 4.6-.9",
            Self::Split => "M2.4 8h3.4l4-4h3.4 M5.8 8l4 4h3.4",
            Self::Route => "M3.4 12.6V7.4a3 3 0 0 1 3-3h5.4 M9.6 2.2l2.4 2.2-2.4 2.2",
            Self::Mirror => "M8 2v12 M5.6 4.4 2.4 8l3.2 3.6z M10.4 4.4 13.6 8l-3.2 3.6z",
            Self::Fault => "M8.8 1.8 3.6 9h3.6l-.6 5.2L12 7H8.2z",
            Self::Timeout => {
                "M4.4 2.2h7.2 M4.4 13.8h7.2 M5 2.4c0 3.6 6 3.6 6 5.6s-6 2-6 5.6 \
                 M11 2.4c0 3.6-6 3.6-6 5.6"
            }
            Self::Retry => "M12.8 6.2A5.2 5.2 0 1 0 13.2 9 M13 2.8v3.6H9.4",
            Self::Breaker => "M1.8 8h3.4l5-3.2 M10.6 8h3.6",
            Self::Shield => {
                "M8 1.6 13 3.4v4.2c0 3.2-2.1 5.6-5 6.8-2.9-1.2-5-3.6-5-6.8V3.4z M5.8 8l1.6 1.6 2.9-3.2"
            }
            Self::Octagon => "M4.5 1h5L13 4.5v5L9.5 13h-5L1 9.5v-5z",
            Self::Triangle => {
                "M7 1.1c.4 0 .8.2 1 .6l4.9 8.7c.5.8-.1 1.8-1 1.8H2.1c-.9 0-1.5-1-1-1.8L6 1.7c.2-.4.6-.6 1-.6z"
            }
            Self::Ring => "M12.4 7A5.4 5.4 0 1 1 1.6 7a5.4 5.4 0 0 1 10.8 0z",
            Self::Cross => "M5 5l4 4 M9 5l-4 4",
            Self::Failed => "M3.5 3.5l7 7 M10.5 3.5l-7 7",
            Self::Exclamation => "M7 5v2.8 M7 9.8v.1",
            Self::Query => "M5.7 5.7a1.3 1.3 0 1 1 1.9 1.2c-.4.2-.6.5-.6 1 M7 9.7v.1",
        }
    }

    /// The icon of a kind of node.
    pub fn of_node(kind: NodeKind) -> Self {
        match kind {
            NodeKind::Workload | NodeKind::App | NodeKind::VersionedApp => Self::Workload,
            NodeKind::Service => Self::Service,
            NodeKind::Gateway => Self::Gateway,
            NodeKind::External => Self::Globe,
            NodeKind::Passthrough | NodeKind::Unknown => Self::Question,
        }
    }

    /// The icon of a rule in effect.
    pub fn of_badge(badge: Badge) -> Self {
        match badge {
            Badge::Route => Self::Route,
            Badge::Split => Self::Split,
            Badge::Mirror => Self::Mirror,
            Badge::Fault => Self::Fault,
            Badge::Timeout => Self::Timeout,
            Badge::Retry => Self::Retry,
            Badge::Breaker => Self::Breaker,
            Badge::Authorization => Self::Shield,
        }
    }
}
