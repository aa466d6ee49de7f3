//! The route matcher of the whole product: which virtual host, which route, which cluster, and why not the others.

use std::borrow::Cow;

use crate::{
    Dice, DomainMatch, Forward, HeaderMatch, PathMatch, QueryMatch, RequestHead, RequestHeaders, Route,
    RouteAction, RouteMatch, Router, StringMatch, TcpCluster, VirtualHost, WeightedCluster,
};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision<'t> {
    /// No virtual host has the authority: 404 `NR`.
    NoVirtualHost,
    /// The virtual host has no route for the request: 404 `NR`.
    NoRoute(&'t VirtualHost),
    /// A route takes it.
    Route(Matched<'t>),
}

/// The route that takes a request. Indices name the parts within the table, for what is prepared beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matched<'t> {
    /// The virtual host.
    pub virtual_host: &'t VirtualHost,
    /// Its index in the table.
    pub virtual_host_index: usize,
    /// The route.
    pub route: &'t Route,
    /// Its index in the virtual host.
    pub route_index: usize,
    /// The destination that was picked; `None` when the route answers itself or names no cluster.
    pub cluster: Option<&'t WeightedCluster>,
}

/// Sees every step of a decision. All calls do nothing by default, and then they cost nothing.
///
/// The parts that are passed carry their origin: [`Route::origin`], [`WeightedCluster::origin`].
pub trait Observer {
    /// A virtual host was found by this domain.
    fn virtual_host(&mut self, host: &VirtualHost, domain: &str, how: DomainMatch) {
        let _ = (host, domain, how);
    }
    /// No virtual host has this authority.
    fn no_virtual_host(&mut self, authority: &str) {
        let _ = authority;
    }
    /// A route did not match, for this reason (the first that was found).
    fn skipped(&mut self, route: &Route, why: &Mismatch<'_>) {
        let _ = (route, why);
    }
    /// This route matched; those behind it are not looked at.
    fn taken(&mut self, route: &Route) {
        let _ = route;
    }
    /// This destination was picked, out of the sum of weights.
    fn picked(&mut self, cluster: &WeightedCluster, total_weight: u32) {
        let _ = (cluster, total_weight);
    }
}

/// Looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}

/// Why a route did not match: what was wanted, what was there.
#[derive(Debug, PartialEq)]
pub enum Mismatch<'a> {
    /// The path.
    Path(&'a PathMatch, &'a str),
    /// A header; `None` when it was absent.
    Header(&'a HeaderMatch, Option<Cow<'a, str>>),
    /// A query parameter; `None` when it was absent.
    Query(&'a QueryMatch, Option<&'a str>),
}

/// Decides what becomes of a request. Allocates nothing, unless a host has capitals or a header several values.
pub fn decide<'t, H, D, O>(
    router: &'t Router,
    request: &RequestHead<'_, H>,
    dice: &mut D,
    observer: &mut O,
) -> Decision<'t>
where
    H: RequestHeaders + ?Sized,
    D: Dice + ?Sized,
    O: Observer + ?Sized,
{
    let Some((virtual_host_index, domain, how)) = router.find_virtual_host(request.authority) else {
        observer.no_virtual_host(request.authority);
        return Decision::NoVirtualHost;
    };
    let virtual_host = router.virtual_host(virtual_host_index);
    observer.virtual_host(virtual_host, domain, how);
    for (route_index, route) in virtual_host.routes.iter().enumerate() {
        if let Err(why) = matches(&route.matches, request) {
            observer.skipped(route, &why);
            continue;
        }
        observer.taken(route);
        let cluster = match &route.action {
            RouteAction::Forward(forward) => pick_cluster(forward, dice, observer),
            RouteAction::Redirect(_) | RouteAction::Respond { .. } => None,
        };
        return Decision::Route(Matched {
            virtual_host,
            virtual_host_index,
            route,
            route_index,
            cluster,
        });
    }
    Decision::NoRoute(virtual_host)
}

/// Picks the cluster of a TCP connection; `None` when there is none with a weight.
pub fn pick_tcp<'p, D: Dice + ?Sized>(clusters: &'p [TcpCluster], dice: &mut D) -> Option<&'p TcpCluster> {
    pick(clusters, |cluster| cluster.weight, dice).map(|(picked, _)| picked)
}

/// One of several by weight, with the sum of the weights. The dice are asked only when there is a choice.
fn pick<'p, T, D: Dice + ?Sized>(
    all: &'p [T],
    weight: impl Fn(&T) -> u32,
    dice: &mut D,
) -> Option<(&'p T, u32)> {
    let total = all
        .iter()
        .fold(0u32, |sum, candidate| sum.saturating_add(weight(candidate)));
    let picked = match all {
        [only] => only,
        _ if total == 0 => return None,
        several => {
            let mut rest = dice.roll(total);
            several
                .iter()
                .find(|candidate| match rest.checked_sub(weight(candidate)) {
                    Some(left) => {
                        rest = left;
                        false
                    }
                    None => true,
                })?
        }
    };
    Some((picked, total))
}

fn pick_cluster<'t, D: Dice + ?Sized, O: Observer + ?Sized>(
    forward: &'t Forward,
    dice: &mut D,
    observer: &mut O,
) -> Option<&'t WeightedCluster> {
    let (picked, total) = pick(&forward.clusters, |cluster| cluster.weight, dice)?;
    observer.picked(picked, total);
    Some(picked)
}

fn matches<'a, H: RequestHeaders + ?Sized>(
    wanted: &'a RouteMatch,
    request: &'a RequestHead<'_, H>,
) -> Result<(), Mismatch<'a>> {
    let path = request.bare_path();
    if !path_matches(&wanted.path, path, wanted.ignore_path_case) {
        return Err(Mismatch::Path(&wanted.path, path));
    }
    for header in &wanted.headers {
        let found = request.header(&header.name);
        let fits = found
            .as_deref()
            .is_some_and(|found| string_matches(&header.value, found));
        if fits == header.invert {
            return Err(Mismatch::Header(header, found));
        }
    }
    for parameter in &wanted.query {
        let found = request.query(&parameter.name);
        if !found.is_some_and(|found| string_matches(&parameter.value, found)) {
            return Err(Mismatch::Query(parameter, found));
        }
    }
    Ok(())
}

fn path_matches(wanted: &PathMatch, path: &str, ignore_case: bool) -> bool {
    let starts = |prefix: &str| match path.as_bytes().get(..prefix.len()) {
        Some(start) if ignore_case => start.eq_ignore_ascii_case(prefix.as_bytes()),
        Some(start) => start == prefix.as_bytes(),
        None => false,
    };
    match wanted {
        PathMatch::Any => true,
        PathMatch::Exact(whole) => whole.len() == path.len() && starts(whole),
        PathMatch::Prefix(prefix) => starts(prefix),
        PathMatch::SegmentPrefix(prefix) => {
            let prefix = prefix.trim_end_matches('/');
            starts(prefix) && matches!(path.as_bytes().get(prefix.len()), None | Some(b'/'))
        }
        PathMatch::Regex(pattern) => pattern.matches(path),
    }
}

pub(crate) fn string_matches(wanted: &StringMatch, value: &str) -> bool {
    match wanted {
        StringMatch::Exact(whole) => **whole == *value,
        StringMatch::Prefix(prefix) => value.starts_with(&**prefix),
        StringMatch::Regex(pattern) => pattern.matches(value),
        StringMatch::Present => true,
    }
}

#[cfg(test)]
mod tests;
