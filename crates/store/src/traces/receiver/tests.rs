use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse, trace_service_client::TraceServiceClient,
};
use prost::Message;
use tokio::io::AsyncWriteExt;
use tonic::codec::CompressionEncoding;
use vigla_sources::traces::contract;

use super::*;
use crate::traces::TraceSettings;

struct Server {
    address: SocketAddr,
    store: TraceStore,
    shutdown: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Server {
    async fn start() -> Self {
        Self::with(TraceSettings::default()).await
    }

    async fn with(settings: TraceSettings) -> Self {
        let listener = bind_receiver(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (store, shutdown) = (TraceStore::new(settings), CancellationToken::new());
        tokio::spawn(run_receiver(listener, store.clone(), shutdown.clone()));
        Self {
            address,
            store,
            shutdown,
        }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Bytes) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = Request::post(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender
            .send_request(request.body(Full::new(Bytes::from(body))).unwrap())
            .await
            .unwrap();
        let status = response.status().as_u16();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    }
}

fn export() -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: contract::batches(),
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

#[tokio::test]
async fn real_exports_by_grpc_can_be_searched() {
    let server = Server::start().await;
    let mut client = TraceServiceClient::connect(format!("http://{}", server.address))
        .await
        .unwrap();
    let answer = client.export(export()).await.unwrap().into_inner();
    assert_eq!(answer.partial_success, None);
    contract::check(&server.store).await;
    let mut packing = client.send_compressed(CompressionEncoding::Gzip);
    packing.export(export()).await.unwrap();
    let status = server.store.status();
    assert_eq!(
        (status.requests, status.refused, status.traces, status.spans),
        (2, 0, 9, 26)
    );
}

#[tokio::test]
async fn real_exports_by_http_can_be_searched_in_every_form() {
    let protobuf = export().encode_to_vec();
    let json = serde_json::to_vec(&export()).unwrap();
    for (headers, body) in [
        (vec![PROTOBUF], protobuf.clone()),
        (vec![PROTOBUF, GZIP], gzip(&protobuf)),
        (vec![JSON], json.clone()),
        (vec![JSON, GZIP], gzip(&json)),
    ] {
        let server = Server::start().await;
        let (status, _) = server.post("/v1/traces", &headers, body).await;
        assert_eq!(status, 200, "{headers:?}");
        contract::check(&server.store).await;
    }
}

#[tokio::test]
async fn what_was_not_kept_is_said_as_partial_success() {
    let server = Server::with(TraceSettings {
        spans_of_trace: 2,
        ..TraceSettings::default()
    })
    .await;
    let (status, body) = server
        .post("/v1/traces", &[PROTOBUF], export().encode_to_vec())
        .await;
    let answer = ExportTraceServiceResponse::decode(body)
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!((status, answer.rejected_spans), (200, 8));
    assert!(
        answer.error_message.contains("more spans"),
        "{}",
        answer.error_message
    );
}

#[tokio::test]
async fn zipkins_spans_are_taken() {
    let server = Server::start().await;
    let body = br#"[{"traceId":"1","id":"2","timestamp":1700000000000000,"duration":5,"localEndpoint":{"serviceName":"web"}}]"#;
    let (status, _) = server.post("/api/v2/spans", &[JSON], body.to_vec()).await;
    assert_eq!((status, server.store.status().spans), (202, 1));
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_a_reason_and_counted() {
    let server = Server::start().await;
    let bomb = gzip(&vec![0; 200 << 20]);
    assert!(bomb.len() < MAX_BODY);
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(&str, Headers, Vec<u8>, u16); 9] = [
        ("/v1/traces", &[PROTOBUF], b"nonsense".to_vec(), 400),
        ("/v1/traces", &[JSON], b"{\"resourceSpans\": 5}".to_vec(), 400),
        ("/v1/traces", &[("content-type", "text/plain")], Vec::new(), 415),
        (
            "/v1/traces",
            &[JSON, ("content-encoding", "zstd")],
            Vec::new(),
            415,
        ),
        ("/v1/traces", &[JSON, GZIP], b"no gzip".to_vec(), 400),
        ("/v1/traces", &[PROTOBUF, GZIP], bomb, 413),
        ("/v1/traces", &[PROTOBUF], vec![0; MAX_BODY + 1], 413),
        ("/api/v2/spans", &[JSON], b"{}".to_vec(), 400),
        ("/v2/traces", &[JSON], Vec::new(), 404),
    ];
    let count = cases.len() as u64;
    for (path, headers, body, expect) in cases {
        let (status, body) = server.post(path, headers, body).await;
        assert_eq!(status, expect, "{path} {headers:?}: {body:?}");
        assert!(!body.is_empty());
    }
    let status = server.store.status();
    assert_eq!((status.refused, status.spans), (count, 0));
    assert!(status.last_refusal.is_some());
}

#[tokio::test]
async fn a_small_message_by_grpc_cannot_become_a_large_one() {
    let server = Server::start().await;
    let mut request = export();
    request.resource_spans[0].schema_url = "x".repeat(50 << 20);
    let client = TraceServiceClient::connect(format!("http://{}", server.address))
        .await
        .unwrap();
    let mut packing = client
        .send_compressed(CompressionEncoding::Gzip)
        .max_encoding_message_size(usize::MAX);
    let refused = packing.export(request).await.unwrap_err();
    assert!(refused.message().contains("limit"), "{refused}");
    assert_eq!(
        (server.store.status().refused, server.store.status().spans),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n[";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_buf(&mut stream, &mut answer)
        .await
        .unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 503"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[tokio::test]
async fn other_addresses_than_loopback_are_refused() {
    let refused = bind_receiver(([0, 0, 0, 0], 0).into()).await;
    assert!(matches!(refused, Err(ReceiverError::NotLoopback(_))));
}
