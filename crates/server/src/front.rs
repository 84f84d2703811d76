//! The hot path: a service in front of the router that answers the `GET` of one assignment without it.
use crate::{answer::Response, app::App, failure::Failure, place::Place, routes};
use axum::{Router, body::Body, response::IntoResponse};
use hyper::{Method, Request, body::Incoming, service::Service};
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tower_service::Service as _;

/// One connection's way to the routes.
#[derive(Clone)]
pub(crate) struct Front {
    app: Arc<App>,
    router: Router,
    /// Whether a request has come: a connection that never sends one is not kept for ever.
    asked: Arc<AtomicBool>,
}

impl Front {
    /// The routes of `app`.
    pub(crate) fn new(app: App) -> Self {
        let app = Arc::new(app);
        Self { router: routes::router(app.clone()), app, asked: Arc::default() }
    }
    /// The same routes for another connection.
    pub(crate) fn for_connection(&self) -> Self {
        Self { asked: Arc::default(), ..self.clone() }
    }
    /// Whether this connection has sent a request, now or later.
    pub(crate) fn asked(&self) -> Arc<AtomicBool> {
        self.asked.clone()
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.asked.store(true, Ordering::Relaxed);
        if request.method() == Method::GET && request.uri().path().starts_with("/v1/users/") {
            let app = self.app.clone();
            let mut router = self.router.clone();
            return Box::pin(async move {
                let answered = match Place::parse(request.uri().path()) {
                    Ok(Some(Place::Assignment(user, campaign))) => {
                        routes::assignment::get(&app, (&user, &campaign), request.uri()).await
                    }
                    Ok(_) => return router.call(request.map(Body::new)).await,
                    Err(failure) => Err(failure),
                };
                Ok(answered.unwrap_or_else(Failure::into_response))
            });
        }
        Box::pin(self.router.clone().call(request.map(Body::new)))
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("app", &self.app).finish_non_exhaustive()
    }
}
