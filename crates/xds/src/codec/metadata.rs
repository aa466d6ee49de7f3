//! Metadata of messages: origins in Istio's form and in ours, and who is at an end of traffic.

use std::{collections::HashMap, sync::Arc};

use envoy_types::pb::{
    envoy::config::core::v3::Metadata,
    google::protobuf::{Struct, Value, value::Kind},
};
use vigla_model::{Fqdn, Location, ObjectRef, Origin, PeerIdentity, Principal};

use super::Reason;

/// Metadata of ours: identities, services.
pub(crate) const VIGLA: &str = "vigla";
/// Origins, exactly.
const ORIGIN: &str = "vigla.origin";
/// Origins in Istio's form, which Istio's tools read.
const ISTIO: &str = "istio";

/// Fields of one namespace of metadata, while they are collected. Absent values are left out.
#[derive(Default)]
pub(crate) struct Fields(HashMap<String, Value>);

impl Fields {
    pub(crate) fn text(mut self, key: &str, value: Option<impl AsRef<str>>) -> Self {
        if let Some(value) = value {
            let kind = Some(Kind::StringValue(value.as_ref().to_owned()));
            self.0.insert(key.to_owned(), Value { kind });
        }
        self
    }

    pub(crate) fn number(mut self, key: &str, value: u32) -> Self {
        let kind = Some(Kind::NumberValue(value.into()));
        self.0.insert(key.to_owned(), Value { kind });
        self
    }

    pub(crate) fn identity(self, peer: &PeerIdentity) -> Self {
        self.text(
            "cluster",
            peer.cluster.as_ref().map(vigla_model::ClusterName::as_str),
        )
        .text(
            "namespace",
            peer.namespace.as_ref().map(vigla_model::Namespace::as_str),
        )
        .text(
            "workload",
            peer.workload.as_ref().map(vigla_model::WorkloadName::as_str),
        )
        .text("app", peer.app.as_ref().map(vigla_model::AppName::as_str))
        .text("version", peer.version.as_ref().map(vigla_model::Version::as_str))
        .text("principal", peer.principal.as_ref().map(ToString::to_string))
    }

    /// The service by its host, and for metrics its name and namespace (Istio's `destination_service_*`).
    pub(crate) fn service(self, service: Option<&Fqdn>) -> Self {
        let (name, namespace) = service_labels(service);
        self.text("service", service.map(Fqdn::as_str))
            .text("service_name", name)
            .text("service_namespace", namespace)
    }

    pub(crate) fn build(self) -> Struct {
        Struct { fields: self.0 }
    }
}

/// Values of `destination_service_name` and `destination_service_namespace`: a host outside the mesh is its
/// own name and has no namespace.
pub(crate) fn service_labels(service: Option<&Fqdn>) -> (Option<&str>, Option<&str>) {
    match service.map(|host| (host, host.service_parts())) {
        Some((_, Some((name, namespace)))) => (Some(name), Some(namespace)),
        Some((host, None)) => (Some(host.as_str()), None),
        None => (None, None),
    }
}

/// Metadata from our own fields and an origin; `None` when there is nothing to say.
pub(crate) fn write(vigla: Fields, origin: Option<&Origin>) -> Option<Metadata> {
    let mut filter_metadata = HashMap::new();
    if !vigla.0.is_empty() {
        filter_metadata.insert(VIGLA.to_owned(), vigla.build());
    }
    if let Some(origin) = origin {
        let istio = Fields::default().text("config", Some(istio_path(&origin.object)));
        filter_metadata.insert(ISTIO.to_owned(), istio.build());
        filter_metadata.insert(ORIGIN.to_owned(), write_origin(origin));
    }
    (!filter_metadata.is_empty()).then(|| Metadata {
        filter_metadata,
        ..Metadata::default()
    })
}

/// An origin, exactly.
pub(crate) fn write_origin(origin: &Origin) -> Struct {
    let object = &origin.object;
    let fields = Fields::default()
        .text("group", Some(&object.group))
        .text("kind", Some(&object.kind))
        .text("namespace", Some(&object.namespace))
        .text("name", Some(&object.name))
        .text("path", Some(&origin.path));
    match &origin.location {
        Some(at) => fields
            .text("file", Some(&at.file))
            .number("line", at.line)
            .number("column", at.column)
            .build(),
        None => fields.build(),
    }
}

/// Reads one text of a namespace of metadata.
pub(crate) fn find<'a>(metadata: Option<&'a Metadata>, namespace: &str, key: &str) -> Option<&'a str> {
    text(metadata?.filter_metadata.get(namespace)?, key)
}

/// Reads an origin: ours, else Istio's, which knows the object only.
pub(crate) fn read_origin(metadata: Option<&Metadata>) -> Option<Origin> {
    let ours = metadata?.filter_metadata.get(ORIGIN).and_then(read_exact_origin);
    ours.or_else(|| {
        let object = parse_istio_path(find(metadata, ISTIO, "config")?)?;
        Some(Origin {
            object,
            path: "".into(),
            location: None,
        })
    })
}

/// Reads what [`write_origin`] wrote.
pub(crate) fn read_exact_origin(fields: &Struct) -> Option<Origin> {
    let part = |key| text(fields, key);
    Some(Origin {
        object: ObjectRef::new(part("group")?, part("kind")?, part("namespace")?, part("name")?),
        path: part("path")?.into(),
        location: part("file").and_then(|file| {
            Some(Location {
                file: file.into(),
                line: whole(fields, "line")?,
                column: whole(fields, "column")?,
            })
        }),
    })
}

/// Reads an identity.
pub(crate) fn read_identity(metadata: Option<&Metadata>) -> Result<PeerIdentity, Reason> {
    let part = |key| find(metadata, VIGLA, key);
    Ok(PeerIdentity {
        cluster: part("cluster").map(Into::into),
        namespace: part("namespace").map(Into::into),
        workload: part("workload").map(Into::into),
        app: part("app").map(Into::into),
        version: part("version").map(Into::into),
        principal: part("principal")
            .map(|text| Principal::parse(text).map_err(|error| error.to_string()))
            .transpose()?,
    })
}

/// Reads the service.
pub(crate) fn read_service(metadata: Option<&Metadata>) -> Option<Fqdn> {
    find(metadata, VIGLA, "service").map(Into::into)
}

/// Reads a whole number of our own fields.
pub(crate) fn read_number(metadata: Option<&Metadata>, key: &str) -> Option<u32> {
    whole(metadata?.filter_metadata.get(VIGLA)?, key)
}

fn text<'a>(fields: &'a Struct, key: &str) -> Option<&'a str> {
    match fields.fields.get(key)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text),
        _ => None,
    }
}

fn whole(fields: &Struct, key: &str) -> Option<u32> {
    match fields.fields.get(key)?.kind.as_ref()? {
        // A float-to-int cast saturates; what is no whole number is not ours.
        Kind::NumberValue(number) if number.fract() == 0.0 && *number >= 0.0 => Some(*number as u32),
        _ => None,
    }
}

/// `/apis/networking.istio.io/*/namespaces/bookinfo/virtual-service/reviews`. Istio writes the version; an
/// origin does not depend on it.
fn istio_path(object: &ObjectRef) -> String {
    let (group, kind) = (&object.group, kebab(&object.kind));
    format!(
        "/apis/{group}/*/namespaces/{}/{kind}/{}",
        object.namespace, object.name
    )
}

fn parse_istio_path(path: &str) -> Option<ObjectRef> {
    let parts: Vec<&str> = path.split('/').collect();
    let ["", "apis", group, _version, "namespaces", namespace, kind, name] = parts.as_slice() else {
        return None;
    };
    Some(ObjectRef::new(group, &pascal(kind), namespace, name))
}

fn kebab(kind: &str) -> String {
    let mut out = String::with_capacity(kind.len() + 2);
    for (at, letter) in kind.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn pascal(kind: &str) -> Arc<str> {
    let words = kind.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_of_istio_names_the_object() {
        let path = "/apis/networking.istio.io/v1alpha3/namespaces/bookinfo/virtual-service/reviews";
        let object = parse_istio_path(path).unwrap();
        assert_eq!(
            object,
            ObjectRef::new("networking.istio.io", "VirtualService", "bookinfo", "reviews")
        );
        assert_eq!(istio_path(&object), path.replace("v1alpha3", "*"));
        assert_eq!(parse_istio_path("/apis/x"), None);
    }
}
