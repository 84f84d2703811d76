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
    write(value, &mut bytes);
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What is held, as a record.
pub(crate) fn record(key: &Key, held: &Assignment) -> Response {
    tagged(json(StatusCode::OK, &Record::shown(key, held, Default::default())), held)
}

/// The body of [`record`] alone.
pub(crate) fn write_record(key: &Key, held: &Assignment, bytes: &mut Vec<u8>) {
    write(&Record::shown(key, held, Default::default()), bytes);
}

/// Appends the `ETag` of `held`: which claim put the variation there, and the revision.
pub(crate) fn write_tag(held: &Assignment, bytes: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.push(b'"');
    let digit = |shift: u32| DIGITS[(held.by.0 >> shift & 0xf) as usize];
    bytes.extend((0..16).rev().map(|at| digit(at * 4)));
    bytes.push(b'-');
    write_number(held.revision, bytes);
    bytes.push(b'"');
}

/// Appends `number`, decimal.
pub(crate) fn write_number(mut number: u64, bytes: &mut Vec<u8>) {
    let begin = bytes.len();
    loop {
        bytes.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = bytes.get_mut(begin..) {
        digits.reverse();
    }
}

/// `response` with the `ETag` of `held`.
pub(crate) fn tagged(mut response: Response, held: &Assignment) -> Response {
    let mut tag = Vec::with_capacity(24);
    write_tag(held, &mut tag);
    if let Ok(tag) = HeaderValue::try_from(tag) {
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

fn write(value: &impl Serialize, bytes: &mut Vec<u8>) {
    // Writing what we built ourselves to memory cannot fail; if it did, the client would see broken JSON.
    if let Err(error) = serde_json::to_writer(bytes, value) {
        tracing::error!(%error, "an answer could not be written as JSON");
    }
}

#[cfg(test)]
mod tests {
    use super::write_number;

    #[test]
    fn numbers_are_written_as_they_are_shown() {
        for number in [0, 1, 9, 10, 1_234_567_890, u64::MAX] {
            let mut bytes = b"x".to_vec();
            write_number(number, &mut bytes);
            assert_eq!(bytes, format!("x{number}").into_bytes());
        }
    }
}
