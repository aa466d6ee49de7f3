//! Clusters.

mod policy;

use std::collections::HashMap;

use envoy_types::pb::envoy::{
    config::{
        cluster::v3::{
            Cluster as Message,
            cluster::{
                ClusterDiscoveryType, CommonLbConfig, DiscoveryType, DnsLookupFamily, EdsClusterConfig,
                LbConfig, LbPolicy, MaglevLbConfig, RingHashLbConfig, TransportSocketMatch,
            },
        },
        core::v3::{Http1ProtocolOptions, Http2ProtocolOptions},
    },
    extensions::upstreams::http::v3::{
        HttpProtocolOptions,
        http_protocol_options::{
            ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
            explicit_http_config::ProtocolConfig,
        },
    },
};
use envoy_types::pb::google::protobuf::UInt64Value;
use vigla_dataplane::{Balancer, Cluster, Discovery, HttpVersion, UpstreamTls};
use vigla_model::Protocol;

use super::{
    Reason, endpoint, from_ads,
    metadata::{self, Fields, VIGLA},
    pack, passthrough, read_duration, tls, unpack, write_duration,
};

/// Key of a cluster's HTTP options.
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
/// Name of the socket for endpoints with sidecar, as in Istio.
const MESH_SOCKET: &str = "tlsMode-istio";
/// Name of the socket for the others, as in Istio.
const PLAIN_SOCKET: &str = "tlsMode-disabled";

pub(crate) fn write(cluster: &Cluster) -> Message {
    let (discovery, load_assignment) = match &cluster.discovery {
        Discovery::Eds => (of_type(DiscoveryType::Eds), None),
        Discovery::Static(endpoints) => (
            of_type(DiscoveryType::Static),
            Some(endpoint::write(&cluster.name, endpoints)),
        ),
        Discovery::Dns(names) => (
            of_type(DiscoveryType::StrictDns),
            Some(endpoint::write_names(&cluster.name, names)),
        ),
        Discovery::Passthrough => (passthrough::write_cluster(), None),
    };
    let (transport_socket, transport_socket_matches) = match &cluster.tls {
        UpstreamTls::None => (None, Vec::new()),
        UpstreamTls::Simple(origination) => (
            Some(tls::write_origination(origination, alpn(cluster))),
            Vec::new(),
        ),
        UpstreamTls::Mesh {
            auto,
            sni,
            principals,
        } => {
            let mesh = tls::write_upstream(sni, principals, alpn(cluster));
            if *auto {
                (None, by_endpoint(mesh))
            } else {
                (Some(mesh), Vec::new())
            }
        }
    };
    let vigla = Fields::default()
        .service(cluster.service.as_ref())
        .text("protocol", Some(cluster.protocol.as_str()));
    Message {
        name: cluster.name.to_string(),
        cluster_discovery_type: Some(discovery),
        eds_cluster_config: (cluster.discovery == Discovery::Eds).then(|| EdsClusterConfig {
            eds_config: Some(from_ads()),
            ..EdsClusterConfig::default()
        }),
        load_assignment,
        // Addresses of both families, as the plan has it; Envoy would leave IPv4 out where there is IPv6.
        dns_lookup_family: match cluster.discovery {
            Discovery::Dns(_) => DnsLookupFamily::All.into(),
            Discovery::Eds | Discovery::Static(_) | Discovery::Passthrough => 0,
        },
        lb_policy: match cluster.balancer {
            _ if cluster.discovery == Discovery::Passthrough => LbPolicy::ClusterProvided,
            Balancer::LeastRequest => LbPolicy::LeastRequest,
            Balancer::RoundRobin => LbPolicy::RoundRobin,
            Balancer::Random => LbPolicy::Random,
            Balancer::RingHash { .. } => LbPolicy::RingHash,
            Balancer::Maglev { .. } => LbPolicy::Maglev,
        }
        .into(),
        lb_config: write_table(cluster.balancer),
        connect_timeout: Some(write_duration(cluster.connect_timeout)),
        transport_socket,
        transport_socket_matches,
        metadata: policy::write_origins(
            metadata::write(vigla, cluster.origin.as_ref()),
            &cluster.connection_pool,
            cluster.outlier.as_ref(),
        ),
        typed_extension_protocol_options: http_options(cluster),
        circuit_breakers: Some(policy::write_pool(&cluster.connection_pool)),
        upstream_connection_options: policy::write_keepalive(&cluster.connection_pool),
        outlier_detection: cluster.outlier.as_ref().map(policy::write_outlier),
        // As in Istio: no traffic goes to unhealthy endpoints, unless a rule says so.
        common_lb_config: Some(CommonLbConfig {
            healthy_panic_threshold: Some(policy::panic_threshold(cluster.outlier.as_ref())),
            ..CommonLbConfig::default()
        }),
        ..Message::default()
    }
}

pub(crate) fn read(message: &Message) -> Result<Cluster, Reason> {
    let metadata = message.metadata.as_ref();
    let options = read_http_options(message)?;
    let discovery = match &message.cluster_discovery_type {
        Some(ClusterDiscoveryType::Type(kind)) if *kind == i32::from(DiscoveryType::Eds) => Discovery::Eds,
        Some(ClusterDiscoveryType::Type(kind)) if *kind == i32::from(DiscoveryType::Static) => {
            let endpoints = message.load_assignment.as_ref().map(endpoint::read).transpose()?;
            Discovery::Static(endpoints.unwrap_or_default())
        }
        Some(ClusterDiscoveryType::Type(kind)) if *kind == i32::from(DiscoveryType::StrictDns) => {
            let names = message
                .load_assignment
                .as_ref()
                .map(endpoint::read_names)
                .transpose()?;
            Discovery::Dns(names.unwrap_or_default())
        }
        Some(ClusterDiscoveryType::ClusterType(kind)) => passthrough::read_cluster(kind)?,
        _ => return Err("endpoints are found in a way that is not supported".to_owned()),
    };
    let is_passthrough = discovery == Discovery::Passthrough;
    Ok(Cluster {
        name: message.name.as_str().into(),
        discovery,
        balancer: match LbPolicy::try_from(message.lb_policy) {
            Ok(LbPolicy::LeastRequest) => Balancer::LeastRequest,
            Ok(LbPolicy::ClusterProvided) if is_passthrough => Balancer::LeastRequest,
            Ok(LbPolicy::RoundRobin) => Balancer::RoundRobin,
            Ok(LbPolicy::Random) => Balancer::Random,
            Ok(LbPolicy::RingHash) => Balancer::RingHash {
                entries: read_table(message)?,
            },
            Ok(LbPolicy::Maglev) => Balancer::Maglev {
                entries: read_table(message)?,
            },
            _ => return Err("endpoints are picked in a way that is not supported".to_owned()),
        },
        connect_timeout: match &message.connect_timeout {
            Some(timeout) => read_duration(timeout)?,
            None => std::time::Duration::from_secs(5), // Envoy's default.
        },
        connection_pool: policy::read_pool(
            message,
            options
                .as_ref()
                .and_then(|options| options.common_http_protocol_options.as_ref()),
        )?,
        outlier: policy::read_outlier(message)?,
        tls: read_tls(message)?,
        service: metadata::read_service(metadata),
        protocol: match metadata::find(metadata, VIGLA, "protocol") {
            Some("tcp") => Protocol::Tcp,
            Some("grpc") => Protocol::Grpc,
            _ => Protocol::Http,
        },
        http: read_http_version(options.as_ref()),
        origin: metadata::read_origin(metadata),
    })
}

fn write_table(balancer: Balancer) -> Option<LbConfig> {
    let entries = |entries: u32| {
        Some(UInt64Value {
            value: entries.into(),
        })
    };
    match balancer {
        Balancer::RingHash {
            entries: Some(least), ..
        } => Some(LbConfig::RingHashLbConfig(RingHashLbConfig {
            minimum_ring_size: entries(least),
            ..RingHashLbConfig::default()
        })),
        Balancer::Maglev { entries: Some(size) } => Some(LbConfig::MaglevLbConfig(MaglevLbConfig {
            table_size: entries(size),
        })),
        _ => None,
    }
}

fn read_table(message: &Message) -> Result<Option<u32>, Reason> {
    let entries = match &message.lb_config {
        Some(LbConfig::RingHashLbConfig(ring)) => ring.minimum_ring_size,
        Some(LbConfig::MaglevLbConfig(maglev)) => maglev.table_size,
        None => None,
        Some(_) => return Err("endpoints are picked in a way that is not supported".to_owned()),
    };
    let small =
        |entries: UInt64Value| u32::try_from(entries.value).map_err(|_| "a table is too large".to_owned());
    entries.map(small).transpose()
}

fn of_type(kind: DiscoveryType) -> ClusterDiscoveryType {
    ClusterDiscoveryType::Type(kind.into())
}

/// Auto mTLS: endpoints that say that they have a sidecar get TLS, the others plain text.
fn by_endpoint(mesh: envoy_types::pb::envoy::config::core::v3::TransportSocket) -> Vec<TransportSocketMatch> {
    vec![
        TransportSocketMatch {
            name: MESH_SOCKET.to_owned(),
            r#match: Some(endpoint::mesh_tls()),
            transport_socket: Some(mesh),
        },
        TransportSocketMatch {
            name: PLAIN_SOCKET.to_owned(),
            r#match: Some(Fields::default().build()),
            transport_socket: Some(tls::write_plaintext()),
        },
    ]
}

fn read_tls(message: &Message) -> Result<UpstreamTls, Reason> {
    let (auto, socket) = match (
        &message.transport_socket,
        message.transport_socket_matches.as_slice(),
    ) {
        (None, []) => return Ok(UpstreamTls::None),
        (Some(socket), []) if *socket == tls::write_plaintext() => return Ok(UpstreamTls::None),
        (Some(socket), []) if !tls::is_of_mesh(socket)? => {
            return tls::read_origination(socket).map(UpstreamTls::Simple);
        }
        (Some(socket), []) => (false, socket),
        (None, [mesh, plain])
            if mesh.r#match.as_ref() == Some(&endpoint::mesh_tls())
                && plain.transport_socket == Some(tls::write_plaintext()) =>
        {
            (
                true,
                mesh.transport_socket
                    .as_ref()
                    .ok_or("the mesh's TLS has no settings")?,
            )
        }
        _ => return Err("the transport is chosen in a way that is not supported".to_owned()),
    };
    let (sni, principals) = tls::read_upstream(socket)?;
    Ok(UpstreamTls::Mesh {
        auto,
        sni: sni.into(),
        principals,
    })
}

/// Versions of HTTP that a TLS hello offers.
fn alpn(cluster: &Cluster) -> &'static [&'static str] {
    match (cluster.protocol, cluster.http) {
        (Protocol::Tcp, _) => &[],
        (_, HttpVersion::Http1) => &["http/1.1"],
        (_, HttpVersion::Http2) => &["h2"],
        (_, HttpVersion::AsCaller) => &["h2", "http/1.1"],
    }
}

fn http_options(cluster: &Cluster) -> HashMap<String, envoy_types::pb::google::protobuf::Any> {
    if cluster.protocol == Protocol::Tcp {
        return HashMap::new();
    }
    let explicit = |config| {
        UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(config),
        })
    };
    let version = match cluster.http {
        HttpVersion::Http1 => explicit(ProtocolConfig::HttpProtocolOptions(
            Http1ProtocolOptions::default(),
        )),
        HttpVersion::Http2 => explicit(ProtocolConfig::Http2ProtocolOptions(
            Http2ProtocolOptions::default(),
        )),
        HttpVersion::AsCaller => {
            UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
                http_protocol_options: Some(Http1ProtocolOptions::default()),
                http2_protocol_options: Some(Http2ProtocolOptions::default()),
                ..UseDownstreamHttpConfig::default()
            })
        }
    };
    let options = HttpProtocolOptions {
        upstream_protocol_options: Some(version),
        common_http_protocol_options: policy::write_connections(&cluster.connection_pool),
        ..HttpProtocolOptions::default()
    };
    HashMap::from([(HTTP_OPTIONS.to_owned(), pack(&options))])
}

fn read_http_options(message: &Message) -> Result<Option<HttpProtocolOptions>, Reason> {
    let any = message.typed_extension_protocol_options.get(HTTP_OPTIONS);
    any.map(unpack).transpose()
}

fn read_http_version(options: Option<&HttpProtocolOptions>) -> HttpVersion {
    match options.and_then(|options| options.upstream_protocol_options.as_ref()) {
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(ProtocolConfig::Http2ProtocolOptions(_)),
        })) => HttpVersion::Http2,
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(_)) => HttpVersion::AsCaller,
        _ => HttpVersion::Http1,
    }
}
