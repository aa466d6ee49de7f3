//! A mesh for tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use vigla_config::{Capture, Instance, MeshSettings, Object, Snapshot, TargetPort, Workload, read_objects};
use vigla_model::ObjectRef;

/// The example mesh: Bookinfo behind an ingress gateway, and a caller without sidecar.
const BOOKINFO: &str = include_str!("bookinfo/mesh.yaml");

/// A mesh that is made of YAML, and of one instance for each replica that it asks for.
///
/// The workloads are numbered by namespace and name from 1. Number w has the addresses `127.64.w.1` (where others
/// reach it), `127.64.w.2` (its application) and `127.64.w.3` (its calls); further replicas take 4, 5, 6 and so on.
#[derive(Debug, Clone, Default)]
pub struct Mesh {
    files: Vec<(String, String)>,
    settings: Option<MeshSettings>,
}

impl Mesh {
    /// Bookinfo: `productpage`, `details`, `reviews` (v1 to v3), `ratings`, a gateway in `istio-system` and
    /// `batch-report` in namespace `batch`, which has no sidecar.
    pub fn bookinfo() -> Self {
        Self::default().with_file("bookinfo.yaml", BOOKINFO)
    }

    /// Nothing at all.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds objects; those with the name of an earlier one replace it. The file is called `test.yaml`, a second
    /// one `test-2.yaml`.
    #[must_use]
    pub fn with_yaml(self, yaml: &str) -> Self {
        let name = match self
            .files
            .iter()
            .filter(|(name, _)| name.starts_with("test"))
            .count()
        {
            0 => "test.yaml".to_owned(),
            more => format!("test-{}.yaml", more + 1),
        };
        self.with_file(&name, yaml)
    }

    /// Adds a file.
    #[must_use]
    pub fn with_file(mut self, name: &str, yaml: &str) -> Self {
        self.files.push((name.to_owned(), yaml.to_owned()));
        self
    }

    /// Settings other than the usual ones.
    #[must_use]
    pub fn with_settings(mut self, settings: MeshSettings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// The snapshot.
    ///
    /// # Panics
    /// When the YAML is broken: a test is to be right.
    pub fn snapshot(&self) -> Snapshot {
        let mut objects = Vec::new();
        for (name, yaml) in &self.files {
            let found = read_objects(name, yaml);
            assert!(found.errors.is_empty(), "{:?}", found.errors);
            objects.extend(found.objects);
        }
        let settings = self.settings.clone().unwrap_or_default();
        let written = Snapshot::build(objects.clone(), Vec::new(), settings.clone());
        Snapshot::build(objects, instances(&written), settings)
    }
}

fn instances(mesh: &Snapshot) -> Vec<Instance> {
    let outbound: BTreeSet<u16> = mesh
        .services()
        .iter()
        .chain(mesh.entry_services().iter().map(|entry| &entry.service))
        .flat_map(|service| service.ports.iter().map(|port| port.port))
        .collect();
    let mut instances = Vec::new();
    for (number, workload) in (1_u8..).zip(mesh.workloads()) {
        for replica in 0..workload.replicas.unwrap_or(1) {
            instances.push(instance(mesh, workload, number, replica, &outbound));
        }
    }
    instances
}

fn instance(
    mesh: &Snapshot,
    workload: &Workload,
    number: u8,
    replica: u32,
    outbound: &BTreeSet<u16>,
) -> Instance {
    let first = u8::try_from(replica * 3).expect("a test mesh has few replicas");
    let address = |offset: u8| IpAddr::from([127, 64, number, first + offset]);
    let at = |offset: u8, ports: &BTreeSet<u16>| -> BTreeMap<u16, SocketAddr> {
        ports
            .iter()
            .map(|&port| (port, SocketAddr::new(address(offset), port)))
            .collect()
    };
    let capture = Capture {
        app: at(2, &ports_of(mesh, workload)),
        outbound: at(3, outbound),
        ..Capture::default()
    };
    Instance {
        name: format!("{}-{replica}", workload.name).into(),
        namespace: workload.namespace.clone(),
        workload: workload.name.clone(),
        labels: workload.labels.clone(),
        service_account: workload.service_account.clone(),
        address: address(1),
        sidecar: match kind_of(mesh, workload) {
            Kind::Plain => None,
            Kind::Sidecar => Some(capture),
            Kind::Gateway => Some(Capture::default()),
        },
        published: BTreeMap::new(),
        ready: true,
    }
}

fn ports_of(mesh: &Snapshot, workload: &Workload) -> BTreeSet<u16> {
    let targets = mesh
        .services_of(workload)
        .flat_map(|service| &service.ports)
        .filter_map(|port| match port.target {
            TargetPort::Number(number) => Some(number),
            TargetPort::Name(_) => None,
        });
    workload
        .ports
        .iter()
        .map(|port| port.port)
        .chain(targets)
        .collect()
}

enum Kind {
    Plain,
    Sidecar,
    Gateway,
}

fn kind_of(mesh: &Snapshot, workload: &Workload) -> Kind {
    let mark = |key: &str| {
        workload
            .labels
            .get(key)
            .or_else(|| workload.annotations.get(key))
            .map(String::as_str)
    };
    if mark("inject.istio.io/templates") == Some("gateway") {
        return Kind::Gateway;
    }
    let namespace = ObjectRef::new("", "Namespace", "", workload.namespace.as_str());
    let labels = mesh
        .find(&namespace)
        .map(|namespace: &std::sync::Arc<Object>| namespace.labels());
    let enabled = labels
        .and_then(|labels| labels.get("istio-injection"))
        .is_some_and(|value| value == "enabled");
    match mark("sidecar.istio.io/inject") {
        Some("true") => Kind::Sidecar,
        None if enabled => Kind::Sidecar,
        _ => Kind::Plain,
    }
}
