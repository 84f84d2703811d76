//! `GET /v1/changes`: what changes, as long as the client listens.
use crate::{
    answer::Response,
    app::App,
    failure::{self, Result},
    query::Query,
};
use axum::{body::Body, extract::State};
use bytes::Bytes;
use futures_util::stream;
use hyper::{
    Uri,
    header::{CONTENT_TYPE, HeaderValue},
};
use stayput::{Change, Changes};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How often a client hears something, so that it knows a silent connection from a quiet day.
const BEAT: Duration = Duration::from_secs(1);

/// One line a change, for whoever keeps copies; it does not end.
///
/// `{"scope","userId"}` when something about a user may have changed, `{"everything":true}` when anything may have, and
/// an empty line at the beginning and each second. Copies made before the first line may be outdated.
#[utoipa::path(
    get,
    path = "/v1/changes",
    operation_id = "changes",
    tag = "operators",
    responses(
        (status = 200, description = "One change a line, without end", body = String,
            content_type = "application/x-ndjson"),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
    )
)]
pub(crate) async fn changes(State(app): State<Arc<App>>, uri: Uri) -> Result<Response> {
    Query::parse(&uri)?.finish()?;
    let lines = stream::unfold(
        (Bytes::from_static(b"\n"), app.changes.listen(), app.stopping.subscribe()),
        |(first, mut changes, mut stop)| async move {
            let line = match first.is_empty() {
                true => tokio::select! {
                    line = next(&mut changes) => line?,
                    _ = stop.wait_for(|stop| *stop) => return None,
                },
                false => first,
            };
            Some((Ok::<_, std::convert::Infallible>(line), (Bytes::new(), changes, stop)))
        },
    );
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

async fn next(changes: &mut Changes) -> Option<Bytes> {
    let line = match timeout(BEAT, changes.next()).await {
        Err(_) => return Some(Bytes::from_static(b"\n")),
        Ok(None) => return None,
        Ok(Some(Change::Everything)) => br#"{"everything":true}"#.to_vec(),
        Ok(Some(Change::User(user))) => match serde_json::to_vec(&user) {
            Ok(line) => line,
            Err(error) => {
                tracing::error!(%error, "a change could not be written");
                br#"{"everything":true}"#.to_vec()
            }
        },
    };
    Some([&line[..], b"\n"].concat().into())
}
