//! Encoded resources: bytes that all streams share, with the hash of what they say.

use std::{
    collections::{BTreeMap, btree_map},
    fmt,
    hash::Hasher,
    sync::Arc,
};

use bytes::Bytes;
use prost::encoding::{decode_varint, encode_varint, encoded_len_varint};
use twox_hash::XxHash64;

/// The five kinds of resources of a plan, in the order in which changes are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// CDS.
    Cluster,
    /// EDS.
    Endpoints,
    /// LDS.
    Listener,
    /// RDS.
    RouteTable,
    /// SDS.
    Secret,
}

impl ResourceKind {
    /// All kinds, in push order.
    pub const ALL: [Self; 5] = [
        Self::Cluster,
        Self::Endpoints,
        Self::Listener,
        Self::RouteTable,
        Self::Secret,
    ];

    /// The type's URL as it stands in messages.
    pub fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::RouteTable => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        }
    }

    /// The kind with this URL.
    pub fn find_type_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == url)
    }

    /// Whether a subscriber gets all resources without naming them, and whether one that is missing in an
    /// answer is gone.
    pub fn is_wildcard(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }

    /// The service's usual short name, such as `RDS`.
    pub fn short(self) -> &'static str {
        match self {
            Self::Cluster => "CDS",
            Self::Endpoints => "EDS",
            Self::Listener => "LDS",
            Self::RouteTable => "RDS",
            Self::Secret => "SDS",
        }
    }

    /// Place in push order, from 0.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// One resource as it goes over the wire.
///
/// Cloning shares the bytes. Private keys may be inside: the bytes never show in `Debug`.
#[derive(Clone)]
pub struct Resource {
    /// Unique within its kind.
    pub name: Arc<str>,
    /// Field `resources` of a DiscoveryResponse: tag, length, and the encoded `google.protobuf.Any`.
    framed: Bytes,
    /// Hash of the content. It is taken from what was encoded, not from the bytes: protobuf maps have no
    /// order, so equal content may have different bytes.
    pub hash: u64,
}

impl Resource {
    /// Tag of `DiscoveryResponse.resources` (field 2, length-delimited).
    const TAG: u8 = 0x12;

    /// Frames an encoded `Any`.
    pub fn new(name: Arc<str>, any: &[u8], hash: u64) -> Self {
        let mut framed = Vec::with_capacity(1 + encoded_len_varint(any.len() as u64) + any.len());
        framed.push(Self::TAG);
        encode_varint(any.len() as u64, &mut framed);
        framed.extend_from_slice(any);
        Self {
            name,
            framed: framed.into(),
            hash,
        }
    }

    /// The bytes to put into a DiscoveryResponse.
    pub fn framed(&self) -> &Bytes {
        &self.framed
    }

    /// The encoded `google.protobuf.Any`.
    pub fn any(&self) -> &[u8] {
        let mut rest = &self.framed[1..];
        decode_varint(&mut rest).expect("Resource::new wrote the length");
        rest
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({} bytes, {:016x})",
            self.name,
            self.framed.len(),
            self.hash
        )
    }
}

/// Equal by name and content.
impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.hash == other.hash
    }
}

/// The resources of one kind, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceSet(BTreeMap<Arc<str>, Resource>);

impl ResourceSet {
    /// Adds or replaces a resource.
    pub fn insert(&mut self, resource: Resource) {
        self.0.insert(Arc::clone(&resource.name), resource);
    }

    /// The resource with this name.
    pub fn get(&self, name: &str) -> Option<&Resource> {
        self.0.get(name)
    }

    /// Whether there is a resource with this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All resources, by name.
    pub fn iter(&self) -> btree_map::Values<'_, Arc<str>, Resource> {
        self.0.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Resource> for ResourceSet {
    fn from_iter<I: IntoIterator<Item = Resource>>(resources: I) -> Self {
        let mut set = Self::default();
        resources.into_iter().for_each(|resource| set.insert(resource));
        set
    }
}

/// Version of some resources: a hash over their names and contents, so that it is the same after a restart
/// and in every replica.
pub(crate) fn version_of<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> Arc<str> {
    let mut hasher = XxHash64::with_seed(0);
    for resource in resources {
        hasher.write(resource.name.as_bytes());
        hasher.write_u8(0);
        hasher.write_u64(resource.hash);
    }
    format!("{:016x}", hasher.finish()).into()
}

/// Everything that one proxy is to have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources([ResourceSet; 5]);

impl Resources {
    /// The resources of one kind.
    pub fn of(&self, kind: ResourceKind) -> &ResourceSet {
        &self.0[kind.index()]
    }

    /// The resources of one kind, to change.
    pub fn of_mut(&mut self, kind: ResourceKind) -> &mut ResourceSet {
        &mut self.0[kind.index()]
    }
}
