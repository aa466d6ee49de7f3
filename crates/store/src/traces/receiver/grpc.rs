//! OTLP by gRPC.

use hyper::{Request, Response, body::Incoming};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use tonic::{Status, codec::CompressionEncoding};
use tower_service::Service;
use vigla_sources::traces::otlp;

use super::{MAX_BODY, now};
use crate::traces::{Taken, TraceStore};

/// Path of the one method.
pub(super) const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

struct Export(TraceStore);

#[tonic::async_trait]
impl TraceService for Export {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let taken = take(&self.0, request.into_inner());
        Ok(tonic::Response::new(response(taken)))
    }
}

pub(super) fn take(store: &TraceStore, request: ExportTraceServiceRequest) -> Taken {
    store.note_request();
    store.take(
        now(),
        otlp::decode(request.resource_spans, &store.settings().span),
    )
}

/// The answer: nothing to say, or how many spans were not kept and why.
pub(super) fn response(taken: Taken) -> ExportTraceServiceResponse {
    let partial_success = (taken.rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(taken.rejected).unwrap_or(i64::MAX),
        error_message: taken.reason.unwrap_or("they are over a bound").to_owned(),
    });
    ExportTraceServiceResponse { partial_success }
}

pub(super) async fn answer(store: &TraceStore, request: Request<Incoming>) -> Response<tonic::body::Body> {
    // Unpacking ends at the bound, so a small request cannot become a large one.
    let mut service = TraceServiceServer::new(Export(store.clone()))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_BODY);
    let response = match service.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if let Some(status) = response.headers().get("grpc-status")
        && status != "0"
    {
        store.note_refusal("a request by gRPC could not be read, or was over the bound");
    }
    response
}
