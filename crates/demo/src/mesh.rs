//! From the mesh's config to what has to run: instances with their places, their behaviour, and the pages to ask for.

mod entry;
mod supplement;

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use vigla_config::{Capture, Gateway, Instance, MeshSettings, Object, Snapshot, TargetPort, Workload};
use vigla_model::ObjectRef;
use vigla_store::Target;

pub(crate) use supplement::ingress_gateway;

use crate::{
    DemoError,
    address::{AddressPlan, Places, Wants},
    app::{Exits, Setup},
    behaviour::Behaviour,
    generator::Page,
};

/// Instances of one workload that are run at most: each has a process.
const MAX_REPLICAS: u32 = 8;

/// Port at which a workload without any port answers `GET /counts`.
const COUNTS_PORT: u16 = 15_098;

/// What has to run for a config.
#[derive(Debug, Default)]
pub(crate) struct Mesh {
    /// The config with the instances in it.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Everything that has an address, in order of names.
    pub(crate) members: Vec<Member>,
    /// What the generator asks for.
    pub(crate) pages: Vec<Page>,
    /// What cannot be done as it is written, for people.
    pub(crate) problems: Vec<String>,
}

/// One instance and what it does.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) instance: Instance,
    pub(crate) places: Places,
    /// What it is for: a gateway's sidecar is a proxy without application.
    pub(crate) gateway: bool,
    /// What its application does; `None` for gateways.
    pub(crate) setup: Option<Setup>,
    /// Every address that its application or sidecar binds.
    pub(crate) listeners: Vec<SocketAddr>,
}

impl Member {
    /// `NAMESPACE/INSTANCE`, unique in the mesh.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.instance.namespace, self.instance.name)
    }

    /// Where its application listens.
    pub(crate) fn app_listeners(&self) -> Vec<SocketAddr> {
        self.places.app.values().copied().collect()
    }
}

impl Mesh {
    /// Plans everything that the objects ask for.
    ///
    /// # Errors
    /// When the address plan is full.
    pub(crate) fn plan(
        objects: Vec<Arc<Object>>,
        settings: &MeshSettings,
        addresses: &mut AddressPlan,
    ) -> Result<Self, DemoError> {
        // First as written, to see who is wanted; then with the instances, to see who reaches whom.
        let written = Snapshot::build(objects.iter().cloned(), Vec::new(), settings.clone());
        let mut problems = Vec::new();
        let wanted = wanted(&written, &mut problems);
        if wanted.is_empty() {
            problems.push("the config has no Deployment, StatefulSet or DaemonSet: nothing runs".to_owned());
        }
        addresses.retain(
            &wanted
                .iter()
                .map(|(name, workload)| format!("{}/{name}", workload.namespace))
                .collect(),
        );
        let outbound = outbound_ports(&written);
        let mut members = Vec::new();
        for (name, workload) in wanted {
            let (behaviour, errors) = Behaviour::parse(&workload.annotations);
            if name.ends_with("-0") {
                let of = |error| format!("{}/{}: {error}", workload.namespace, workload.name);
                problems.extend(errors.into_iter().map(of));
            }
            members.push(member(&written, workload, name, behaviour, &outbound, addresses)?);
        }
        let instances = members.iter().map(|member| member.instance.clone()).collect();
        let snapshot = Arc::new(Snapshot::build(objects, instances, settings.clone()));
        for member in members
            .iter_mut()
            .filter(|member| member.instance.sidecar.is_none())
        {
            if let Some(setup) = &mut member.setup {
                setup.exits = Exits::Direct(Arc::new(entry::address_book(
                    &snapshot,
                    &member.instance.namespace,
                    setup,
                )));
            }
        }
        let pages = entry::pages(&snapshot, &members);
        Ok(Self {
            snapshot,
            members,
            pages,
            problems,
        })
    }

    /// Sidecars to scrape, by `NAMESPACE/INSTANCE`.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let with_sidecar = self
            .members
            .iter()
            .filter(|member| member.instance.sidecar.is_some());
        with_sidecar
            .map(|member| Target {
                name: member.key().into(),
                address: member.places.admin,
            })
            .collect()
    }

    /// Every address that the demo is going to bind.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = SocketAddr> {
        self.members
            .iter()
            .flat_map(|member| member.listeners.iter().copied())
    }
}

/// Names of the instances that are to run, each with its workload.
fn wanted<'a>(written: &'a Snapshot, problems: &mut Vec<String>) -> Vec<(String, &'a Workload)> {
    let mut wanted = Vec::new();
    for workload in written.workloads() {
        // Names become parts of paths in the run directory.
        if !is_plain_name(workload.name.as_str()) || !is_plain_name(workload.namespace.as_str()) {
            problems.push(format!(
                "`{}/{}` is no valid name; left out",
                workload.namespace, workload.name
            ));
            continue;
        }
        let replicas = workload.replicas.unwrap_or(1);
        if replicas > MAX_REPLICAS {
            problems.push(format!(
                "{}/{}: only {MAX_REPLICAS} of {replicas} replicas run",
                workload.namespace, workload.name
            ));
        }
        wanted.extend(
            (0..replicas.min(MAX_REPLICAS)).map(|index| (format!("{}-{index}", workload.name), workload)),
        );
    }
    wanted
}

fn member(
    written: &Snapshot,
    workload: &Workload,
    name: String,
    behaviour: Behaviour,
    outbound: &BTreeSet<u16>,
    addresses: &mut AddressPlan,
) -> Result<Member, DemoError> {
    let gateway = is_gateway(written, workload);
    let sidecar = gateway || has_sidecar(written, workload);
    let mut ports = ports_of(written, workload);
    if ports.is_empty() && !gateway {
        ports.insert(COUNTS_PORT);
    }
    let wants = Wants {
        ports,
        outbound: if sidecar && !gateway {
            outbound.clone()
        } else {
            BTreeSet::new()
        },
        sidecar,
        app: !gateway,
    };
    let places = addresses.places(&format!("{}/{name}", workload.namespace), &wants)?;
    let instance = Instance {
        name: name.into(),
        namespace: workload.namespace.clone(),
        workload: workload.name.clone(),
        labels: workload.labels.clone(),
        service_account: workload.service_account.clone(),
        address: places.address,
        sidecar: sidecar.then(|| Capture {
            app: places.app.clone(),
            outbound: places.outbound.clone(),
            ..Capture::default()
        }),
        published: places.published.clone(),
        ready: true,
    };
    let mut listeners: Vec<SocketAddr> = places
        .app
        .values()
        .chain(places.outbound.values())
        .copied()
        .collect();
    if sidecar {
        listeners.push(places.admin);
        listeners.extend(wants.ports.iter().map(|port| instance.endpoint(*port)));
    }
    let setup = wants.app.then(|| Setup {
        behaviour,
        exits: Exits::Sidecar(places.outbound.clone()),
    });
    Ok(Member {
        instance,
        places,
        gateway,
        setup,
        listeners,
    })
}

/// Ports at which a workload serves: its containers', and those that Services send to.
fn ports_of(written: &Snapshot, workload: &Workload) -> BTreeSet<u16> {
    let containers = workload.ports.iter().map(|port| port.port);
    let targets = written
        .services_of(workload)
        .flat_map(|service| &service.ports)
        .filter_map(|port| match port.target {
            TargetPort::Number(number) => Some(number),
            // Names are names of container ports, which are there already.
            TargetPort::Name(_) => None,
        });
    containers.chain(targets).collect()
}

/// Every service port of the mesh: one listener for each is where a sidecar takes calls.
fn outbound_ports(written: &Snapshot) -> BTreeSet<u16> {
    written
        .services()
        .iter()
        .flat_map(|service| service.ports.iter().map(|port| port.port))
        .collect()
}

/// A proxy without application: made from the gateway template, or chosen by a Gateway's selector.
fn is_gateway(written: &Snapshot, workload: &Workload) -> bool {
    let template = mark(workload, "inject.istio.io/templates");
    if template.is_some_and(|templates| templates.split(',').any(|name| name.trim() == "gateway")) {
        return true;
    }
    let gateways = written.objects().iter().filter_map(|object| Gateway::of(object));
    let mut selectors = gateways
        .filter_map(Gateway::selector)
        .filter(|selector| !selector.is_empty());
    selectors.any(|selector| {
        selector
            .iter()
            .all(|(key, value)| workload.labels.get(key) == Some(value))
    })
}

/// Istio's rule of injection: the pod's own word first, then its namespace's.
fn has_sidecar(written: &Snapshot, workload: &Workload) -> bool {
    if workload.object.is_none() {
        return false;
    }
    match mark(workload, "sidecar.istio.io/inject") {
        Some("false") => return false,
        Some("true") => return true,
        _ => (),
    }
    let namespace = ObjectRef::new("", "Namespace", "", workload.namespace.as_str());
    // Folders often hold no Namespace objects, because the label is set by hand; without sidecars there would be
    // nothing to see.
    written.find(&namespace).is_none_or(|namespace| {
        let labels = namespace.labels();
        match labels.get("istio-injection").map(String::as_str) {
            Some(injection) => injection == "enabled",
            None => labels.contains_key("istio.io/rev"),
        }
    })
}

/// A label or annotation of the pods: Istio reads these marks from both, labels first.
fn mark<'a>(workload: &'a Workload, key: &str) -> Option<&'a str> {
    workload
        .labels
        .get(key)
        .or_else(|| workload.annotations.get(key))
        .map(String::as_str)
}

/// Whether a name is one that Kubernetes would take (DNS-1123): no separators, no leading dot.
fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    name.len() <= 253 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
}

#[cfg(test)]
mod tests;
