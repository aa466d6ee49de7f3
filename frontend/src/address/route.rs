//! Every page and its path.

use super::query::{decode, encode};

/// A page of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`: goes to the start page, the map until there is an overview.
    Start,
    /// `/map`
    Map,
    /// `/services`
    Services,
    /// `/services/{ns}/{name}`
    Service(Named),
    /// `/workloads`
    Workloads,
    /// `/workloads/{ns}/{name}`
    Workload(Named),
    /// `/traces`
    Traces,
    /// `/traces/{id}`
    Trace(String),
    /// `/config`
    Config,
    /// `/config/{kind}/{ns}/{name}`; the group is in the query, where it is needed.
    Object(ObjectPath),
    /// `/sources`
    Sources,
    /// Any other path.
    NotFound(String),
}

/// A namespaced name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Namespace.
    pub(crate) namespace: String,
    /// Name.
    pub(crate) name: String,
}

/// An object of the mesh's config. The kind carries its group as `VirtualService.networking.istio.io`; kinds of
/// the core group stand alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectPath {
    /// API group; empty for the core group.
    pub(crate) group: String,
    /// Kind.
    pub(crate) kind: String,
    /// Namespace; empty for objects of the whole cluster.
    pub(crate) namespace: String,
    /// Name.
    pub(crate) name: String,
}

impl Route {
    /// Reads a path below the base.
    pub(crate) fn parse(path: &str) -> Self {
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| decode(&segment.replace('+', "%2B")))
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments[..] {
            [] => Self::Start,
            ["map"] => Self::Map,
            ["services"] => Self::Services,
            ["services", namespace, name] => Self::Service(Named::new(namespace, name)),
            ["workloads"] => Self::Workloads,
            ["workloads", namespace, name] => Self::Workload(Named::new(namespace, name)),
            ["traces"] => Self::Traces,
            ["traces", id] => Self::Trace(id.to_owned()),
            ["config"] => Self::Config,
            ["config", kind, namespace, name] => Self::Object(ObjectPath::parse(kind, namespace, name)),
            ["sources"] => Self::Sources,
            _ => Self::NotFound(path.to_owned()),
        }
    }

    /// The path below the base.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Start => "/".to_owned(),
            Self::Map => "/map".to_owned(),
            Self::Services => "/services".to_owned(),
            Self::Service(named) => format!("/services/{}", named.path()),
            Self::Workloads => "/workloads".to_owned(),
            Self::Workload(named) => format!("/workloads/{}", named.path()),
            Self::Traces => "/traces".to_owned(),
            Self::Trace(id) => format!("/traces/{}", encode(id)),
            Self::Config => "/config".to_owned(),
            Self::Object(object) => format!("/config/{}", object.path()),
            Self::Sources => "/sources".to_owned(),
            Self::NotFound(path) => path.clone(),
        }
    }

    /// Title of the page.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Start | Self::Map => "Traffic map".to_owned(),
            Self::Services => "Services".to_owned(),
            Self::Workloads => "Workloads".to_owned(),
            Self::Service(named) | Self::Workload(named) => named.name.clone(),
            Self::Traces => "Traces".to_owned(),
            Self::Trace(id) => format!("Trace {}", id.get(..8).unwrap_or(id)),
            Self::Config => "Config".to_owned(),
            Self::Object(object) => format!("{} {}", object.kind, object.name),
            Self::Sources => "Sources".to_owned(),
            Self::NotFound(_) => "Page not found".to_owned(),
        }
    }
}

impl Named {
    /// A name in a namespace.
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Two path segments.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", encode(&self.namespace), encode(&self.name))
    }
}

impl ObjectPath {
    fn parse(kind: &str, namespace: &str, name: &str) -> Self {
        let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: if namespace == "_" {
                String::new()
            } else {
                namespace.to_owned()
            },
            name: name.to_owned(),
        }
    }

    fn path(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        format!(
            "{}{dot}{}/{}/{}",
            encode(&self.kind),
            encode(&self.group),
            self.namespace_segment(),
            encode(&self.name)
        )
    }

    /// Path of the object in the REST API, below `config/`.
    pub(crate) fn api_path(&self) -> String {
        let group = if self.group.is_empty() {
            "core".to_owned()
        } else {
            encode(&self.group)
        };
        format!(
            "{group}/{}/{}/{}",
            encode(&self.kind),
            self.namespace_segment(),
            encode(&self.name)
        )
    }

    fn namespace_segment(&self) -> String {
        if self.namespace.is_empty() {
            "_".to_owned()
        } else {
            encode(&self.namespace)
        }
    }
}

impl From<&vigla_api::ObjectRef> for ObjectPath {
    fn from(object: &vigla_api::ObjectRef) -> Self {
        Self {
            group: object.group.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_read_back_from_its_path() {
        let object = |group: &str, namespace: &str| {
            Route::Object(ObjectPath {
                group: group.into(),
                kind: "VirtualService".into(),
                namespace: namespace.into(),
                name: "a b/ü+".into(),
            })
        };
        for route in [
            Route::Start,
            Route::Map,
            Route::Services,
            Route::Service(Named::new("bookinfo", "reviews")),
            Route::Workloads,
            Route::Workload(Named::new("a/b", "%2F +")),
            Route::Traces,
            Route::Trace("a0000000000000000000000000000006".into()),
            Route::Config,
            object("networking.istio.io", "bookinfo"),
            object("", ""),
            Route::Sources,
        ] {
            assert_eq!(Route::parse(&route.path()), route);
        }
        assert_eq!(Route::parse("/overview"), Route::NotFound("/overview".into()));
        assert_eq!(Route::parse("/map/"), Route::Map);
    }

    #[test]
    fn objects_have_the_path_of_the_api() {
        let Route::Object(object) = Route::parse("/config/PeerAuthentication.security.istio.io/_/default")
        else {
            panic!("an object");
        };
        assert_eq!(
            object.api_path(),
            "security.istio.io/PeerAuthentication/_/default"
        );
    }
}
