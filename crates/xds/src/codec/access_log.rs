//! Envoy's access log: one JSON object a line with Istio's default keys, so that both proxies' files read alike.

use std::path::Path;

use envoy_types::pb::envoy::{
    config::{
        accesslog::v3::{
            AccessLog, AccessLogFilter, LogTypeFilter, access_log::ConfigType,
            access_log_filter::FilterSpecifier,
        },
        core::v3::{SubstitutionFormatString, substitution_format_string::Format},
    },
    data::accesslog::v3::AccessLogType,
    extensions::access_loggers::file::v3::{FileAccessLog, file_access_log::AccessLogFormat},
};

use super::{metadata::Fields, pack};

/// Istio's default keys, and where Envoy has them from.
const KEYS: [(&str, &str); 25] = [
    ("start_time", "%START_TIME%"),
    ("route_name", "%ROUTE_NAME%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    (
        "connection_termination_details",
        "%CONNECTION_TERMINATION_DETAILS%",
    ),
    (
        "upstream_transport_failure_reason",
        "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    ),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("duration", "%DURATION%"),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("authority", "%REQ(:AUTHORITY)%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("trace_id", "%TRACE_ID%"),
];

/// A line for each request.
pub(crate) fn to_file(path: &Path) -> AccessLog {
    let json = KEYS.iter().fold(Fields::default(), |fields, (key, format)| {
        fields.text(key, Some(format))
    });
    AccessLog {
        name: "envoy.access_loggers.file".to_owned(),
        filter: None,
        config_type: Some(ConfigType::TypedConfig(pack(&FileAccessLog {
            path: path.to_string_lossy().into_owned(),
            access_log_format: Some(AccessLogFormat::LogFormat(SubstitutionFormatString {
                format: Some(Format::JsonFormat(json.build())),
                ..SubstitutionFormatString::default()
            })),
        }))),
    }
}

/// A line for each connection, when it ends.
pub(crate) fn of_connections_to_file(path: &Path) -> AccessLog {
    AccessLog {
        filter: Some(AccessLogFilter {
            filter_specifier: Some(FilterSpecifier::LogTypeFilter(LogTypeFilter {
                types: vec![AccessLogType::TcpConnectionEnd.into()],
                ..LogTypeFilter::default()
            })),
        }),
        ..to_file(path)
    }
}
