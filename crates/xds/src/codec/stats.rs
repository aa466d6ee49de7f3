//! Istio's metrics from stock Envoy: its stats access logger with Istio's labels.
//!
//! Names come out with the prefix `envoy_`. On chains with client certificates the caller is told by
//! `source_peer` (the DNS name of our authority) instead of `source_workload` and its namespace; the embedded
//! store splits it. `vigla-proxy` counts by itself and never reads this.

use envoy_types::pb::{
    envoy::{
        config::accesslog::v3::{
            AccessLog, AccessLogFilter, HeaderFilter, LogTypeFilter, ResponseFlagFilter,
            access_log::ConfigType, access_log_filter::FilterSpecifier,
        },
        config::route::v3::{HeaderMatcher, header_matcher::HeaderMatchSpecifier},
        data::accesslog::v3::AccessLogType,
        extensions::access_loggers::stats::v3::{
            Config,
            config::{Counter, Histogram, Stat, Tag, histogram::Unit},
        },
        r#type::{
            matcher::v3::{StringMatcher, string_matcher::MatchPattern},
            v3::Scope,
        },
    },
    google::protobuf::UInt64Value,
};
use vigla_dataplane::{Direction, FilterChain, Listener};
use vigla_model::{PeerIdentity, Protocol, Reporter};

use super::{metadata::service_labels, number, pack};

/// Namespace of dynamic metadata for what a plaintext caller says of itself.
pub(crate) const PEER_METADATA: &str = "vigla.peer";
/// Key in it.
pub(crate) const PEER_KEY: &str = "peer";

/// Most series of one logger. Callers without certificate name themselves, so they could make any number.
const MAX_SERIES: u32 = 4000;
/// Istio's word for what nobody knows.
const UNKNOWN: &str = "unknown";

/// Whether callers of this chain show a certificate of the mesh.
pub(crate) fn has_peer_certificate(chain: &FilterChain) -> bool {
    chain.tls.as_ref().is_some_and(|tls| tls.client_roots.is_some())
}

/// Counts requests: those of gRPC, and all others, each under its protocol.
pub(crate) fn requests(listener: &Listener, chain: &FilterChain) -> Vec<AccessLog> {
    let grpc = || HeaderMatcher {
        name: "content-type".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            match_pattern: Some(MatchPattern::Prefix("application/grpc".to_owned())),
            ..StringMatcher::default()
        })),
        ..HeaderMatcher::default()
    };
    // An absent header would match neither way.
    let other = HeaderMatcher {
        invert_match: true,
        treat_missing_header_as_empty: true,
        ..grpc()
    };
    [(Protocol::Grpc, grpc()), (Protocol::Http, other)]
        .map(|(protocol, header)| {
            let filter = FilterSpecifier::HeaderFilter(HeaderFilter { header: Some(header) });
            logger(&requests_of(listener, chain, protocol), Some(filter))
        })
        .into()
}

fn requests_of(listener: &Listener, chain: &FilterChain, protocol: Protocol) -> Config {
    let mut tags = ends(listener, chain, "ROUTE");
    tags.extend([
        tag("request_protocol", protocol.as_str()),
        tag("response_code", "%RESPONSE_CODE%"),
        tag("grpc_response_status", "%GRPC_STATUS_NUMBER%"),
        tag("response_flags", "%RESPONSE_FLAGS%"),
    ]);
    let histogram = |name, unit: Unit, value: &str| Histogram {
        stat: stat(name, &tags),
        unit: unit.into(),
        value_format: value.to_owned(),
    };
    Config {
        counters: vec![counter("requests_total", &tags)],
        histograms: vec![
            histogram("request_duration_milliseconds", Unit::Milliseconds, "%DURATION%"),
            histogram("request_bytes", Unit::Bytes, "%BYTES_RECEIVED%"),
            histogram("response_bytes", Unit::Bytes, "%BYTES_SENT%"),
        ],
        ..scoped("istio")
    }
}

/// Counts connections when they open, and with their bytes when they close.
pub(crate) fn connections(listener: &Listener, chain: &FilterChain) -> Vec<AccessLog> {
    let mut tags = ends(listener, chain, "CLUSTER");
    tags.extend([
        tag("request_protocol", "tcp"),
        tag("response_flags", "%RESPONSE_FLAGS%"),
    ]);
    let bytes = |name, value: &str| Counter {
        stat: stat(name, &tags),
        value_format: value.to_owned(),
        ..Counter::default()
    };
    let opened = Config {
        counters: vec![counter("tcp_connections_opened_total", &tags)],
        ..scoped("istio")
    };
    let closed = Config {
        counters: vec![
            counter("tcp_connections_closed_total", &tags),
            bytes("tcp_sent_bytes_total", "%BYTES_SENT%"),
            bytes("tcp_received_bytes_total", "%BYTES_RECEIVED%"),
        ],
        ..scoped("istio")
    };
    vec![
        logger(&opened, Some(at(AccessLogType::TcpUpstreamConnected))),
        logger(&closed, Some(at(AccessLogType::TcpConnectionEnd))),
    ]
}

/// Counts connections that no filter chain of an inbound listener takes, such as plain text under STRICT: no
/// connection manager ever sees them.
pub(crate) fn refused_connections(listener: &Listener) -> Option<AccessLog> {
    if listener.direction != Direction::Inbound {
        return None;
    }
    let mut tags = vec![
        tag("reporter", Reporter::Destination.as_str()),
        tag(
            "source_address",
            "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
        ),
        tag("response_flags", "%RESPONSE_FLAGS%"),
    ];
    tags.extend(known_end("destination", &listener.telemetry.local));
    tags.extend(known_service(listener));
    let config = Config {
        counters: vec![counter("connections_refused_total", &tags)],
        ..scoped("vigla")
    };
    let no_chain = FilterSpecifier::ResponseFlagFilter(ResponseFlagFilter {
        flags: vec!["NR".to_owned()],
    });
    Some(logger(&config, Some(no_chain)))
}

/// Labels of both ends, and what the reporter can say of the connection. `service_of` is where the called
/// service stands in metadata: it holds even when there is no cluster.
fn ends(listener: &Listener, chain: &FilterChain, service_of: &str) -> Vec<Tag> {
    let telemetry = &listener.telemetry;
    let mut tags = vec![tag("reporter", telemetry.reporter.as_str())];
    match telemetry.reporter {
        Reporter::Source => {
            tags.extend(known_end("source", &telemetry.local));
            tags.extend(identity_labels("destination", |key| {
                format!("%UPSTREAM_METADATA(vigla:{key})%")
            }));
            for key in ["service", "service_name", "service_namespace"] {
                let value = format!("%METADATA({service_of}:vigla:{key})%");
                tags.push(tag(&format!("destination_{key}"), &value));
            }
            tags.push(tag("connection_security_policy", UNKNOWN));
        }
        Reporter::Destination => {
            tags.extend(caller(chain));
            tags.extend(known_end("destination", &telemetry.local));
            tags.extend(known_service(listener));
        }
    }
    tags
}

fn caller(chain: &FilterChain) -> Vec<Tag> {
    let unknown = [
        "source_canonical_service",
        "source_canonical_revision",
        "source_app",
        "source_version",
    ];
    let mut tags: Vec<_> = unknown.into_iter().map(|name| tag(name, UNKNOWN)).collect();
    tags.push(tag("source_cluster", UNKNOWN));
    if has_peer_certificate(chain) {
        tags.extend([
            tag("source_peer", "%DOWNSTREAM_PEER_DNS_SAN%"),
            tag("source_principal", "%DOWNSTREAM_PEER_URI_SAN%"),
            tag("connection_security_policy", "mutual_tls"),
        ]);
    } else {
        // In the form of a certificate's DNS name, so that there is one way to read it.
        let peer = PeerIdentity::dns_san(&format!("%DYNAMIC_METADATA({PEER_METADATA}:{PEER_KEY})%"), "");
        tags.extend([
            tag("source_peer", &peer.replace("..", ".")),
            tag("source_principal", UNKNOWN),
            tag(
                "source_address",
                "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
            ),
            tag("connection_security_policy", "none"),
        ]);
    }
    tags
}

fn known_end(side: &str, peer: &PeerIdentity) -> Vec<Tag> {
    identity_labels(side, |key| {
        let value = match key {
            "workload" => peer.workload.as_ref().map(ToString::to_string),
            "namespace" => peer.namespace.as_ref().map(ToString::to_string),
            "app" => peer.app.as_ref().map(ToString::to_string),
            "version" => peer.version.as_ref().map(ToString::to_string),
            "principal" => peer.principal.as_ref().map(ToString::to_string),
            _ => peer.cluster.as_ref().map(ToString::to_string),
        };
        // A percent sign would start a command.
        value.unwrap_or_else(|| UNKNOWN.to_owned()).replace('%', "%%")
    })
}

fn known_service(listener: &Listener) -> Vec<Tag> {
    let service = listener.telemetry.service.as_ref();
    let (name, namespace) = service_labels(service);
    vec![
        tag(
            "destination_service",
            service.map_or(UNKNOWN, |host| host.as_str()),
        ),
        tag("destination_service_name", name.unwrap_or(UNKNOWN)),
        tag("destination_service_namespace", namespace.unwrap_or(UNKNOWN)),
    ]
}

/// Istio's eight labels of one end, from the keys of endpoint metadata.
fn identity_labels(side: &str, value: impl Fn(&str) -> String) -> Vec<Tag> {
    let keys = [
        ("workload", "workload"),
        ("workload_namespace", "namespace"),
        ("canonical_service", "app"),
        ("canonical_revision", "version"),
        ("app", "app"),
        ("version", "version"),
        ("principal", "principal"),
        ("cluster", "cluster"),
    ];
    keys.iter()
        .map(|(label, key)| tag(&format!("{side}_{label}"), &value(key)))
        .collect()
}

fn tag(name: &str, value: &str) -> Tag {
    Tag {
        name: name.to_owned(),
        value_format: value.to_owned(),
        ..Tag::default()
    }
}

fn stat(name: &str, tags: &[Tag]) -> Option<Stat> {
    Some(Stat {
        name: name.to_owned(),
        tags: tags.to_vec(),
    })
}

fn counter(name: &str, tags: &[Tag]) -> Counter {
    Counter {
        stat: stat(name, tags),
        value_fixed: Some(UInt64Value { value: 1 }),
        ..Counter::default()
    }
}

fn scoped(prefix: &str) -> Config {
    Config {
        stats_scope: Some(Scope {
            prefix: prefix.to_owned(),
            max_counters: number(MAX_SERIES),
            max_histograms: number(MAX_SERIES),
            ..Scope::default()
        }),
        ..Config::default()
    }
}

fn at(moment: AccessLogType) -> FilterSpecifier {
    FilterSpecifier::LogTypeFilter(LogTypeFilter {
        types: vec![moment.into()],
        ..LogTypeFilter::default()
    })
}

fn logger(config: &Config, filter: Option<FilterSpecifier>) -> AccessLog {
    AccessLog {
        name: "envoy.access_loggers.stats".to_owned(),
        filter: filter.map(|specifier| AccessLogFilter {
            filter_specifier: Some(specifier),
        }),
        config_type: Some(ConfigType::TypedConfig(pack(config))),
    }
}
