//! OTLP and Zipkin by HTTP.

use std::io::Read;

use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use vigla_sources::traces::zipkin;

use super::{MAX_BODY, grpc, now};
use crate::traces::{Taken, TraceStore};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// What a refusal says in OTLP: the status message of gRPC.
#[derive(Clone, PartialEq, Message)]
struct Refusal {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// What the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    OtlpProtobuf,
    OtlpJson,
    Zipkin,
}

type Refused = (StatusCode, String);

pub(super) async fn answer(store: &TraceStore, request: Request<Incoming>) -> Response<tonic::body::Body> {
    let kind = text(&request, header::CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default();
    let kind = if kind.trim().eq_ignore_ascii_case(PROTOBUF) {
        PROTOBUF
    } else {
        JSON
    };
    match take(store, request).await {
        Ok((Form::Zipkin, _)) => reply(StatusCode::ACCEPTED, JSON, Vec::new()),
        Ok((Form::OtlpProtobuf, taken)) => {
            reply(StatusCode::OK, PROTOBUF, grpc::response(taken).encode_to_vec())
        }
        Ok((Form::OtlpJson, taken)) => {
            let body = serde_json::to_vec(&grpc::response(taken)).expect("the message has text keys");
            reply(StatusCode::OK, JSON, body)
        }
        Err((status, reason)) => {
            store.note_refusal(&reason);
            refuse(status, kind, reason)
        }
    }
}

/// A request that did not come whole in time.
pub(super) fn late() -> Response<tonic::body::Body> {
    refuse(
        StatusCode::SERVICE_UNAVAILABLE,
        JSON,
        "the request was not there whole in time".to_owned(),
    )
}

fn refuse(status: StatusCode, kind: &'static str, message: String) -> Response<tonic::body::Body> {
    let code = match status {
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::PAYLOAD_TOO_LARGE => 8,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => 12,
        _ => 3,
    };
    let body = if kind == PROTOBUF {
        Refusal { code, message }.encode_to_vec()
    } else {
        serde_json::json!({"code": code, "message": message})
            .to_string()
            .into_bytes()
    };
    reply(status, kind, body)
}

fn reply(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<tonic::body::Body> {
    let mut response = Response::new(tonic::body::Body::new(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

fn text(request: &Request<Incoming>, name: header::HeaderName) -> &str {
    let value = request.headers().get(name);
    value.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn take(store: &TraceStore, request: Request<Incoming>) -> Result<(Form, Taken), Refused> {
    let form = form(&request)?;
    let packed = match text(&request, header::CONTENT_ENCODING).trim() {
        "" | "identity" => false,
        "gzip" => true,
        other => {
            let reason = format!("the encoding `{other}` is not known here: send gzip or none");
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
        }
    };
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
    let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => too_large(),
        None => (StatusCode::BAD_REQUEST, format!("the body broke off: {error}")),
    })?;
    let (store, body) = (store.clone(), body.to_bytes());
    // Megabytes of JSON are work for a thread of its own.
    let read = tokio::task::spawn_blocking(move || read(&store, form, packed, &body));
    let taken = read
        .await
        .map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))??;
    Ok((form, taken))
}

fn form(request: &Request<Incoming>) -> Result<Form, Refused> {
    let path = request.uri().path();
    if !matches!(path, "/v1/traces" | "/api/v2/spans") {
        let reason = "spans are taken at /v1/traces (OTLP), /api/v2/spans (Zipkin) and by OTLP's gRPC method";
        return Err((StatusCode::NOT_FOUND, reason.to_owned()));
    }
    if request.method() != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "spans come by POST".to_owned()));
    }
    // A page of a browser cannot send these types to another site without asking first, which nothing here answers.
    let kind = text(request, header::CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let form = match path {
        "/v1/traces" if kind.eq_ignore_ascii_case(PROTOBUF) => Some(Form::OtlpProtobuf),
        "/v1/traces" if kind.eq_ignore_ascii_case(JSON) => Some(Form::OtlpJson),
        "/api/v2/spans" if kind.eq_ignore_ascii_case(JSON) => Some(Form::Zipkin),
        _ => None,
    };
    form.ok_or_else(|| {
        let reason = format!("the content type must be {JSON}, or for OTLP {PROTOBUF}");
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, reason)
    })
}

fn too_large() -> Refused {
    let reason = format!(
        "a request is larger than {} MB: send smaller batches",
        MAX_BODY >> 20
    );
    (StatusCode::PAYLOAD_TOO_LARGE, reason)
}

fn read(store: &TraceStore, form: Form, packed: bool, body: &[u8]) -> Result<Taken, Refused> {
    let bad = |reason: String| (StatusCode::BAD_REQUEST, reason);
    let unpacked;
    let body = if packed {
        let mut out = Vec::new();
        // One byte over the bound tells that there is more, however much it would be.
        let read = GzDecoder::new(body)
            .take(MAX_BODY as u64 + 1)
            .read_to_end(&mut out);
        read.map_err(|error| bad(format!("the body is no gzip: {error}")))?;
        if out.len() > MAX_BODY {
            return Err(too_large());
        }
        unpacked = out;
        &unpacked[..]
    } else {
        body
    };
    match form {
        Form::OtlpProtobuf => {
            let request = ExportTraceServiceRequest::decode(body);
            let request = request.map_err(|error| bad(format!("the body is no OTLP message: {error}")))?;
            Ok(grpc::take(store, request))
        }
        Form::OtlpJson => {
            let request = serde_json::from_slice::<ExportTraceServiceRequest>(body);
            let request = request.map_err(|error| bad(format!("the body is no OTLP message: {error}")))?;
            Ok(grpc::take(store, request))
        }
        Form::Zipkin => {
            let decoded = zipkin::decode(body, &store.settings().span);
            let decoded =
                decoded.map_err(|error| bad(format!("the body is no list of Zipkin's spans: {error}")))?;
            store.note_request();
            Ok(store.take(now(), decoded))
        }
    }
}
