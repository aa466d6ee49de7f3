//! One edge that wants an explanation, with all that explanations ask for.

use std::{cell::OnceCell, collections::BTreeSet, fmt, sync::Arc};

use vigla_config::{FieldPath, Node as Field, Object, Snapshot, Workload};
use vigla_dataplane::{Cluster, Forward, Plan, Route, RouteAction};
use vigla_graph::{Confidence, Edge, Node, ResponseKey, Side, View, Why};
use vigla_model::{Fqdn, Namespace, ObjectRef, Origin, Principal, ResponseFlag};

use crate::{PlanOf, causes};

/// An edge with trouble.
pub(crate) struct Case<'a> {
    pub(crate) edge: &'a Edge,
    pub(crate) source: &'a Node,
    pub(crate) target: &'a Node,
    pub(crate) mesh: &'a Snapshot,
    plan_of: PlanOf<'a>,
    plan: OnceCell<Option<Arc<Plan>>>,
}

impl<'a> Case<'a> {
    /// `None` when nothing on the edge wants an explanation.
    pub(crate) fn of(
        edge: &'a Edge,
        view: &'a View,
        mesh: &'a Snapshot,
        plan_of: PlanOf<'a>,
    ) -> Option<Self> {
        let (source, target) = (view.nodes.get(&edge.source)?, view.nodes.get(&edge.target)?);
        let case = Self {
            edge,
            source,
            target,
            mesh,
            plan_of,
            plan: OnceCell::new(),
        };
        let flagged = !case.callers_flags().is_empty() || !case.callees_flags().is_empty();
        (flagged || edge.refused > 0.0 || causes::is_unflagged(&case)).then_some(case)
    }

    /// Flags that the caller's proxies set.
    pub(crate) fn callers_flags(&self) -> BTreeSet<ResponseFlag> {
        flags(self.edge.by_source.as_ref())
    }

    /// Flags that the callee's proxies set.
    pub(crate) fn callees_flags(&self) -> BTreeSet<ResponseFlag> {
        flags(self.edge.by_destination.as_ref())
    }

    /// What the callee answered: by its own proxy's count, else by the caller's.
    pub(crate) fn callees_side(&self) -> Option<&Side> {
        let counted = |side: &&Side| side.traffic.requests > 0.0;
        let theirs = self.edge.by_destination.as_ref().filter(counted);
        theirs.or(self.edge.by_source.as_ref())
    }

    /// Whether the callee gave such an answer.
    pub(crate) fn callee_answered(&self, such: impl Fn(&ResponseKey) -> bool) -> bool {
        let mut answers = self.callees_side().into_iter().flat_map(|side| &side.responses);
        answers.any(|(key, rate)| *rate > 0.0 && such(key))
    }

    /// Who called, by certificate.
    pub(crate) fn callers_principals(&self) -> &[Principal] {
        let side = self.edge.by_destination.as_ref();
        side.map_or(&[], |side| &side.source_principals)
    }

    /// What the callee's proxy is to do.
    pub(crate) fn callee_plan(&self) -> Option<Arc<Plan>> {
        let (namespace, workload) = (self.target.namespace.as_ref()?, self.target.workload.as_ref()?);
        (self.plan_of)(namespace.as_str(), workload.as_str())
    }

    /// What the caller's proxy is to do.
    pub(crate) fn plan(&self) -> Option<&Plan> {
        let find = || {
            let (namespace, workload) = (self.source.namespace.as_ref()?, self.source.workload.as_ref()?);
            (self.plan_of)(namespace.as_str(), workload.as_str())
        };
        self.plan.get_or_init(find).as_deref()
    }

    /// Routes of the caller's proxy that send the edge's requests on.
    pub(crate) fn forwards(&self) -> impl Iterator<Item = (&Route, &Forward)> {
        let tables = self
            .plan()
            .into_iter()
            .flat_map(|plan| plan.route_tables.values());
        let routes = tables
            .flat_map(|table| table.virtual_hosts.iter())
            .flat_map(|host| &host.routes);
        routes.filter_map(move |route| Some((route, self.forward(route)?)))
    }

    /// How a route sends requests on; `None` when it does not, or when they count under another service than the edge's.
    pub(crate) fn forward<'b>(&self, route: &'b Route) -> Option<&'b Forward> {
        let service = route.service.as_ref()?;
        match &route.action {
            RouteAction::Forward(forward) if self.edge.services.contains(service) => Some(forward),
            RouteAction::Forward(_) | RouteAction::Redirect(_) | RouteAction::Respond { .. } => None,
        }
    }

    /// Clusters to which the caller's proxy sends the edge's requests.
    pub(crate) fn clusters(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        let plan = self.plan();
        let mut seen = BTreeSet::new();
        self.forwards()
            .flat_map(|(_, forward)| &forward.clusters)
            .filter_map(move |weighted| plan?.clusters.get(&weighted.cluster))
            .filter(move |cluster| seen.insert(Arc::clone(&cluster.name)))
    }

    /// Namespace of the caller, in which its rules are looked up.
    pub(crate) fn client(&self) -> Option<&Namespace> {
        self.source.namespace.as_ref()
    }

    /// The workload that is called.
    pub(crate) fn callee(&self) -> Option<&Workload> {
        self.mesh
            .workload(self.target.namespace.as_ref()?, self.target.workload.as_ref()?)
    }

    /// The object that an origin names, and the field there.
    pub(crate) fn field<'b>(&'b self, origin: &Origin) -> Option<(&'b Object, Field<'b>)> {
        let object = self.mesh.find(&origin.object)?;
        let field = object.root().find(&origin.path.parse::<FieldPath>().ok()?)?;
        Some((object, field))
    }

    /// The origin of a part of a field, or of the field itself where it has no such part.
    pub(crate) fn narrow(&self, origin: &Origin, keys: &[&str]) -> Origin {
        let part = self.field(origin).and_then(|(object, field)| {
            let part = keys.iter().try_fold(field, |field, key| field.get(key))?;
            Some(object.origin_of(part))
        });
        part.unwrap_or_else(|| origin.clone())
    }

    /// The services of the edge for people: short names in the caller's namespace, whole hosts elsewhere.
    pub(crate) fn services(&self) -> String {
        match self.edge.services.len() {
            0 => "an unknown host".to_owned(),
            _ => list(self.edge.services.iter().map(|host| self.short(host))),
        }
    }

    /// A host as people of the caller's namespace write it.
    pub(crate) fn short(&self, host: &Fqdn) -> String {
        match (host.service_parts(), self.client()) {
            (Some((name, namespace)), Some(client)) if *client == *namespace => name.to_owned(),
            (Some((name, namespace)), _) => format!("{name}.{namespace}"),
            (None, _) => host.to_string(),
        }
    }

    /// The caller for people.
    pub(crate) fn caller(&self) -> String {
        name(self.source)
    }

    /// The callee for people.
    pub(crate) fn called(&self) -> String {
        name(self.target)
    }
}

fn flags(side: Option<&Side>) -> BTreeSet<ResponseFlag> {
    let answers = side
        .into_iter()
        .flat_map(|side| &side.responses)
        .filter(|(_, rate)| **rate > 0.0);
    answers.flat_map(|(key, _)| key.flags.iter()).collect()
}

fn name(node: &Node) -> String {
    let named = node.workload.as_ref().map(ToString::to_string);
    named
        .or_else(|| node.service.as_ref().map(ToString::to_string))
        .unwrap_or_else(|| "an unknown caller".to_owned())
}

/// `a, b and c`.
pub(crate) fn list(items: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.pop() {
        None => String::new(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
    }
}

/// A cause that config and the proxy's word agree on.
pub(crate) fn proved(message: String, origin: &Origin) -> Why {
    at(message, origin, Confidence::Proved)
}

/// A cause in the config that fits what is seen.
pub(crate) fn likely(message: String, origin: &Origin) -> Why {
    at(message, origin, Confidence::Likely)
}

/// A cause that no object decides.
pub(crate) fn loose(message: String) -> Why {
    Why {
        message,
        object: None,
        place: None,
        confidence: Confidence::Likely,
    }
}

fn at(message: String, origin: &Origin, confidence: Confidence) -> Why {
    let object: ObjectRef = origin.object.clone();
    let place = Some((origin.path.to_string(), origin.location.clone()));
    Why {
        message,
        object: Some(object),
        place,
        confidence,
    }
}
