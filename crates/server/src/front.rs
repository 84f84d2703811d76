//! The hot path: a service in front of the router that answers the `GET` of one assignment without it.
//!
//! What every request pays here is a handful of relaxed additions. A request id costs only those who sent one, and
//! answers that are no plain read.
use crate::{
    answer::Response,
    app::App,
    failure::Failure,
    metrics::{self, Refused, Route},
    place::Place,
    request_id, routes,
    wire::Marks,
};
use axum::{Router, body::Body, response::IntoResponse};
use hyper::{Method, Request, StatusCode, Version, body::Incoming, service::Service};
use std::{convert::Infallible, fmt, pin::Pin, sync::Arc};
use tower_service::Service as _;

/// One connection's way to the routes.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) app: Arc<App>,
    pub(crate) marks: Arc<Marks>,
    router: Router,
}

impl Front {
    /// The routes of `app`.
    pub(crate) fn new(app: App) -> Self {
        let app = Arc::new(app);
        Self { router: routes::router(app.clone()), app, marks: Arc::default() }
    }
    /// The same routes for another connection, which leaves `marks`.
    pub(crate) fn for_connection(&self, marks: Arc<Marks>) -> Self {
        Self { marks, ..self.clone() }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let in_flight = self.marks.request(request.version() == Version::HTTP_2);
        let given = request_id::given(request.headers());
        let front = self.clone();
        if request.method() == Method::GET && request.uri().path().starts_with("/v1/users/") {
            let brought = given.is_some();
            return Box::pin(request_id::with(given, async move {
                let _in_flight = in_flight;
                Ok(front.read(request, brought).await)
            }));
        }
        Box::pin(request_id::with(given, async move {
            let _in_flight = in_flight;
            let method = metrics::Method::of(request.method());
            let route = Route::of(request.uri().path());
            let (_request, now) = front.app.metrics.request();
            let response = match front.bounded(now) {
                Ok(()) => front.routed(request, route).await,
                Err(failure) => failure.into_response(),
            };
            Ok(front.answered(route, method, response, true))
        }))
    }
}

impl Front {
    /// The `GET` of one assignment, or of what else there is under `/v1/users/`.
    async fn read(&self, request: Request<Incoming>, brought: bool) -> Response {
        let (_request, now) = self.app.metrics.request();
        let (route, answered) = match self.bounded(now).and_then(|()| Place::parse(request.uri().path())) {
            Ok(Some(Place::Assignment(user, campaign))) => {
                let answered = routes::assignment::get(&self.app, (&user, &campaign), request.uri()).await;
                (Route::Assignment, answered)
            }
            Ok(_) => {
                let route = Route::of(request.uri().path());
                let response = self.routed(request, route).await;
                return self.answered(route, metrics::Method::Get, response, true);
            }
            Err(failure) => (Route::of(request.uri().path()), Err(failure)),
        };
        let response = answered.unwrap_or_else(Failure::into_response);
        let plain = matches!(response.status(), StatusCode::OK | StatusCode::NOT_FOUND);
        self.answered(route, metrics::Method::Get, response, brought || !plain)
    }

    /// One connection has one request in flight; only with h2 there can be more of them than connections.
    pub(crate) fn bounded(&self, now: usize) -> Result<(), Failure> {
        match now <= self.app.limits.connections {
            true => Ok(()),
            false => Err(self.app.load.refused(Refused::Requests)),
        }
    }

    async fn routed(&self, request: Request<Incoming>, route: Route) -> Response {
        let mut router = self.router.clone();
        // An import may be of any size: it is read in bounded memory, and at most so many go on at once.
        if route == Route::Import || hyper::body::Body::is_end_stream(request.body()) {
            return router.call(request.map(Body::new)).await.unwrap_or_else(|never| match never {});
        }
        let (head, body) = request.into_parts();
        let (body, _weight) = self.app.load.weigh(body);
        let request = Request::from_parts(head, Body::new(body));
        router.call(request).await.unwrap_or_else(|never| match never {})
    }

    /// Counts an answer, and gives it the id of its request.
    pub(crate) fn answered(
        &self,
        route: Route,
        method: metrics::Method,
        mut response: Response,
        identified: bool,
    ) -> Response {
        if identified && let Some(id) = request_id::current() {
            response.headers_mut().insert(request_id::HEADER, id);
        }
        self.count(route, method, response.status().as_u16());
        response
    }

    /// Counts an answer.
    pub(crate) fn count(&self, route: Route, method: metrics::Method, status: u16) {
        self.app.metrics.answered(route, method, status);
        if tracing::enabled!(tracing::Level::DEBUG) {
            let (request, method, route) = (request_id::shown(), method.name(), route.name());
            tracing::debug!(%request, method, route, status, "answered");
        }
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("app", &self.app).finish_non_exhaustive()
    }
}
