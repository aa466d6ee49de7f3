//! What a host is in the mesh, and whether its callers see it.

use std::collections::HashMap;

use vigla_config::{Object, Service, ServiceEntry, ServicePort};
use vigla_model::{Fqdn, Labels, Namespace};

use super::Mesh;

/// What a host is for callers of a namespace.
pub(crate) enum Host<'a> {
    /// A Service or a host of a ServiceEntry that they see.
    Seen(HostInfo<'a>),
    /// It exists, and `exportTo` hides it from them.
    Hidden(HostInfo<'a>),
    /// It is nowhere.
    Unknown,
}

/// A Service, or a host of a ServiceEntry.
pub(crate) struct HostInfo<'a> {
    pub(crate) object: &'a Object,
    pub(crate) ports: Vec<ServicePort>,
    pub(crate) selector: Option<Labels>,
    pub(crate) is_service: bool,
}

/// Hosts of ServiceEntries: a host may stand in several of them.
#[derive(Default)]
pub(super) struct EntryHosts<'a> {
    exact: HashMap<String, Vec<ServiceEntry<'a>>>,
    /// What follows the `*`.
    wildcards: Vec<(String, ServiceEntry<'a>)>,
}

impl<'a> EntryHosts<'a> {
    pub(super) fn new(entries: impl Iterator<Item = ServiceEntry<'a>>) -> Self {
        let mut hosts = Self::default();
        for entry in entries {
            for host in entry.hosts() {
                let host = host.to_ascii_lowercase();
                match host.strip_prefix('*') {
                    Some(suffix) => hosts.wildcards.push((suffix.to_owned(), entry)),
                    None => hosts.exact.entry(host).or_default().push(entry),
                }
            }
        }
        hosts
    }

    /// The entries with this very host, wildcards as they are written.
    pub(super) fn named(&self, host: &str) -> Vec<ServiceEntry<'a>> {
        match host.strip_prefix('*') {
            Some(suffix) => {
                let wildcards = self.wildcards.iter().filter(|(other, _)| other == suffix);
                wildcards.map(|(_, entry)| *entry).collect()
            }
            None => self.exact.get(host).cloned().unwrap_or_default(),
        }
    }

    /// The entries for a host, the exact ones first.
    fn find(&self, host: &str) -> impl Iterator<Item = ServiceEntry<'a>> {
        let exact = self.exact.get(host).into_iter().flatten().copied();
        let below = host.strip_prefix('*').unwrap_or(host);
        let wild = self
            .wildcards
            .iter()
            .filter(move |(suffix, _)| below.ends_with(suffix.as_str()));
        exact.chain(wild.map(|(_, entry)| *entry))
    }
}

impl<'a> HostInfo<'a> {
    fn of_service(service: &'a Service) -> Self {
        Self {
            object: &service.object,
            ports: service.ports.clone(),
            selector: service.selector.clone(),
            is_service: true,
        }
    }

    fn of_entry(entry: ServiceEntry<'a>) -> Self {
        Self {
            object: entry.object(),
            ports: entry.ports(),
            selector: entry.workload_selector(),
            is_service: false,
        }
    }
}

impl<'a> Mesh<'a> {
    /// What a host is for callers of a namespace.
    pub(crate) fn host(&self, host: &Fqdn, client: &Namespace) -> Host<'a> {
        let service = self.snapshot.service(host);
        if let Some(service) = service
            && service.is_visible_in(client)
        {
            return Host::Seen(HostInfo::of_service(service));
        }
        let mut hidden = service.map(HostInfo::of_service);
        for entry in self.entry_hosts().find(host.as_str()) {
            if is_visible(entry.export_to(), entry.namespace(), client) {
                return Host::Seen(HostInfo::of_entry(entry));
            }
            hidden.get_or_insert_with(|| HostInfo::of_entry(entry));
        }
        hidden.map_or(Host::Unknown, Host::Hidden)
    }

    /// Whether anything in the mesh has a host that a pattern (`*`, `*.example.com`, or a whole host) takes, for
    /// callers of a namespace.
    pub(crate) fn any_host(&self, pattern: &Fqdn, client: &Namespace) -> bool {
        let Some(suffix) = pattern.as_str().strip_prefix('*') else {
            return matches!(self.host(pattern, client), Host::Seen(_));
        };
        let services = self.snapshot.services().iter();
        let mut seen = services.filter(|service| service.is_visible_in(client));
        seen.any(|service| service.fqdn.as_str().ends_with(suffix))
            || self
                .entry_hosts()
                .exact
                .iter()
                .filter(|(host, _)| host.ends_with(suffix))
                .flat_map(|(_, entries)| entries)
                .chain(
                    self.entry_hosts()
                        .wildcards
                        .iter()
                        .filter(|(other, _)| other.ends_with(suffix) || suffix.ends_with(other.as_str()))
                        .map(|(_, entry)| entry),
                )
                .any(|entry| is_visible(entry.export_to(), entry.namespace(), client))
    }

    /// Hosts that an unknown one may have been meant to be, as they would be written in a namespace.
    pub(crate) fn nearest_host(&self, written: &str, client: &Namespace) -> Option<String> {
        // `name.namespace` is no host to Istio, though it is one to DNS.
        if let Some((name, namespace)) = written.split_once('.')
            && let Some(service) = self
                .snapshot
                .service_named(&namespace.trim_end_matches(".svc").into(), &name.into())
        {
            return Some(service.fqdn.as_str().to_owned());
        }
        let services = self.snapshot.services();
        if written.contains('.') {
            let entries = self.entry_hosts().exact.keys().map(String::as_str);
            let hosts = services.iter().map(|service| service.fqdn.as_str());
            return crate::nearest::nearest(written, hosts.chain(entries)).map(str::to_owned);
        }
        let near = services.iter().filter(|service| service.namespace == *client);
        if let Some(name) = crate::nearest::nearest(written, near.map(|service| service.name.as_str())) {
            return Some(name.to_owned());
        }
        // A service of this very name in another namespace, when there is one only.
        let mut same = services.iter().filter(|service| service.name == *written);
        let first = same.next()?;
        same.next().is_none().then(|| first.fqdn.as_str().to_owned())
    }
}

/// Whether an `exportTo` list, written in namespace `home`, lets a namespace see the object.
pub(crate) fn is_visible<'a>(
    mut export_to: impl Iterator<Item = &'a str>,
    home: &Namespace,
    client: &Namespace,
) -> bool {
    let Some(first) = export_to.next() else {
        return true;
    };
    std::iter::once(first).chain(export_to).any(|name| match name {
        "*" => true,
        "." => home == client,
        name => *client == *name,
    })
}

/// Whether every host of `narrow` is one of `wide`; both may start with `*`.
pub(crate) fn is_subdomain_pattern(narrow: &str, wide: &str) -> bool {
    match wide.strip_prefix('*') {
        Some(suffix) => narrow.strip_prefix('*').unwrap_or(narrow).ends_with(suffix),
        None => narrow == wide,
    }
}

/// Whether two host patterns have a host in common.
pub(crate) fn overlaps(left: &str, right: &str) -> bool {
    is_subdomain_pattern(left, right) || is_subdomain_pattern(right, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_where_a_host_fits_both() {
        for (left, right, both) in [
            ("*", "a.example", true),
            ("*.example", "a.example", true),
            ("*.example", "*.a.example", true),
            ("*.example", "example", false),
            ("a.example", "b.example", false),
            ("*.a", "*.b", false),
        ] {
            assert_eq!(overlaps(left, right), both, "{left} {right}");
            assert_eq!(overlaps(right, left), both, "{right} {left}");
        }
    }
}
