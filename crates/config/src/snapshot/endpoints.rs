//! Services, the workloads and instances behind them, and the other way round.

use std::{collections::BTreeSet, net::SocketAddr};

use vigla_model::{Labels, Namespace, Principal};

use super::Snapshot;
use crate::{Instance, Service, ServicePort, TargetPort, Workload, view::meets};

/// An instance that serves a port of a Service.
#[derive(Debug, Clone, Copy)]
pub struct ServiceEndpoint<'a> {
    /// The instance.
    pub instance: &'a Instance,
    /// Its container's port.
    pub container_port: u16,
    /// Where others reach that port.
    pub address: SocketAddr,
}

impl Snapshot {
    /// The instances behind a Service.
    pub fn instances_behind(&self, service: &Service) -> impl Iterator<Item = &Instance> {
        let index = self.services_by_host.get(&service.fqdn);
        let indices = index.and_then(|&index| self.instances_by_service.get(index));
        indices.into_iter().flatten().map(|&index| &self.instances[index])
    }

    /// Where a Service's port is served by instances with these labels (empty: by all), ready or not.
    pub fn endpoints(
        &self,
        service: &Service,
        port: &ServicePort,
        subset: &Labels,
    ) -> Vec<ServiceEndpoint<'_>> {
        self.instances_behind(service)
            .filter(|instance| meets(subset, &instance.labels))
            .filter_map(|instance| {
                let container_port = self.container_port(instance, port)?;
                Some(ServiceEndpoint {
                    instance,
                    container_port,
                    address: instance.endpoint(container_port),
                })
            })
            .collect()
    }

    /// The port of an instance's container behind a service's port; `None` when it has none of that name.
    pub fn container_port(&self, instance: &Instance, port: &ServicePort) -> Option<u16> {
        match &port.target {
            TargetPort::Number(number) => Some(*number),
            TargetPort::Name(name) => {
                let workload = self.workload(&instance.namespace, &instance.workload)?;
                let mut ports = workload.ports.iter();
                ports
                    .find(|candidate| candidate.name.as_ref() == Some(name))
                    .map(|found| found.port)
            }
        }
    }

    /// Services whose selector chooses pods with these labels.
    pub fn services_selecting(
        &self,
        namespace: &Namespace,
        labels: &Labels,
    ) -> impl Iterator<Item = &Service> {
        of_namespace(&self.services, namespace, |service| &service.namespace)
            .iter()
            .filter(move |service| service.selects(labels))
    }

    /// Services in front of a workload.
    pub fn services_of(&self, workload: &Workload) -> impl Iterator<Item = &Service> {
        self.services_selecting(&workload.namespace, &workload.labels)
    }

    /// Workloads behind a Service, with or without instances.
    pub fn workloads_behind(&self, service: &Service) -> impl Iterator<Item = &Workload> {
        of_namespace(&self.workloads, &service.namespace, |workload| {
            &workload.namespace
        })
        .iter()
        .filter(|workload| service.selects(&workload.labels))
    }

    /// Every SPIFFE id that may answer for a Service, in order.
    pub fn principals_behind(&self, service: &Service) -> &[Principal] {
        let index = self.services_by_host.get(&service.fqdn);
        let principals = index.and_then(|&index| self.principals_by_service.get(index));
        principals.map_or(&[], Vec::as_slice)
    }

    pub(super) fn all_principals(&self, service: &Service) -> Vec<Principal> {
        let written = self
            .workloads_behind(service)
            .map(|workload| workload.principal(&self.settings));
        let running = self
            .instances_behind(service)
            .map(|instance| instance.principal(&self.settings));
        let all: BTreeSet<Principal> = written.chain(running).collect();
        all.into_iter().collect()
    }
}

/// The part of a list, sorted by namespace, that is in one namespace.
fn of_namespace<'a, T>(list: &'a [T], namespace: &Namespace, key: impl Fn(&T) -> &Namespace) -> &'a [T] {
    let start = list.partition_point(|item| key(item) < namespace);
    let end = start + list[start..].partition_point(|item| key(item) == namespace);
    &list[start..end]
}
