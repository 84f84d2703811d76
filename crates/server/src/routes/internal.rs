//! `POST /v1/store/…`: the store contract itself, for Stayput itself (`stayput://host:port`); not stable.
//!
//! Bodies and answers are the serde forms of the types that [`stayput::AssignmentStore`] speaks of.
use super::only_post;
use crate::{
    answer::{self, Response},
    app::App,
    body,
    failure::Result,
};
use axum::{
    Router,
    body::Body,
    extract::State,
    routing::{MethodRouter, post},
};
use hyper::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use stayput::{Cursor, Entry, Key, Offer, Scope, User};
use std::sync::Arc;

/// Largest body: a client sends at most a few MiB, or one element.
const LIMIT: usize = 16 * 1024 * 1024;
/// Most assignments of one page, whatever is asked for.
const PAGE: usize = 1_000;

/// One route per method of the contract.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/store/get", route(|app, keys: Vec<Key>| async move { app.store.get(&keys).await }))
        .route("/v1/store/claim", route(|app, offers: Vec<Offer>| async move { app.store.claim(&offers).await }))
        .route("/v1/store/put", route(|app, entries: Vec<Entry>| async move { app.store.put(&entries).await }))
        .route("/v1/store/remove", route(|app, keys: Vec<Key>| async move { app.store.remove(&keys).await }))
        .route("/v1/store/flush", route(|app, (): ()| async move { app.store.flush().await }))
        .route("/v1/store/user", route(|app, user: User| async move { app.store.user(&user).await }))
        .route("/v1/store/erase", route(|app, user: User| async move { app.store.erase(&user).await }))
        .route("/v1/store/scan", route(scan))
}

async fn scan(app: Arc<App>, question: (Option<Scope>, Option<Cursor>, usize)) -> stayput::Result<stayput::Page> {
    let (scope, after, limit) = question;
    app.store.scan(scope.as_ref(), after.as_ref(), limit.min(PAGE)).await
}

fn route<Q, A, F>(method: impl Fn(Arc<App>, Q) -> F + Clone + Send + Sync + 'static) -> MethodRouter<Arc<App>>
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize,
    F: Future<Output = stayput::Result<A>> + Send + 'static,
{
    let handler = |State(app): State<Arc<App>>, body: Body| async move {
        let limit = LIMIT.max(app.limits.body_limit);
        let question = body::value(&app, body, limit).await?;
        let _working = app.enter()?;
        Ok(answer::json(StatusCode::OK, &method(app.clone(), question).await?)) as Result<Response>
    };
    post(handler).fallback(only_post)
}
