//! What a request is told when it failed: `{"error":{"kind","message","field"?}}`.
use crate::{
    answer::{self, Response},
    metrics::Refused,
    request_id,
};
use axum::response::IntoResponse;
use hyper::{
    StatusCode,
    header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER},
};
use serde::Serialize;
use stayput::{Error, ErrorKind};
use std::{borrow::Cow, error::Error as _};
use utoipa::ToSchema;

/// A result whose error is [`Failure`].
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// A status and why. No message contains a user id.
#[derive(Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    body: Body,
    header: Option<(HeaderName, HeaderValue)>,
}

/// `{"error":…}`: the body of a failed request, and the place of a failed element of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Body {
    error: Explained,
}

/// Why a request, or a part of it, failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explained {
    /// What kind of failure it is: invalid, absent, unavailable…
    kind: &'static str,
    /// One sentence
    message: String,
    /// Which part of the request is wrong
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    field: Option<Cow<'static, str>>,
}

impl Failure {
    /// A request that is wrong in `field`.
    pub(crate) fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message).about(field)
    }
    /// An element of a list that is no object.
    pub(crate) fn element() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", "this must be a JSON object")
    }
    /// Nothing is held. A kind of its own, so that no adapter with a wrong address takes [`Failure::no_route`] for it.
    pub(crate) fn absent() -> Self {
        Self::new(StatusCode::NOT_FOUND, "absent", "nothing is held for this user and campaign")
    }
    /// There is nothing at this address.
    pub(crate) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address; all routes begin with /v1/")
    }
    /// The address is right, the method is not one of `allowed`.
    pub(crate) fn method(allowed: &'static str) -> Self {
        let message = format!("this address takes {allowed}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).with(ALLOW, allowed)
    }
    /// The body is larger than `limit` bytes.
    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("the body must be at most {limit} bytes; /v1/import takes more");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message).about("body")
    }
    /// The body did not come.
    pub(crate) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not arrive in time").about("body")
    }
    /// Too much is going on.
    pub(crate) fn overloaded(what: Refused) -> Self {
        let message = match what {
            Refused::Connections => "too many connections; try again later",
            Refused::Requests => "too many requests are being answered; try again later",
            Refused::Transfers => "too many exports and imports are going on; try again later",
            Refused::BodyMemory => "the bodies of other requests take all the memory for them; try again later",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message).with(RETRY_AFTER, "1")
    }
    /// The same failure of one element of a list: `records[3]` or `line 7`.
    pub(crate) fn within(mut self, element: &str) -> Self {
        let explained = &mut self.0.body.error;
        explained.message = format!("{element}: {}", explained.message);
        explained.field = Some(match explained.field.take() {
            Some(field) => format!("{element}.{field}").into(),
            None => element.to_owned().into(),
        });
        self
    }
    /// What stands in the place of a failed element.
    pub(crate) fn into_body(self) -> Body {
        self.0.body
    }

    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        let error = Explained { kind, message: message.into(), field: None };
        Self(Box::new(Inner { status, body: Body { error }, header: None }))
    }
    fn about(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.0.body.error.field = Some(field.into());
        self
    }
    fn with(mut self, header: HeaderName, value: &'static str) -> Self {
        self.0.header = Some((header, HeaderValue::from_static(value)));
        self
    }
}

impl Body {
    /// Why, in one sentence.
    pub(crate) fn message(&self) -> &str {
        &self.error.message
    }
}

impl From<Error> for Failure {
    /// The store's error ends here, so this is where it is logged, unless the request itself was wrong.
    fn from(error: Error) -> Self {
        let (status, kind) = match error.kind() {
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
            ErrorKind::Corrupt => (StatusCode::INTERNAL_SERVER_ERROR, "corrupt"),
            ErrorKind::Refused => (StatusCode::SERVICE_UNAVAILABLE, "refused"),
            ErrorKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        if status.is_server_error() {
            let request = request_id::shown();
            tracing::warn!(%request, kind, cause = error.source().map(tracing::field::display), "{error}");
        }
        let failure = error.field().into_iter().fold(Self::new(status, kind, error.to_string()), Self::about);
        match status {
            StatusCode::SERVICE_UNAVAILABLE => failure.with(RETRY_AFTER, "1"),
            _ => failure,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Inner { status, body, header } = *self.0;
        let mut response = answer::json(status, &body);
        response.headers_mut().extend(header.map(|(name, value)| (Some(name), value)));
        response
    }
}
