//! Bodies of requests: bounded in size and time, and read as JSON whatever their Content-Type says.
use crate::{
    app::App,
    failure::{Failure, Result},
    load::NoRoom,
    metrics::Refused,
};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::error::Error;
use tokio::time::timeout;

/// How much of a body that is too large is read before it is refused: many clients send all before they listen.
const DISCARDED: usize = 16 * 1024 * 1024;

/// The whole body, at most `limit` bytes.
pub(crate) async fn bytes(app: &App, body: Body, limit: usize) -> Result<Bytes> {
    let collected = timeout(app.limits.body_time, collect(app, body, limit)).await;
    collected.unwrap_or_else(|_| Err(Failure::too_slow()))
}

/// The body as a JSON object.
pub(crate) async fn object(app: &App, body: Body) -> Result<Map<String, Value>> {
    match serde_json::from_slice(&bytes(app, body, app.limits.body_limit).await?) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Failure::invalid("body", "the body must be a JSON object")),
        Err(error) => Err(Failure::invalid("body", format!("the body is not JSON: {error}"))),
    }
}

/// The body as a value of ours; only where it is, not what, a wrong part is told, for it may be a user id.
pub(crate) async fn value<T: DeserializeOwned>(app: &App, body: Body, limit: usize) -> Result<T> {
    serde_json::from_slice(&bytes(app, body, limit).await?).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::invalid("body", format!("the body is not what this route takes, from line {line} column {column} on"))
    })
}

/// The next part of `body`; `None` at its end.
pub(crate) async fn chunk(app: &App, body: &mut Body) -> Result<Option<Bytes>> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) if is_no_room(&error) => return Err(app.load.refused(Refused::BodyMemory)),
            Some(Err(_)) => return Err(Failure::invalid("body", "the body ended before it was complete")),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

async fn collect(app: &App, mut body: Body, limit: usize) -> Result<Bytes> {
    let mut collected = BytesMut::new();
    let mut length = 0;
    while let Some(data) = chunk(app, &mut body).await? {
        length += data.len();
        if length <= limit {
            collected.extend_from_slice(&data);
        } else if length > limit + DISCARDED {
            break;
        }
    }
    if length > limit { Err(Failure::too_large(limit)) } else { Ok(collected.freeze()) }
}

fn is_no_room(error: &(dyn Error + 'static)) -> bool {
    error.is::<NoRoom>() || error.source().is_some_and(is_no_room)
}
