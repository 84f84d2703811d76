//! `/healthz`, `/readyz`, `/metrics` and `/openapi.json`.
use crate::{
    answer::{self, Response},
    app::App,
    failure::{self, Result},
    openapi::DOCUMENT,
    query::Query,
};
use axum::extract::State;
use hyper::{
    StatusCode, Uri,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;
use stayput::{Error, ErrorKind};
use std::sync::Arc;
use tokio::time::timeout;
use utoipa::ToSchema;

/// Liveness: this process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "operators",
    responses(
        (status = 200, description = "This process answers", body = Status),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
    )
)]
pub(crate) async fn live(uri: Uri) -> Result<Response> {
    Query::parse(&uri)?.finish()?;
    Ok(answer::json(StatusCode::OK, &Status { status: "ok" }))
}

/// Readiness: the store answers too.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "operators",
    responses(
        (status = 200, description = "The store answers", body = Ready),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(crate) async fn ready(State(app): State<Arc<App>>, uri: Uri) -> Result<Response> {
    Query::parse(&uri)?.finish()?;
    match timeout(app.limits.ready_time, app.probe()).await {
        Ok(Ok(())) => Ok(answer::json(StatusCode::OK, &Ready { status: "ready", breaker: app.breaker.state().name() })),
        // Whatever is wrong with the store, this server is not the one to send requests to.
        Ok(Err(error)) => Err(unready(error.to_string()).into()),
        Err(_) => Err(unready("the store does not answer".into()).into()),
    }
}

/// What there is to measure, as OpenMetrics text.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operators",
    responses(
        (status = 200, description = "OpenMetrics text", body = String,
            content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
    )
)]
pub(crate) async fn metrics(State(app): State<Arc<App>>, uri: Uri) -> Result<Response> {
    Query::parse(&uri)?.finish()?;
    let mut response = Response::new(app.metrics.text().into());
    let text = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    Ok(response)
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "operators",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
    )
)]
pub(crate) async fn openapi(uri: Uri) -> Result<Response> {
    Query::parse(&uri)?.finish()?;
    let mut response = Response::new(DOCUMENT.as_str().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Status {
    status: &'static str,
}

/// What requests can expect.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    status: &'static str,
    /// What happens to operations: closed (they pass), open (they fail), probing (one asks whether the store is back)
    breaker: &'static str,
}

fn unready(message: String) -> Error {
    Error::new(ErrorKind::Unavailable, "store", message)
}
