//! gRPC's frames: requests from bytes, answers to bytes that are shared.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use prost::Message;
use thiserror::Error;
use vigla_xds::server::Push;

/// Largest request: a proxy that names ten thousand clusters needs about 1 MiB.
const MAX_REQUEST: usize = 4 << 20;
/// Answers up to this size are copied into one piece: fewer HTTP/2 frames cost less than the bytes they hold.
const ONE_PIECE: usize = 64 << 10;
/// Length of gRPC's prefix: a flag and a length.
const PREFIX: usize = 5;

/// A request that cannot be read. The stream ends.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum FrameError {
    /// Over the limit.
    #[error("a request of {0} bytes is larger than {MAX_REQUEST}")]
    TooLarge(usize),
    /// Compression was not offered.
    #[error("a request is compressed")]
    Compressed,
    /// No protobuf message.
    #[error("a request is malformed: {0}")]
    Malformed(Arc<str>),
}

/// Requests from a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct Requests(BytesMut);

impl Requests {
    /// Adds received bytes. At most one request and one piece of the body are held.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole request.
    pub(crate) fn next(&mut self) -> Result<Option<DiscoveryRequest>, FrameError> {
        if self.0.len() < PREFIX {
            return Ok(None);
        }
        let length = u32::from_be_bytes([self.0[1], self.0[2], self.0[3], self.0[4]]) as usize;
        if self.0[0] != 0 {
            return Err(FrameError::Compressed);
        }
        if length > MAX_REQUEST {
            return Err(FrameError::TooLarge(length));
        }
        if self.0.len() < PREFIX + length {
            return Ok(None);
        }
        self.0.advance(PREFIX);
        let message = DiscoveryRequest::decode(self.0.split_to(length))
            .map_err(|error| FrameError::Malformed(error.to_string().into()))?;
        Ok(Some(message))
    }
}

/// Bytes of an answer. Messages in protobuf merge when they stand behind each other, so version and type come first,
/// then the shared bytes of the resources, then the nonce.
pub(crate) fn write(push: &Push) -> Vec<Bytes> {
    let head = DiscoveryResponse {
        version_info: push.version.to_string(),
        type_url: push.kind.type_url().to_owned(),
        ..DiscoveryResponse::default()
    };
    let tail = DiscoveryResponse {
        nonce: push.nonce.to_string(),
        ..DiscoveryResponse::default()
    };
    let length = length(push) + head.encoded_len() + tail.encoded_len();
    let mut first = BytesMut::with_capacity(PREFIX + head.encoded_len());
    first.put_u8(0);
    first.put_u32(u32::try_from(length).expect("a plan is far smaller than 4 GiB"));
    head.encode(&mut first).expect("BytesMut grows");
    let resources = push.resources.iter().map(|resource| resource.framed().clone());
    let pieces = std::iter::once(first.freeze())
        .chain(resources)
        .chain([tail.encode_to_vec().into()]);
    if length <= ONE_PIECE {
        let mut whole = BytesMut::with_capacity(PREFIX + length);
        pieces.for_each(|piece| whole.extend_from_slice(&piece));
        vec![whole.freeze()]
    } else {
        pieces.collect()
    }
}

/// Bytes of an answer's resources.
pub(crate) fn length(push: &Push) -> usize {
    push.resources
        .iter()
        .map(|resource| resource.framed().len())
        .sum()
}

#[cfg(test)]
mod tests {
    use vigla_xds::{Resource, ResourceKind};

    use super::*;

    fn any(payload: usize) -> Vec<u8> {
        envoy_types::pb::google::protobuf::Any {
            type_url: "t".to_owned(),
            value: vec![7; payload],
        }
        .encode_to_vec()
    }

    #[test]
    fn an_answer_in_pieces_is_the_same_message() {
        for payload in [10, 100_000] {
            let push = Push {
                kind: ResourceKind::Cluster,
                version: "v".into(),
                nonce: "7".into(),
                resources: vec![
                    Resource::new("a".into(), &any(payload), 1),
                    Resource::new("b".into(), &any(payload), 2),
                ],
            };
            let pieces = write(&push);
            assert_eq!(pieces.len(), if payload == 10 { 1 } else { 4 });
            let bytes = pieces.concat();
            assert_eq!(
                bytes[..PREFIX],
                [&[0], &u32::to_be_bytes((bytes.len() - PREFIX) as u32)[..]].concat()
            );
            let message = DiscoveryResponse::decode(&bytes[PREFIX..]).unwrap();
            assert_eq!((&*message.version_info, &*message.nonce), ("v", "7"));
            assert_eq!(message.resources.len(), 2);
            assert_eq!(message.resources[1].value.len(), payload);
        }
    }

    #[test]
    fn requests_come_in_any_pieces_and_have_a_limit() {
        let message = DiscoveryRequest {
            type_url: "x".to_owned(),
            ..DiscoveryRequest::default()
        };
        let mut bytes = vec![0, 0, 0, 0, u8::try_from(message.encoded_len()).unwrap()];
        bytes.extend(message.encode_to_vec());
        let mut requests = Requests::default();
        for byte in bytes.repeat(2) {
            assert_eq!(requests.next(), Ok(None));
            requests.extend(&[byte]);
            if requests.0.len() == bytes.len() {
                assert_eq!(requests.next().unwrap(), Some(message.clone()));
            }
        }
        requests.extend(&[0, 0xFF, 0, 0, 0]);
        assert_eq!(requests.next(), Err(FrameError::TooLarge(0xFF00_0000)));
        let mut compressed = Requests::default();
        compressed.extend(&[1, 0, 0, 0, 0]);
        assert_eq!(compressed.next(), Err(FrameError::Compressed));
    }
}
