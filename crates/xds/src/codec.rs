//! Each idea of a plan in both directions: a file writes its messages and reads them back.
//!
//! Writers cannot fail. Readers give a reason in words; [`decode`](crate::decode) adds whose it is. They fail
//! closed: what this version can only ignore, and what would change a decision, is refused.

pub(crate) mod access_log;
pub(crate) mod action;
pub(crate) mod cluster;
pub(crate) mod endpoint;
pub(crate) mod extra;
pub(crate) mod headers;
pub(crate) mod listener;
pub(crate) mod matches;
pub(crate) mod metadata;
pub(crate) mod network;
pub(crate) mod passthrough;
pub(crate) mod rate_limit;
pub(crate) mod rbac;
pub(crate) mod route;
pub(crate) mod secret;
pub(crate) mod stats;
pub(crate) mod tls;
pub(crate) mod tracing;

use std::{net::SocketAddr, time::Duration};

use envoy_types::pb::{
    envoy::config::core::v3::{
        Address, AggregatedConfigSource, ApiVersion, ConfigSource, SocketAddress, address,
        config_source::ConfigSourceSpecifier, socket_address::PortSpecifier,
    },
    google::protobuf::{self, Any, UInt32Value},
};
use prost::{Message, Name};

/// Why a message cannot be read.
pub(crate) type Reason = String;

/// Packs a message.
pub(crate) fn pack<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}

/// Unpacks a message of exactly this type. prost drops fields that it does not know; the length tells.
pub(crate) fn unpack<M: Message + Name + Default>(any: &Any) -> Result<M, Reason> {
    if any.type_url != M::type_url() {
        return Err(format!("is `{}`, not `{}`", any.type_url, M::type_url()));
    }
    let message = M::decode(any.value.as_slice()).map_err(|error| format!("{}: {error}", M::NAME))?;
    if message.encoded_len() == any.value.len() {
        Ok(message)
    } else {
        Err(format!("{} has fields that this version does not know", M::NAME))
    }
}

pub(crate) fn write_duration(duration: Duration) -> protobuf::Duration {
    protobuf::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos().cast_signed(),
    }
}

pub(crate) fn read_duration(duration: &protobuf::Duration) -> Result<Duration, Reason> {
    match (u64::try_from(duration.seconds), u32::try_from(duration.nanos)) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Ok(Duration::new(seconds, nanos)),
        _ => Err("a duration is negative".to_owned()),
    }
}

pub(crate) fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

pub(crate) fn flag(value: bool) -> Option<protobuf::BoolValue> {
    Some(protobuf::BoolValue { value })
}

pub(crate) fn write_address(at: SocketAddr) -> Address {
    write_name(&at.ip().to_string(), at.port())
}

/// An address by a name in DNS.
pub(crate) fn write_name(host: &str, port: u16) -> Address {
    Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: host.to_owned(),
            port_specifier: Some(PortSpecifier::PortValue(port.into())),
            ..SocketAddress::default()
        })),
    }
}

pub(crate) fn read_address(address: Option<&Address>) -> Result<SocketAddr, Reason> {
    let (host, port) = read_name(address)?;
    let ip = host.parse().map_err(|_| format!("`{host}` is no IP address"))?;
    Ok(SocketAddr::new(ip, port))
}

pub(crate) fn read_name(address: Option<&Address>) -> Result<(&str, u16), Reason> {
    let Some(address::Address::SocketAddress(socket)) = address.and_then(|a| a.address.as_ref()) else {
        return Err("the address is no socket address".to_owned());
    };
    let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
        return Err("the address has no port number".to_owned());
    };
    let port = u16::try_from(port).map_err(|_| format!("{port} is no port"))?;
    Ok((&socket.address, port))
}

/// "From the stream that brought this". Without a deadline: a proxy that waits is better than one that takes
/// silence for an empty answer.
pub(crate) fn from_ads() -> ConfigSource {
    ConfigSource {
        initial_fetch_timeout: Some(protobuf::Duration::default()),
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    }
}

/// The value of a field that a plan needs.
pub(crate) fn required<T>(value: Option<T>, what: &str) -> Result<T, Reason> {
    value.ok_or_else(|| format!("{what} is missing"))
}
