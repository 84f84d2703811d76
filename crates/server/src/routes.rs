//! Which route answers what.
use crate::{
    answer::Response,
    app::App,
    failure::{Failure, Result},
    place::Place,
};
use axum::{
    Router,
    extract::{Request, State},
    routing::{any, get, post},
};
use hyper::Method;
use std::sync::Arc;

pub(crate) mod assignment;
pub(crate) mod batch;
pub(crate) mod changes;
pub(crate) mod health;
mod internal;
pub(crate) mod transfer;
pub(crate) mod user;

/// All routes. [`Front`](crate::front::Front) answers the hot one before it comes here.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/users/", any(users))
        .route("/v1/users/{*place}", any(users))
        .route("/v1/get", post(batch::get).fallback(only_post))
        .route("/v1/set", post(batch::set).fallback(only_post))
        .route("/v1/changes", get(changes::changes).fallback(only_get))
        .route("/v1/export", get(transfer::export).fallback(only_get))
        .route("/v1/import", post(transfer::import).fallback(only_post))
        .route("/healthz", get(health::live).fallback(only_get))
        .route("/readyz", get(health::ready).fallback(only_get))
        .route("/metrics", get(health::metrics).fallback(only_get))
        .route("/openapi.json", get(health::openapi).fallback(only_get))
        .merge(internal::router())
        .fallback(|| async { Failure::no_route() })
        .with_state(app)
}

async fn only_post() -> Failure {
    Failure::method("POST")
}
async fn only_get() -> Failure {
    Failure::method("GET, HEAD")
}

/// Everything below `/v1/users/`, where axum's own splitting would not let every legal id through.
async fn users(State(app): State<Arc<App>>, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    match (Place::parse(head.uri.path())?, &head.method) {
        (None, _) => Err(Failure::no_route()),
        (Some(Place::User(id)), &(Method::GET | Method::HEAD)) => user::get(&app, &id, &head.uri).await,
        (Some(Place::User(id)), &Method::DELETE) => user::erase(&app, &id, &head.uri).await,
        (Some(Place::User(_)), _) => Err(Failure::method("GET, HEAD, DELETE")),
        (Some(Place::Assignment(user, campaign)), method) => {
            let place = (&*user, &*campaign);
            match *method {
                Method::GET | Method::HEAD => assignment::get(&app, place, &head.uri).await,
                Method::PUT => assignment::put(&app, place, &head.uri, body).await,
                Method::DELETE => assignment::remove(&app, place, &head.uri).await,
                _ => Err(Failure::method("GET, HEAD, PUT, DELETE")),
            }
        }
    }
}
