//! AuthorizationPolicies as the rules of one port.
//!
//! What cannot be asked for fails closed: an ALLOW rule with it never matches, a DENY rule does as if it were not
//! there. So do conditions on requests where only bytes are seen, as in Istio.

use std::{net::SocketAddr, sync::Arc};

use vigla_config::{AuthorizationPolicy, AuthorizationRule as Written, Node};
use vigla_dataplane::{Authorization, AuthorizationRule, Condition, Subnet, TextMatch, Wanted};

use crate::context::Context;

/// A port of the proxy's workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The port that policies name: the container's.
    pub(crate) port: u16,
    /// Where the proxy listens for it.
    pub(crate) listens: SocketAddr,
    /// Whether requests are seen.
    pub(crate) is_http: bool,
}

/// The rules for a port; `None`: there are no policies.
pub(crate) fn build(context: &mut Context<'_, '_>, place: Place) -> Option<Arc<Authorization>> {
    let own = context.instance;
    let mut authorization = Authorization::default();
    for policy in context.mesh.authorization_policies(&own.namespace, &own.labels) {
        if policy.has_targets() {
            let message = "`targetRefs` names gateways of the Gateway API, which are not served; the policy is left out";
            context.problem(policy.object().origin(), message);
            continue;
        }
        match policy.action() {
            "ALLOW" => {
                let rules = rules(context, policy, place, false);
                authorization.allow.get_or_insert_default().extend(rules);
            }
            "DENY" => {
                let rules = rules(context, policy, place, true);
                authorization.deny.extend(rules);
            }
            // It writes a log that nobody here keeps; it decides nothing.
            "AUDIT" => (),
            other => {
                let message = format!("`{other}` is not supported; nobody is let through instead");
                let node = policy.object().spec().and_then(|spec| spec.get("action"));
                context.problem(policy.origin(node.unwrap_or(policy.object().root())), message);
                authorization.deny.push(everyone(policy));
            }
        }
    }
    authorization.deny.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(allow) = &mut authorization.allow {
        allow.sort_by(|a, b| a.name.cmp(&b.name));
    }
    (authorization != Authorization::default()).then(|| Arc::new(authorization))
}

fn everyone(policy: AuthorizationPolicy<'_>) -> AuthorizationRule {
    AuthorizationRule {
        name: name(policy, 0),
        from: Vec::new(),
        to: Vec::new(),
        origin: Some(policy.object().origin()),
    }
}

/// Istio's name of a rule.
fn name(policy: AuthorizationPolicy<'_>, index: usize) -> Arc<str> {
    let (namespace, name) = (policy.namespace(), policy.object().name());
    format!("ns[{namespace}]-policy[{name}]-rule[{index}]").into()
}

fn rules(
    context: &mut Context<'_, '_>,
    policy: AuthorizationPolicy<'_>,
    place: Place,
    denies: bool,
) -> Vec<AuthorizationRule> {
    let mut compiled = Vec::new();
    for (index, written) in policy.rules().enumerate() {
        let mut reader = Reader {
            context: &mut *context,
            policy,
            place,
            denies,
        };
        if let Some((from, to)) = reader.rule(written) {
            compiled.push(AuthorizationRule {
                name: name(policy, index),
                from,
                to,
                origin: Some(policy.origin(written.node())),
            });
        }
    }
    compiled
}

/// A condition; `None` for one that cannot be asked for.
type Term = Option<Condition>;
/// Lists of conditions of which one must hold; empty: nothing is asked for.
type Alternatives = Vec<Vec<Condition>>;

struct Reader<'r, 'c, 'a, 'p> {
    context: &'r mut Context<'a, 'p>,
    policy: AuthorizationPolicy<'c>,
    place: Place,
    denies: bool,
}

impl Reader<'_, '_, '_, '_> {
    /// `from` and `to` of a rule; `None` when it never matches.
    fn rule(&mut self, written: Written<'_>) -> Option<(Alternatives, Alternatives)> {
        let mut of_caller = Vec::new();
        let mut of_call = Vec::new();
        for (key, values, not_values, node) in written.conditions() {
            for (values, invert) in [(values, false), (not_values, true)] {
                if values.is_empty() {
                    continue;
                }
                let term = self
                    .wanted(key, &values, node)
                    .map(|wanted| Condition { wanted, invert });
                match &term {
                    Some(condition) if !condition.wanted.is_of_caller() => of_call.push(term),
                    _ => of_caller.push(term),
                }
            }
        }
        let sources: Vec<Node<'_>> = written.sources().collect();
        let from: Vec<Vec<Term>> = sources.iter().map(|&node| self.fields(node, SOURCE)).collect();
        let operations: Vec<Node<'_>> = written.operations().collect();
        let to: Vec<Vec<Term>> = operations
            .iter()
            .map(|&node| self.fields(node, OPERATION))
            .collect();
        Some((
            self.alternatives(from, &of_caller)?,
            self.alternatives(to, &of_call)?,
        ))
    }

    /// Puts the conditions of `when` into each alternative; `None` when none of them can hold.
    fn alternatives(&self, found: Vec<Vec<Term>>, also: &[Term]) -> Option<Alternatives> {
        let found = if found.is_empty() { vec![Vec::new()] } else { found };
        let mut all: Alternatives = Vec::new();
        for terms in found {
            let terms = terms.into_iter().chain(also.iter().cloned());
            let kept: Option<Vec<Condition>> = if self.denies {
                Some(terms.flatten().collect())
            } else {
                terms.collect()
            };
            match kept {
                Some(conditions) if conditions.is_empty() => return Some(Vec::new()),
                Some(conditions) => all.push(conditions),
                None => (),
            }
        }
        (!all.is_empty()).then_some(all)
    }

    /// The fields of a `source` or an `operation`, each with its `not…`.
    fn fields(&mut self, node: Node<'_>, known: &[(&str, &str, &str)]) -> Vec<Term> {
        let mut terms = Vec::new();
        for (key, list) in node.entries() {
            let values: Vec<&str> = list.items().filter_map(Node::text).collect();
            if values.is_empty() {
                continue;
            }
            let found = known
                .iter()
                .find(|(positive, negative, _)| key == *positive || key == *negative);
            let (attribute, invert) = found.map_or((key, false), |(positive, _, attribute)| {
                (*attribute, key != *positive)
            });
            let wanted = self.wanted(attribute, &values, list);
            terms.push(wanted.map(|wanted| Condition { wanted, invert }));
        }
        terms
    }

    /// What an attribute of `when` (or the one behind a field) asks for; `None` when that cannot be asked for here.
    fn wanted(&mut self, attribute: &str, values: &[&str], node: Node<'_>) -> Option<Wanted> {
        let texts = || values.iter().map(|value| TextMatch::parse(value)).collect();
        let wanted = match attribute {
            "source.principal" => Wanted::Principal(texts()),
            "source.namespace" => Wanted::Namespace(texts()),
            "source.serviceAccount" => Wanted::Principal(self.accounts(values)),
            "source.ip" => Wanted::SourceIp(self.subnets(values, node)?),
            "remote.ip" => Wanted::RemoteIp(self.subnets(values, node)?),
            "destination.port" => Wanted::Port(self.ports(values)),
            "connection.sni" => Wanted::ServerName(texts()),
            "host" => Wanted::Host(texts()),
            "method" => Wanted::Method(texts()),
            "path" => {
                if values.iter().any(|value| value.contains('{')) {
                    self.problem(node, "path templates are not supported");
                    return None;
                }
                Wanted::Path(texts())
            }
            other => {
                let header = other
                    .strip_prefix("request.headers[")
                    .and_then(|rest| rest.strip_suffix(']'));
                let Some(header) = header else {
                    self.problem(node, &format!("`{other}` is not supported"));
                    return None;
                };
                Wanted::Header(header.to_ascii_lowercase().into(), texts())
            }
        };
        (self.place.is_http || !wanted.is_of_request()).then_some(wanted)
    }

    /// `ns/sa`, or `sa` of the policy's own namespace, as ends of principals.
    fn accounts(&self, values: &[&str]) -> Vec<TextMatch> {
        let own = self.policy.namespace().as_str();
        let ends = values.iter().map(|value| {
            let (namespace, account) = value.split_once('/').unwrap_or((own, value));
            TextMatch::Suffix(format!("/ns/{namespace}/sa/{account}").into())
        });
        ends.collect()
    }

    fn subnets(&mut self, values: &[&str], node: Node<'_>) -> Option<Vec<Subnet>> {
        let subnets: Option<Vec<Subnet>> = values.iter().map(|value| Subnet::parse(value)).collect();
        if subnets.is_none() {
            self.problem(
                node,
                "one of these is neither an address nor a range of addresses",
            );
        }
        subnets
    }

    /// Ports as the proxy sees them: it may listen elsewhere than the workload is said to.
    fn ports(&self, values: &[&str]) -> Vec<u16> {
        let is_own = |value: &&&str| value.parse() == Ok(self.place.port);
        values
            .iter()
            .filter(is_own)
            .map(|_| self.place.listens.port())
            .collect()
    }

    fn problem(&mut self, node: Node<'_>, what: &str) {
        let then = if self.denies {
            "the rule refuses as if this were not there"
        } else {
            "the rule allows nobody by it"
        };
        self.context
            .problem(self.policy.origin(node), format!("{what}; {then}"));
    }
}

/// Fields of a source, their opposites, and the attribute that they ask for.
const SOURCE: &[(&str, &str, &str)] = &[
    ("principals", "notPrincipals", "source.principal"),
    ("namespaces", "notNamespaces", "source.namespace"),
    ("serviceAccounts", "notServiceAccounts", "source.serviceAccount"),
    ("ipBlocks", "notIpBlocks", "source.ip"),
    ("remoteIpBlocks", "notRemoteIpBlocks", "remote.ip"),
];

/// Fields of an operation.
const OPERATION: &[(&str, &str, &str)] = &[
    ("hosts", "notHosts", "host"),
    ("ports", "notPorts", "destination.port"),
    ("methods", "notMethods", "method"),
    ("paths", "notPaths", "path"),
];
