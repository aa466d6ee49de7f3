//! The Snapshot with what rules ask beside it: which namespaces are declared, which pods there are, who delegates.
//!
//! Built once for a run, so that a rule's question about one object does not walk through all others.

mod hosts;
mod pods;

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::Deref,
    sync::Arc,
};

use vigla_config::{Gateway, Node, Object, Schemas, Server, ServiceEntry, Snapshot, VirtualService};
use vigla_model::{Namespace, ObjectRef, Timestamp};

pub(crate) use hosts::{Host, HostInfo, is_subdomain_pattern, is_visible, overlaps};
pub(crate) use pods::{Pod, meets};

use crate::{
    Evidence,
    rule::{GATEWAY, Kind, NAMESPACE, SERVICE_ENTRY, VIRTUAL_SERVICE},
};

/// A mesh as rules see it.
pub(crate) struct Mesh<'a> {
    snapshot: &'a Snapshot,
    #[expect(dead_code, reason = "the first rule that needs traffic asks for it")]
    pub(crate) evidence: &'a Evidence,
    #[expect(dead_code, reason = "the first rule about certificates asks for it")]
    pub(crate) now: Timestamp,
    by_kind: HashMap<(&'a str, &'a str), Vec<&'a Arc<Object>>>,
    namespaces: OnceCell<BTreeSet<Namespace>>,
    pods: OnceCell<BTreeMap<Namespace, Vec<Pod<'a>>>>,
    delegates: OnceCell<Delegates>,
    replaced: OnceCell<HashMap<&'a ObjectRef, Vec<&'a Arc<Object>>>>,
    entries: OnceCell<hosts::EntryHosts<'a>>,
    schemas: OnceCell<Schemas>,
    servers: OnceCell<Servers<'a>>,
}

/// Hosts of Gateways' servers, by port and host (without the namespace before it).
type Servers<'a> = HashMap<(u16, String), Vec<(Gateway<'a>, Server<'a>, Node<'a>)>>;

/// Namespaces and names of VirtualServices to which others delegate.
type Delegates = HashSet<(String, String)>;

impl<'a> Deref for Mesh<'a> {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        self.snapshot
    }
}

impl<'a> Mesh<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, evidence: &'a Evidence, now: Timestamp) -> Self {
        let mut by_kind: HashMap<(&str, &str), Vec<&Arc<Object>>> = HashMap::new();
        for object in snapshot.objects() {
            by_kind
                .entry((object.group(), object.kind()))
                .or_default()
                .push(object);
        }
        Self {
            snapshot,
            evidence,
            now,
            by_kind,
            namespaces: OnceCell::new(),
            pods: OnceCell::new(),
            delegates: OnceCell::new(),
            replaced: OnceCell::new(),
            entries: OnceCell::new(),
            schemas: OnceCell::new(),
            servers: OnceCell::new(),
        }
    }

    /// The Snapshot, for as long as it lives.
    pub(crate) fn snapshot(&self) -> &'a Snapshot {
        self.snapshot
    }

    /// All objects of a kind, in the order in which they came.
    pub(crate) fn all(&self, kind: Kind) -> impl Iterator<Item = &'a Arc<Object>> {
        let found = self.by_kind.get(&(kind.0, kind.1));
        found.into_iter().flatten().copied()
    }

    /// The object of a kind with this name.
    pub(crate) fn named(&self, kind: Kind, namespace: &str, name: &str) -> Option<&'a Arc<Object>> {
        self.snapshot
            .find(&ObjectRef::new(kind.0, kind.1, namespace, name))
    }

    /// Objects of the same name that came before this one and do not count.
    pub(crate) fn replaced_by(&self, object: &Object) -> impl Iterator<Item = &'a Arc<Object>> {
        let all = self.replaced.get_or_init(|| {
            let mut all: HashMap<&ObjectRef, Vec<&Arc<Object>>> = HashMap::new();
            for before in self.snapshot.replaced() {
                all.entry(before.object_ref()).or_default().push(before);
            }
            all
        });
        all.get(object.object_ref()).into_iter().flatten().copied()
    }

    /// Which fields the kinds have.
    pub(crate) fn schemas(&self) -> &Schemas {
        self.schemas.get_or_init(Schemas::default)
    }

    /// Namespaces that exist: those with an object of kind Namespace or a running pod, `default` and the root.
    pub(crate) fn known_namespaces(&self) -> &BTreeSet<Namespace> {
        self.namespaces.get_or_init(|| {
            let declared = self.all(NAMESPACE).map(|object| object.name().into());
            let running = self.snapshot.instances().iter();
            declared
                .chain(running.map(|instance| instance.namespace.clone()))
                .chain([Namespace::from("default"), self.root().clone()])
                .collect()
        })
    }

    /// The root namespace.
    pub(crate) fn root(&self) -> &'a Namespace {
        &self.snapshot.settings().root_namespace
    }

    /// Pods, written or running, of a namespace.
    pub(crate) fn pods(&self, namespace: &Namespace) -> &[Pod<'a>] {
        let all = self.pods.get_or_init(|| pods::all(self));
        all.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// Pods of all namespaces.
    pub(crate) fn all_pods(&self) -> impl Iterator<Item = &Pod<'a>> {
        let all = self.pods.get_or_init(|| pods::all(self));
        all.values().flatten()
    }

    /// Whether a rule of another VirtualService delegates to this one.
    pub(crate) fn is_delegate(&self, namespace: &str, name: &str) -> bool {
        let all = self.delegates.get_or_init(|| {
            let roots = self.all(VIRTUAL_SERVICE);
            let roots = roots.filter_map(|object| VirtualService::of(object));
            roots
                .flat_map(|root| root.http().map(move |rule| (root, rule)))
                .filter_map(|(root, rule)| {
                    let (namespace, name) = rule.delegate()?;
                    let namespace = namespace.unwrap_or(root.namespace().as_str());
                    Some((namespace.to_owned(), name.to_owned()))
                })
                .collect()
        });
        all.contains(&(namespace.to_owned(), name.to_owned()))
    }

    /// Servers of Gateways for a port and host.
    pub(crate) fn servers(&self, port: u16, host: &str) -> &[(Gateway<'a>, Server<'a>, Node<'a>)] {
        let all = self.servers.get_or_init(|| {
            let mut all = Servers::new();
            let gateways = self.all(GATEWAY).filter_map(|object| Gateway::of(object));
            for (gateway, server) in
                gateways.flat_map(|gateway| gateway.servers().map(move |server| (gateway, server)))
            {
                let Some(port) = server.port() else { continue };
                for node in server.hosts() {
                    let host = server_host(node.text().unwrap_or_default());
                    all.entry((port, host)).or_default().push((gateway, server, node));
                }
            }
            all
        });
        all.get(&(port, server_host(host))).map_or(&[], Vec::as_slice)
    }

    /// ServiceEntries that have exactly this host.
    pub(crate) fn entries_of(&self, host: &str) -> Vec<ServiceEntry<'a>> {
        self.entry_hosts().named(&host.to_ascii_lowercase())
    }

    fn entry_hosts(&self) -> &hosts::EntryHosts<'a> {
        self.entries.get_or_init(|| {
            let entries = self.all(SERVICE_ENTRY);
            hosts::EntryHosts::new(entries.filter_map(|object| ServiceEntry::of(object)))
        })
    }
}

/// The host of a server. `namespace/host` restricts who may bring routes; the listener is the same.
fn server_host(written: &str) -> String {
    written.rsplit('/').next().unwrap_or(written).to_ascii_lowercase()
}
