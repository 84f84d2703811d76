//! Answers, serialized straight to bytes.
use axum::body::Body;
use hyper::{
    StatusCode,
    header::{CONTENT_TYPE, ETAG, HeaderValue},
};
use serde::Serialize;
use stayput::{Assignment, Key, Record, Timestamp};

/// An answer of any route.
pub(crate) type Response = hyper::Response<Body>;

/// `value` as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(256);
    // Writing what we built ourselves to memory cannot fail; if it did, the client would see broken JSON.
    if let Err(error) = serde_json::to_writer(&mut bytes, value) {
        tracing::error!(%error, "an answer could not be written as JSON");
    }
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What is held, as a record.
pub(crate) fn record(key: &Key, held: &Assignment) -> Response {
    tagged(json(StatusCode::OK, &Record::shown(key, held, Default::default())), held)
}

/// `response` with the `ETag` of `held`: which claim put the variation there, and the revision.
pub(crate) fn tagged(mut response: Response, held: &Assignment) -> Response {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}-{}\"", held.by, held.revision)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Nothing to say: 204.
pub(crate) fn empty() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// `time` as people and other programs read it: RFC 3339 with milliseconds.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    // A Timestamp is never beyond the year 9999, which is what jiff can show.
    let time = jiff::Timestamp::from_millisecond(time.as_millis() as i64).unwrap_or_default();
    format!("{time:.3}")
}
