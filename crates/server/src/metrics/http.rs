//! Answers by route, method and status, in a table whose size is known.
use hyper::http;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What was asked, as a pattern: a path may name a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Assignment,
    User,
    Get,
    Set,
    Changes,
    Export,
    Import,
    Store,
    Live,
    Ready,
    Metrics,
    OpenApi,
    Other,
}

/// How it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Put,
    Post,
    Delete,
    Other,
}

/// How many answers there were.
#[derive(Debug, Default)]
pub(super) struct Answers([[[AtomicU64; STATUSES.len()]; METHODS.len()]; ROUTES.len()]);

const ROUTES: [&str; 13] = [
    "/v1/users/{userId}/campaigns/{campaignKey}",
    "/v1/users/{userId}",
    "/v1/get",
    "/v1/set",
    "/v1/changes",
    "/v1/export",
    "/v1/import",
    "/v1/store",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "other",
];
const METHODS: [&str; 6] = ["GET", "HEAD", "PUT", "POST", "DELETE", "other"];
/// The statuses that there are; another one would be told as the last.
const STATUSES: [(u16, &str); 11] = [
    (200, "200"),
    (204, "204"),
    (400, "400"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (413, "413"),
    (500, "500"),
    (503, "503"),
    (504, "504"),
    (0, "other"),
];

impl Route {
    /// The route of `path`.
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/v1/get" => Self::Get,
            "/v1/set" => Self::Set,
            "/v1/changes" => Self::Changes,
            "/v1/export" => Self::Export,
            "/v1/import" => Self::Import,
            "/healthz" => Self::Live,
            "/readyz" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/openapi.json" => Self::OpenApi,
            _ if path.starts_with("/v1/store/") => Self::Store,
            _ => match path.strip_prefix("/v1/users/").map(|rest| rest.split('/').collect::<Vec<_>>()).as_deref() {
                Some([_]) => Self::User,
                Some([_, "campaigns", _]) => Self::Assignment,
                _ => Self::Other,
            },
        }
    }
    /// Its pattern.
    pub(crate) fn name(self) -> &'static str {
        ROUTES.get(self as usize).copied().unwrap_or("other")
    }
}

impl Method {
    pub(crate) fn of(method: &http::Method) -> Self {
        match *method {
            http::Method::GET => Self::Get,
            http::Method::HEAD => Self::Head,
            http::Method::PUT => Self::Put,
            http::Method::POST => Self::Post,
            http::Method::DELETE => Self::Delete,
            _ => Self::Other,
        }
    }
    pub(crate) fn name(self) -> &'static str {
        METHODS.get(self as usize).copied().unwrap_or("other")
    }
}

impl Answers {
    pub(super) fn add(&self, route: Route, method: Method, status: u16) {
        let known = STATUSES.iter().position(|(known, _)| *known == status).unwrap_or(STATUSES.len() - 1);
        let methods = self.0.get(route as usize).and_then(|methods| methods.get(method as usize));
        if let Some(counter) = methods.and_then(|statuses| statuses.get(known)) {
            counter.fetch_add(1, Relaxed);
        }
    }
    /// Those that there were: route, method, status, and how often.
    pub(super) fn seen(&self) -> Vec<([(&'static str, &'static str); 3], u64)> {
        let mut seen = Vec::new();
        for (route, methods) in ROUTES.iter().zip(&self.0) {
            for (method, statuses) in METHODS.iter().zip(methods) {
                for ((_, status), counter) in STATUSES.iter().zip(statuses) {
                    let count = counter.load(Relaxed);
                    if count > 0 {
                        seen.push(([("route", *route), ("method", *method), ("status", *status)], count));
                    }
                }
            }
        }
        seen
    }
}
