//! The queries: the whole mesh in one answer for each thing that is counted.

use std::{collections::BTreeMap, fmt::Write};

use vigla_model::Window;

use crate::series::{Family, Label};

/// Labels that the mesh's series carry in a store that others share, such as `cluster="prod"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope(String);

impl Scope {
    /// From operators' settings.
    pub fn new(labels: BTreeMap<String, String>) -> Self {
        let matchers: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}={}", quoted(value)))
            .collect();
        Self(matchers.join(","))
    }
}

/// A label's value as PromQL writes it. All values come through here.
fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// Label under which a query of several families names them.
pub(super) const FAMILY: &str = "vigla_family";

/// Labels by which edges are told apart where only the edge matters: codes, flags and versions come with the counts.
const EDGE: [Label; 14] = [
    Label::Reporter,
    Label::SourceCluster,
    Label::SourceNamespace,
    Label::SourceWorkload,
    Label::SourcePrincipal,
    Label::SourceAddress,
    Label::SourcePeer,
    Label::DestinationCluster,
    Label::DestinationNamespace,
    Label::DestinationWorkload,
    Label::DestinationPrincipal,
    Label::Host,
    Label::HostName,
    Label::Protocol,
];

/// One query over the whole mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeshQuery {
    /// Requests a second, by answer.
    Requests,
    /// Requests since the proxies started: which edges there are, idle ones too.
    RequestTotals,
    /// Requests a second by duration.
    Buckets,
    /// Milliseconds of duration a second.
    DurationSum,
    /// Bytes a second to callees.
    BytesSent,
    /// Bytes a second from callees.
    BytesReceived,
    /// Bytes and connections a second of TCP, and refused connections.
    Tcp,
    /// Connections since the proxies started.
    TcpTotals,
    /// Messages a second of gRPC streams, both ways.
    Messages,
    /// Durations and bytes a second where the store keeps them as native histograms; elsewhere it brings nothing.
    Native,
}

impl MeshQuery {
    /// All of a refresh.
    pub const ALL: [Self; 10] = [
        Self::Buckets,
        Self::Requests,
        Self::RequestTotals,
        Self::DurationSum,
        Self::BytesSent,
        Self::BytesReceived,
        Self::Tcp,
        Self::TcpTotals,
        Self::Messages,
        Self::Native,
    ];

    /// Families that it asks for.
    pub fn families(self) -> &'static [Family] {
        match self {
            Self::Requests | Self::RequestTotals => &[Family::Requests],
            Self::Buckets => &[Family::Buckets],
            Self::DurationSum => &[Family::DurationSum],
            Self::BytesSent => &[Family::BytesSent],
            Self::BytesReceived => &[Family::BytesReceived],
            Self::Tcp => &[
                Family::TcpBytesSent,
                Family::TcpBytesReceived,
                Family::TcpOpened,
                Family::Refused,
            ],
            Self::TcpTotals => &[Family::TcpOpened, Family::Refused],
            Self::Messages => &[Family::MessagesSent, Family::MessagesReceived],
            Self::Native => &[
                Family::NativeDurations,
                Family::NativeBytesSent,
                Family::NativeBytesReceived,
            ],
        }
    }

    /// Whether it brings counters as they stand, not rates.
    pub fn is_total(self) -> bool {
        matches!(self, Self::RequestTotals | Self::TcpTotals)
    }

    /// The query in PromQL.
    pub fn text(self, window: Window, scope: &Scope) -> String {
        let labels: Vec<&str> = Label::ALL
            .iter()
            .filter(|label| self.groups_by(**label))
            .map(|label| label.as_str())
            .collect();
        let labels = labels.join(",");
        let over = if self.is_total() { "last_over_time" } else { "rate" };
        let sum = |family: &Family| {
            let (name, scope, millis) = (family.as_str(), &scope.0, window.duration().as_millis());
            format!("sum by ({labels}) ({over}({name}{{{scope}}}[{millis}ms]))")
        };
        match self.families() {
            [family] => sum(family),
            families => {
                let named = families.iter().map(|family| {
                    format!(
                        r#"label_replace({},"{FAMILY}","{}","","")"#,
                        sum(family),
                        family.as_str()
                    )
                });
                named.collect::<Vec<_>>().join(" or ")
            }
        }
    }

    fn groups_by(self, label: Label) -> bool {
        match self {
            Self::Requests | Self::RequestTotals => label != Label::Bound,
            Self::Tcp | Self::TcpTotals => !matches!(
                label,
                Label::Bound | Label::Code | Label::GrpcStatus | Label::Protocol
            ),
            Self::Buckets => label == Label::Bound || EDGE.contains(&label),
            Self::DurationSum | Self::BytesSent | Self::BytesReceived | Self::Messages | Self::Native => {
                EDGE.contains(&label)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_quotes() {
        let scope = Scope::new([("cluster".to_owned(), "a\"} or up{x=\"\\\n\u{7}é".to_owned())].into());
        let text = MeshQuery::DurationSum.text(Window::MINUTE, &scope);
        assert!(
            text.ends_with(r#"_sum{cluster="a\"} or up{x=\"\\\n\u0007é"}[60000ms]))"#),
            "{text}"
        );
    }

    #[test]
    fn requests_keep_all_labels_and_buckets_those_of_the_edge() {
        let scope = Scope::default();
        let requests = MeshQuery::Requests.text(Window::MINUTE, &scope);
        assert!(
            requests.contains("response_flags") && requests.contains("source_version"),
            "{requests}"
        );
        let buckets = MeshQuery::Buckets.text(Window::MINUTE, &scope);
        assert!(
            buckets.contains(",le)") && !buckets.contains("response_code"),
            "{buckets}"
        );
        let tcp = MeshQuery::Tcp.text(Window::MINUTE, &scope);
        assert_eq!(tcp.matches(" or ").count(), 3, "{tcp}");
        let native = MeshQuery::Native.text(Window::MINUTE, &scope);
        assert!(
            native.contains("rate(istio_request_duration_milliseconds{}[60000ms])")
                && !native.contains(",le"),
            "{native}"
        );
    }
}
