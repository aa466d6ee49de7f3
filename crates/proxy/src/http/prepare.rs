//! What every request gets or loses on its way, whatever its route says.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Uri, header, request, uri::PathAndQuery};
use vigla_dataplane::{Direction, Forward, HeaderEdits, Matched, apply_edits, normalize_path, rewrite_path};
use vigla_model::PeerIdentity;

use super::headers::{
    CLIENT_CERTIFICATE, Edited, FORWARDED_FOR, FORWARDED_PROTO, ORIGINAL_PATH, PEER, REQUEST_ID,
    remove_hop_by_hop,
};
use crate::{downstream::Downstream, metrics::Peer, record::Record};

/// Brings the path into its normal form, by which routes are matched and with which it is sent on. Gives the
/// address as it was when that changed it.
pub(super) fn normalize(parts: &mut request::Parts) -> Option<Uri> {
    let path = parts.uri.path_and_query()?;
    let Cow::Owned(normal) = normalize_path(path.as_str()) else {
        return None;
    };
    let mut new = parts.uri.clone().into_parts();
    new.path_and_query = Some(PathAndQuery::try_from(normal).ok()?);
    Some(std::mem::replace(&mut parts.uri, Uri::from_parts(new).ok()?))
}

/// Takes the header by which a caller without certificate names itself. It is never passed on, and believed
/// only where there is no certificate to contradict it.
pub(super) fn name_caller(headers: &mut HeaderMap, record: &mut Record) {
    let downstream = &record.downstream;
    if downstream.direction == Direction::Outbound {
        return;
    }
    let claim = headers.remove(PEER);
    if downstream.direction != Direction::Inbound || downstream.is_mutual_tls {
        return;
    }
    let claim = claim.as_ref().and_then(|claim| claim.to_str().ok());
    if let Some((workload, namespace)) = claim.and_then(|claim| claim.rsplit_once('.')) {
        let peer = Peer {
            identity: PeerIdentity {
                workload: Some(workload.into()),
                namespace: Some(namespace.into()),
                ..PeerIdentity::default()
            },
            address: Some(downstream.remote_address.ip()),
            mutual_tls: false,
        };
        record.caller = Some(downstream.worker.metrics.peer(&peer));
    }
}

/// Makes a request ready to be sent on: address, headers of the hop, what says whence it came.
pub(super) fn prepare_request(
    parts: &mut request::Parts,
    downstream: &Downstream,
    matched: &Matched<'_>,
    forward: &Forward,
    record: &mut Record,
) {
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::try_from(authority.as_str())
    {
        parts.headers.insert(header::HOST, host);
    }
    if let Some(path) = parts.uri.path_and_query() {
        let path = match &forward.path {
            None if parts.uri.authority().is_none() => None,
            None => Some(path.clone()),
            Some(rewrite) => {
                if let Ok(original) = HeaderValue::try_from(path.as_str()) {
                    parts.headers.insert(ORIGINAL_PATH, original);
                }
                let new = rewrite_path(rewrite, &matched.route.matches.path, path.as_str());
                Some(PathAndQuery::try_from(new).unwrap_or_else(|_| path.clone()))
            }
        };
        if let Some(path) = path {
            parts.uri = Uri::from(path);
        }
    }
    if let Some(authority) = &forward.authority
        && let Ok(host) = HeaderValue::try_from(&**authority)
    {
        parts.headers.insert(header::HOST, host);
    }
    let headers = &mut parts.headers;
    remove_hop_by_hop(headers);
    // hyper has answered it: the body comes without being asked for.
    headers.remove(header::EXPECT);
    if !headers.contains_key(REQUEST_ID)
        && let Ok(id) = HeaderValue::from_bytes(&downstream.worker.random.uuid())
    {
        if let Some(head) = &mut record.head {
            head.add_request_id(&id);
        }
        if let Some(request) = record.trace.as_mut().and_then(|trace| trace.request.as_mut()) {
            request.request_id = Some(id.clone());
        }
        headers.insert(REQUEST_ID, id);
    }
    let scheme = HeaderValue::from_static(
        if downstream.is_tls && downstream.direction == Direction::Gateway {
            "https"
        } else {
            "http"
        },
    );
    match downstream.direction {
        Direction::Gateway => {
            headers.insert(FORWARDED_PROTO, scheme);
            headers.remove(CLIENT_CERTIFICATE);
            let caller = downstream.remote_address.ip().to_string();
            let before = headers.get(FORWARDED_FOR).and_then(|value| value.to_str().ok());
            let chain = before.map_or(caller.clone(), |before| format!("{before},{caller}"));
            if let Ok(chain) = HeaderValue::try_from(chain) {
                headers.insert(FORWARDED_FOR, chain);
            }
        }
        Direction::Inbound => {
            headers.entry(FORWARDED_PROTO).or_insert(scheme);
            match &downstream.client_certificate {
                Some(certificate) => drop(headers.insert(CLIENT_CERTIFICATE, certificate.clone())),
                None => drop(headers.remove(CLIENT_CERTIFICATE)),
            }
        }
        Direction::Outbound => drop(headers.entry(FORWARDED_PROTO).or_insert(scheme)),
    }
}

/// Changes headers as a rule says.
pub(super) fn edit(edits: &HeaderEdits, headers: &mut HeaderMap) {
    if !edits.is_empty() {
        apply_edits(edits, &mut Edited(headers));
    }
}
