//! The address plan: where every listener of one demo is, decided in one place.
//!
//! With [`CaptureMode::Bind`] demo `i` gives workload instance `w` the addresses `127.i.w.1` (its sidecar, or the
//! instance itself when it has none), `127.i.w.2` (its application) and `127.i.w.3` (its calls); `w` 0 is the demo's
//! own. With [`CaptureMode::Ports`] everything is on 127.0.0.1 and each listener has a port of the demo's block.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
};

use crate::{CaptureMode, DemoError};

/// Port of a sidecar's admin interface on its own address.
const ADMIN_PORT: u16 = 15090;

/// Port at which spans are taken.
const COLLECTOR_PORT: u16 = 4317;

/// Ports below 1024 are for the administrator; their listeners stand this much higher.
const PRIVILEGED_SHIFT: u16 = 10_000;

/// Blocks of [`CaptureMode::Ports`]: 64 of them end below 32768, where Linux begins to hand out ports by itself.
const FIRST_BLOCK: u16 = 10_240;
const BLOCK: u16 = 350;

/// First port of a demo's block; it is the demo's claim on the block.
pub(crate) fn first_port(number: u8) -> u16 {
    FIRST_BLOCK + u16::from(number - 64) * BLOCK
}

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Inbound,
    App,
    Outbound,
    Admin,
    Collector,
}

/// What one workload instance needs addresses for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// Ports at which others reach it.
    pub(crate) ports: BTreeSet<u16>,
    /// Service ports that it may call; empty without sidecar and for gateways.
    pub(crate) outbound: BTreeSet<u16>,
    /// Whether it has a sidecar.
    pub(crate) sidecar: bool,
    /// Whether it has an application: gateways have none.
    pub(crate) app: bool,
}

/// The places of one workload instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// Address at which others reach it.
    pub(crate) address: IpAddr,
    /// Where others reach its ports, as far as that is not `address:port`.
    pub(crate) published: BTreeMap<u16, SocketAddr>,
    /// Where its application listens.
    pub(crate) app: BTreeMap<u16, SocketAddr>,
    /// Where its sidecar takes its calls.
    pub(crate) outbound: BTreeMap<u16, SocketAddr>,
    /// Where its sidecar's admin interface is.
    pub(crate) admin: SocketAddr,
    /// Address from which its application calls.
    pub(crate) source: IpAddr,
}

/// Hands out addresses; the same instance gets the same ones as long as the demo runs.
#[derive(Debug)]
pub(crate) struct AddressPlan {
    number: u8,
    capture: CaptureMode,
    slots: BTreeMap<String, u8>,
    ports: BTreeMap<(u8, Role, u16), u16>,
}

impl AddressPlan {
    /// An empty plan for one demo.
    pub(crate) fn new(number: u8, capture: CaptureMode) -> Self {
        Self {
            number,
            capture,
            slots: BTreeMap::new(),
            ports: BTreeMap::new(),
        }
    }

    /// Address from which the demo itself calls: the traffic generator's.
    pub(crate) fn own_source(&self) -> IpAddr {
        self.address(0, 2)
    }

    /// Where spans are taken, by the port that OpenTelemetry has for them.
    ///
    /// # Errors
    /// When the block of ports is full.
    pub(crate) fn collector(&mut self) -> Result<SocketAddr, DemoError> {
        self.listener("traces", 0, Role::Collector, 1, COLLECTOR_PORT)
    }

    /// Forgets instances that are gone, so that their numbers can be used again.
    pub(crate) fn retain(&mut self, names: &BTreeSet<String>) {
        self.slots.retain(|name, _| names.contains(name));
        let slots: BTreeSet<u8> = self.slots.values().copied().collect();
        // Number 0 is the demo's own.
        self.ports
            .retain(|(slot, _, _), _| *slot == 0 || slots.contains(slot));
    }

    /// The places of an instance, by its unique name.
    ///
    /// # Errors
    /// When the plan is full.
    pub(crate) fn places(&mut self, name: &str, wants: &Wants) -> Result<Places, DemoError> {
        let slot = self.slot(name)?;
        let mut all = |role, k, ports: &BTreeSet<u16>| -> Result<BTreeMap<u16, SocketAddr>, DemoError> {
            ports
                .iter()
                .map(|port| Ok((*port, self.listener(name, slot, role, k, *port)?)))
                .collect()
        };
        let mut published = all(Role::Inbound, 1, &wants.ports)?;
        // Without a sidecar the application itself is where others reach it.
        let app = match (wants.app, wants.sidecar) {
            (false, _) => BTreeMap::new(),
            (true, true) => all(Role::App, 2, &wants.ports)?,
            (true, false) => published.clone(),
        };
        let outbound = all(Role::Outbound, 3, &wants.outbound)?;
        let admin = self.listener(name, slot, Role::Admin, 1, ADMIN_PORT)?;
        let address = self.address(slot, 1);
        published.retain(|port, at| *at != SocketAddr::new(address, *port));
        let source = self.address(slot, if wants.sidecar { 2 } else { 1 });
        Ok(Places {
            address,
            published,
            app,
            outbound,
            admin,
            source,
        })
    }

    fn slot(&mut self, name: &str) -> Result<u8, DemoError> {
        if let Some(slot) = self.slots.get(name) {
            return Ok(*slot);
        }
        let used: BTreeSet<u8> = self.slots.values().copied().collect();
        let free = (1..=254).find(|slot| !used.contains(slot));
        let slot = free.ok_or_else(|| DemoError::TooManyWorkloads(name.to_owned()))?;
        self.slots.insert(name.to_owned(), slot);
        Ok(slot)
    }

    fn address(&self, slot: u8, k: u8) -> IpAddr {
        IpAddr::V4(match self.capture {
            CaptureMode::Bind => Ipv4Addr::new(127, self.number, slot, k),
            CaptureMode::Ports => Ipv4Addr::LOCALHOST,
        })
    }

    fn listener(
        &mut self,
        name: &str,
        slot: u8,
        role: Role,
        k: u8,
        port: u16,
    ) -> Result<SocketAddr, DemoError> {
        let port = match self.capture {
            CaptureMode::Bind if port < 1024 => port + PRIVILEGED_SHIFT,
            CaptureMode::Bind => port,
            CaptureMode::Ports => self.port_of_block(name, (slot, role, port))?,
        };
        Ok(SocketAddr::new(self.address(slot, k), port))
    }

    /// A port of this demo's block that nobody listens at; the first one is the claim on the block.
    fn port_of_block(&mut self, name: &str, key: (u8, Role, u16)) -> Result<u16, DemoError> {
        if let Some(port) = self.ports.get(&key) {
            return Ok(*port);
        }
        let first = first_port(self.number);
        let used: BTreeSet<u16> = self.ports.values().copied().collect();
        let port = (first + 1..first + BLOCK)
            .filter(|port| !used.contains(port))
            .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
            .ok_or_else(|| DemoError::TooManyPorts(name.to_owned(), BLOCK - 1))?;
        self.ports.insert(key, port);
        Ok(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(ports: &[u16], outbound: &[u16]) -> Wants {
        Wants {
            ports: ports.iter().copied().collect(),
            outbound: outbound.iter().copied().collect(),
            sidecar: true,
            app: true,
        }
    }

    fn text<K>(map: &BTreeMap<K, SocketAddr>) -> Vec<String> {
        map.values().map(ToString::to_string).collect()
    }

    #[test]
    fn sidecar_application_and_calls_have_an_address_each() {
        let mut plan = AddressPlan::new(64, CaptureMode::Bind);
        plan.places("a/first-0", &wants(&[], &[])).unwrap();
        let places = plan.places("a/second-0", &wants(&[9080], &[9080, 80])).unwrap();
        assert_eq!(places.address.to_string(), "127.64.2.1");
        assert_eq!(text(&places.app), ["127.64.2.2:9080"]);
        assert_eq!(text(&places.outbound), ["127.64.2.3:10080", "127.64.2.3:9080"]);
        assert_eq!(places.admin.to_string(), "127.64.2.1:15090");
        assert_eq!(places.source.to_string(), "127.64.2.2");
        assert!(places.published.is_empty());
    }

    #[test]
    fn a_privileged_port_is_published_higher_up() {
        let mut plan = AddressPlan::new(70, CaptureMode::Bind);
        let places = plan.places("a/web-0", &wants(&[80, 9080], &[])).unwrap();
        assert_eq!(
            places.published,
            BTreeMap::from([(80, "127.70.1.1:10080".parse().unwrap())])
        );
    }

    #[test]
    fn without_sidecar_the_application_is_what_others_reach() {
        let mut plan = AddressPlan::new(64, CaptureMode::Bind);
        let places = plan
            .places(
                "legacy/batch-0",
                &Wants {
                    sidecar: false,
                    ..wants(&[9080], &[])
                },
            )
            .unwrap();
        assert_eq!(text(&places.app), ["127.64.1.1:9080"]);
        assert_eq!(places.source, places.address);
    }

    #[test]
    fn an_instance_keeps_its_addresses_and_a_gone_one_gives_them_back() {
        let mut plan = AddressPlan::new(64, CaptureMode::Bind);
        let wants = wants(&[9080], &[]);
        let first = plan.places("a/one-0", &wants).unwrap();
        let second = plan.places("a/two-0", &wants).unwrap();
        assert_eq!(plan.places("a/one-0", &wants).unwrap(), first);
        plan.retain(&BTreeSet::from(["a/two-0".to_owned()]));
        assert_eq!(plan.places("a/two-0", &wants).unwrap(), second);
        assert_eq!(plan.places("a/new-0", &wants).unwrap().address, first.address);
    }

    #[test]
    fn the_plan_ends_at_254_instances() {
        let mut plan = AddressPlan::new(64, CaptureMode::Bind);
        for i in 0..254 {
            plan.places(&format!("a/{i}"), &Wants::default()).unwrap();
        }
        let error = plan.places("a/one-too-many", &Wants::default()).unwrap_err();
        assert!(matches!(error, DemoError::TooManyWorkloads(_)), "{error}");
    }

    #[test]
    fn with_ports_every_listener_has_its_own_on_one_address() {
        let mut plan = AddressPlan::new(127, CaptureMode::Ports);
        let places = plan.places("a/one-0", &wants(&[9080, 80], &[9080])).unwrap();
        let mut all: Vec<SocketAddr> = vec![places.admin];
        all.extend(
            places
                .published
                .values()
                .chain(places.app.values())
                .chain(places.outbound.values()),
        );
        assert_eq!(all.len(), 6);
        let ports: BTreeSet<u16> = all.iter().map(SocketAddr::port).collect();
        assert_eq!(ports.len(), 6);
        assert!(
            ports
                .iter()
                .all(|port| (first_port(127) + 1..32_768).contains(port)),
            "{ports:?}"
        );
        assert!(all.iter().all(|at| at.ip() == Ipv4Addr::LOCALHOST));
        assert_eq!(
            plan.places("a/one-0", &wants(&[9080, 80], &[9080])).unwrap(),
            places
        );
    }
}
