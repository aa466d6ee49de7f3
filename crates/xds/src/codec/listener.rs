//! Listeners and filter chains.

use std::{sync::Arc, time::Duration};

use envoy_types::pb::envoy::{
    config::{
        core::v3::{TrafficDirection, TransportSocket},
        listener::v3::{
            FilterChain as ChainMessage, FilterChainMatch, Listener as Message, ListenerFilter,
            listener_filter::ConfigType,
        },
    },
    extensions::filters::listener::tls_inspector::v3::TlsInspector,
};
use vigla_dataplane::{ChainMatch, Direction, FilterChain, Listener, Network, Telemetry, Tracing};
use vigla_model::Reporter;

use super::{
    Reason, flag,
    metadata::{self, Fields, VIGLA},
    network, pack, rate_limit, rbac, read_address, required, stats, tls, write_address, write_duration,
};
use crate::EncodeOptions;

/// How long the first bytes are waited for. A caller that says nothing is taken as plain text then.
const INSPECTION: Duration = Duration::from_secs(5);
/// Name of Envoy's filter that tells TLS from plain text.
const TLS_INSPECTOR: &str = "envoy.filters.listener.tls_inspector";

pub(crate) fn write(listener: &Listener, options: EncodeOptions<'_>) -> Message {
    let inspects = listener
        .chains
        .iter()
        .any(|chain| chain.matches.tls.is_some() || !chain.matches.server_names.is_empty());
    let telemetry = &listener.telemetry;
    let vigla = Fields::default()
        .text("direction", Some(direction_name(listener.direction)))
        .text("reporter", Some(telemetry.reporter.as_str()))
        .service(telemetry.service.as_ref())
        .identity(&telemetry.local);
    Message {
        name: listener.name.to_string(),
        address: Some(write_address(listener.address)),
        filter_chains: listener
            .chains
            .iter()
            .map(|chain| write_chain(listener, chain, options))
            .collect(),
        metadata: metadata::write(vigla, listener.origin.as_ref()),
        listener_filters: if inspects {
            vec![tls_inspector()]
        } else {
            Vec::new()
        },
        listener_filters_timeout: inspects.then(|| write_duration(INSPECTION)),
        continue_on_listener_filters_timeout: inspects,
        traffic_direction: match listener.direction {
            Direction::Inbound => TrafficDirection::Inbound,
            Direction::Outbound | Direction::Gateway => TrafficDirection::Outbound,
        }
        .into(),
        // Two processes must not share a port unnoticed.
        enable_reuse_port: flag(false),
        access_log: stats::refused_connections(listener).into_iter().collect(),
        ..Message::default()
    }
}

pub(crate) fn read(message: &Message) -> Result<Listener, Reason> {
    let metadata = message.metadata.as_ref();
    let direction = match metadata::find(metadata, VIGLA, "direction") {
        Some("gateway") => Direction::Gateway,
        _ if message.traffic_direction == i32::from(TrafficDirection::Inbound) => Direction::Inbound,
        _ => Direction::Outbound,
    };
    for filter in &message.listener_filters {
        if filter.name != TLS_INSPECTOR {
            return Err(format!("listener filter `{}` is not supported", filter.name));
        }
    }
    if message.default_filter_chain.is_some() || message.filter_chain_matcher.is_some() {
        return Err("filter chains are chosen in a way that is not supported".to_owned());
    }
    let chains = message
        .filter_chains
        .iter()
        .map(|chain| read_chain(chain).map_err(|reason| format!("filter chain `{}`: {reason}", chain.name)));
    let (chains, tracing): (Vec<_>, Vec<_>) = chains.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    // All chains of a listener make the same spans.
    let tracing = tracing.into_iter().flatten().next();
    Ok(Listener {
        name: message.name.as_str().into(),
        address: read_address(message.address.as_ref())?,
        direction,
        chains,
        telemetry: Telemetry {
            reporter: match metadata::find(metadata, VIGLA, "reporter") {
                Some("source") => Reporter::Source,
                Some("destination") => Reporter::Destination,
                _ if direction == Direction::Inbound => Reporter::Destination,
                _ => Reporter::Source,
            },
            local: metadata::read_identity(metadata)?,
            service: metadata::read_service(metadata),
        },
        tracing,
        origin: metadata::read_origin(metadata),
    })
}

fn write_chain(listener: &Listener, chain: &FilterChain, options: EncodeOptions<'_>) -> ChainMessage {
    let is_http = matches!(chain.network, Network::Http(_));
    let matches = FilterChainMatch {
        transport_protocol: match chain.matches.tls {
            Some(true) => "tls".to_owned(),
            Some(false) => "raw_buffer".to_owned(),
            None => String::new(),
        },
        server_names: chain
            .matches
            .server_names
            .iter()
            .map(ToString::to_string)
            .collect(),
        ..FilterChainMatch::default()
    };
    ChainMessage {
        name: chain.name.to_string(),
        filter_chain_match: (matches != FilterChainMatch::default()).then_some(matches),
        filters: network::write(listener, chain, options),
        metadata: rate_limit::write_origin(
            rbac::write_origins(
                metadata::write(Fields::default(), chain.origin.as_ref()),
                chain.authorization.as_deref(),
            ),
            chain.rate_limit.as_deref(),
        ),
        transport_socket: chain.tls.as_ref().map(|tls| tls::write_downstream(tls, is_http)),
        ..ChainMessage::default()
    }
}

fn read_chain(message: &ChainMessage) -> Result<(FilterChain, Option<Tracing>), Reason> {
    let empty = FilterChainMatch::default();
    let matches = message.filter_chain_match.as_ref().unwrap_or(&empty);
    let known = FilterChainMatch {
        transport_protocol: matches.transport_protocol.clone(),
        server_names: matches.server_names.clone(),
        ..FilterChainMatch::default()
    };
    if known != *matches {
        return Err("matches by something that is not supported".to_owned());
    }
    let mut read = network::read(&message.filters)?;
    let authorization = read.authorization.take().map(|mut authorization| {
        rbac::read_origins(message.metadata.as_ref(), &mut authorization);
        Arc::new(authorization)
    });
    let rate_limit = read.rate_limit.take().map(|mut limit| {
        rate_limit::read_origin(message.metadata.as_ref(), &mut limit);
        Arc::new(limit)
    });
    let is_plain = |socket: &TransportSocket| *socket == tls::write_plaintext();
    let chain = FilterChain {
        name: message.name.as_str().into(),
        matches: ChainMatch {
            tls: match matches.transport_protocol.as_str() {
                "" => None,
                "tls" => Some(true),
                "raw_buffer" => Some(false),
                other => return Err(format!("transport protocol `{other}` is not supported")),
            },
            server_names: matches
                .server_names
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
        },
        tls: match &message.transport_socket {
            Some(socket) if !is_plain(socket) => Some(tls::read_downstream(socket)?),
            _ => None,
        },
        authorization,
        rate_limit,
        network: required(read.network, "what reads the bytes")?,
        origin: metadata::read_origin(message.metadata.as_ref()),
    };
    Ok((chain, read.tracing))
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
        Direction::Gateway => "gateway",
    }
}

fn tls_inspector() -> ListenerFilter {
    ListenerFilter {
        name: TLS_INSPECTOR.to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(&TlsInspector::default()))),
        ..ListenerFilter::default()
    }
}
