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
use stayput::{Error, ErrorKind, layers::SpoolStats};
use std::sync::{Arc, atomic::Ordering};
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

/// Readiness: the store answers too, or what it does not answer is spooled.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "operators",
    responses(
        (status = 200, description = "The store answers, or claims are spooled until it does", body = Ready),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(crate) async fn ready(State(app): State<Arc<App>>, uri: Uri) -> Result<Response> {
    Query::parse(&uri)?.finish()?;
    let probed = timeout(app.limits.ready_time, app.probe()).await;
    let probed = probed.unwrap_or_else(|_| Err(unready("the store does not answer".into())));
    let spool = app.spool.as_ref().map(|spool| spool.stats()).transpose()?;
    let told = |status| {
        let spool = spool.map(Spooling::from);
        Ok(answer::json(StatusCode::OK, &Ready { status, breaker: app.breaker.state().name(), spool }))
    };
    match probed {
        Ok(()) => told("ready"),
        // A claim that is sent elsewhere, or nowhere, is not kept here. A store that has never answered may be the wrong
        // one: servers that know better are not to be replaced by this one.
        Err(error)
            if error.is_transient()
                && app.seen.load(Ordering::Relaxed)
                && spool.is_some_and(|spool| spool.bytes < spool.limit) =>
        {
            told("spooling")
        }
        // Whatever is wrong with the store, this server is not the one to send requests to.
        Err(error) => Err(unready(error.to_string()).into()),
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
    /// ready, or spooling: the store does not answer, and claims are kept until it does
    status: &'static str,
    /// What happens to operations: closed (they pass), open (they fail), probing (one asks whether the store is back)
    breaker: &'static str,
    /// What waits for the store; only with a spool
    #[serde(skip_serializing_if = "Option::is_none")]
    spool: Option<Spooling>,
}

/// How the spool is doing.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Spooling {
    /// Claims that wait
    waiting: u64,
    /// How long the oldest has waited
    oldest_seconds: u64,
    /// Claims that could never be stored
    dead_letters: u64,
    bytes: u64,
    limit_bytes: u64,
}

impl From<SpoolStats> for Spooling {
    fn from(SpoolStats { waiting, oldest, dead, bytes, limit, .. }: SpoolStats) -> Self {
        let oldest_seconds = oldest.map_or(0, |oldest| oldest.as_secs());
        Self { waiting, oldest_seconds, dead_letters: dead, bytes, limit_bytes: limit }
    }
}

fn unready(message: String) -> Error {
    Error::new(ErrorKind::Unavailable, "store", message)
}
