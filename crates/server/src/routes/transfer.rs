//! `GET /v1/export` and `POST /v1/import`: everything of a scope as NDJSON, streamed.
use crate::{
    answer::{self, Response},
    app::App,
    body,
    export::Export,
    failure::{self, Failure, Result},
    import::{Import, Report},
    lines::Lines,
    openapi::parameters,
    query::Query,
};
use axum::{body::Body, extract::State};
use bytes::Bytes;
use futures_util::stream;
use hyper::{
    StatusCode, Uri,
    header::{CONTENT_TYPE, HeaderValue},
};
use std::sync::Arc;
use tokio::time::timeout;

/// Both kinds, one assignment a line. A failure after the first page cuts the answer off, so that no client takes it
/// for complete.
#[utoipa::path(
    get,
    path = "/v1/export",
    operation_id = "export",
    tag = "operators",
    params(parameters::Scope),
    responses(
        (status = 200, description = "One record a line, with its times", body = String,
            content_type = "application/x-ndjson"),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(crate) async fn export(State(app): State<Arc<App>>, uri: Uri) -> Result<Response> {
    let mut query = Query::parse(&uri)?;
    let scope = query.scope(&app)?;
    query.finish()?;
    let transfer = app.load.transfer()?;
    let mut export = Export::new(app.store.clone(), scope);
    let first = export.next().await?;
    let pages = stream::try_unfold((first, export, transfer), |(first, mut export, transfer)| async move {
        let chunk = match first {
            Some(first) => Some(first),
            None => export.next().await.inspect_err(|error| tracing::warn!("an export was cut off: {error}"))?,
        };
        Ok::<_, stayput::Error>(chunk.map(|chunk| (Bytes::from(chunk.text), (None, export, transfer))))
    });
    let mut response = Response::new(Body::from_stream(pages));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// Claims every line, or puts it with `?overwrite=true`, and answers what became of them.
#[utoipa::path(
    post,
    path = "/v1/import",
    operation_id = "import",
    tag = "operators",
    params(parameters::Scope, parameters::Overwrite),
    request_body(content = String, content_type = "application/x-ndjson", description = "The lines of an export"),
    responses(
        (status = 200, description = "What became of the lines", body = Report),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(crate) async fn import(State(app): State<Arc<App>>, uri: Uri, mut body: Body) -> Result<Response> {
    let mut query = Query::parse(&uri)?;
    let (scope, overwrite) = (query.scope(&app)?, query.flag("overwrite")?);
    query.finish()?;
    let _transfer = app.load.transfer()?;
    let (mut import, mut lines) = (Import::new(App::clone(&app), scope, overwrite), Lines::default());
    while let Some(chunk) =
        timeout(app.limits.body_time, body::chunk(&app, &mut body)).await.map_err(|_| Failure::too_slow())??
    {
        let mut rest = &*chunk;
        while let Some(line) = lines.next(&mut rest) {
            import.line(line).await?;
        }
    }
    if let Some(line) = lines.last() {
        import.line(line).await?;
    }
    Ok(answer::json(StatusCode::OK, &import.finish().await?))
}
