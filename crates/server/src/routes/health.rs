//! `/healthz` and `/readyz`.
use crate::{
    answer::{self, Response},
    app::App,
    failure::Result,
    query::Query,
};
use axum::extract::State;
use hyper::{StatusCode, Uri};
use serde_json::json;
use stayput::{Error, ErrorKind};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long the store may take to prove that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Liveness: this process answers.
pub(super) async fn live(uri: Uri) -> Result<Response> {
    Query::parse(&uri)?.finish()?;
    Ok(answer::json(StatusCode::OK, &json!({"status": "ok"})))
}

/// Readiness: the store answers too.
pub(super) async fn ready(State(app): State<Arc<App>>, uri: Uri) -> Result<Response> {
    Query::parse(&uri)?.finish()?;
    match timeout(PATIENCE, app.probe()).await {
        Ok(Ok(())) => Ok(answer::json(StatusCode::OK, &json!({"status": "ready"}))),
        // Whatever is wrong with the store, this server is not the one to send requests to.
        Ok(Err(error)) => Err(unready(error.to_string()).into()),
        Err(_) => Err(unready("the store does not answer".into()).into()),
    }
}

fn unready(message: String) -> Error {
    Error::new(ErrorKind::Unavailable, "store", message)
}
