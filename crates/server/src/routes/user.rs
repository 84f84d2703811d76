//! `/v1/users/{userId}`: everything about one user.
use crate::{
    answer::{self, Response},
    app::App,
    failure::{self, Failure, Result},
    openapi::parameters,
    query::Query,
};
use hyper::{StatusCode, Uri};
use serde::Serialize;
use stayput::{Entry, Kind, Record, Timestamp, User};
use utoipa::ToSchema;

/// `GET`: the records of one kind, none for an unknown user.
#[utoipa::path(
    get,
    path = "/v1/users/{userId}",
    operation_id = "user",
    tag = "operators",
    params(parameters::User, parameters::Scope, parameters::Family),
    responses(
        (status = 200, description = "All campaigns of the user", body = Everything),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(super) async fn get(app: &App, id: &str, uri: &Uri) -> Result<Response> {
    let mut query = Query::parse(uri)?;
    let (scope, kind) = (query.scope(app)?, query.kind()?);
    query.finish()?;
    let user = User::new(&scope, id)?;
    let _working = app.enter()?;
    let entries = app.store.user(&user).await?;
    Ok(answer::json(StatusCode::OK, &shown(&user, kind, &entries)))
}

/// `DELETE`: erases the user, both kinds, and answers a receipt.
#[utoipa::path(
    delete,
    path = "/v1/users/{userId}",
    operation_id = "forget",
    tag = "operators",
    params(parameters::User, parameters::Scope),
    responses(
        (status = 200, description = "What was erased", body = Receipt<'static>),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(super) async fn erase(app: &App, id: &str, uri: &Uri) -> Result<Response> {
    let mut query = Query::parse(uri)?;
    let scope = query.scope(app)?;
    if query.has("kind") {
        return Err(Failure::invalid("kind", "erasing a user takes no kind: both are erased"));
    }
    query.finish()?;
    let user = User::new(&scope, id)?;
    let _working = app.enter()?;
    let erased = app.store.erase(&user).await?;
    Ok(answer::json(StatusCode::OK, &receipt(&user, erased, app.clock.now())))
}

/// `{"userId","campaigns":[record…]}`.
pub(crate) fn shown<'a>(user: &'a User, kind: Kind, entries: &'a [Entry]) -> impl Serialize + 'a {
    let of_kind = entries.iter().filter(move |entry| entry.key.kind() == kind);
    let campaigns = of_kind.map(|entry| Record::shown(&entry.key, &entry.assignment, Default::default())).collect();
    Shown { user_id: user.id(), campaigns }
}

/// What was erased, where and when, for the files of whoever asked.
pub(crate) fn receipt(user: &User, erased: u64, now: Timestamp) -> impl Serialize + '_ {
    Receipt { user_id: user.id(), scope: user.scope().as_str(), erased, erased_at: answer::rfc3339(now) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a, R> {
    user_id: &'a str,
    campaigns: Vec<R>,
}

/// All campaigns of one user.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct Everything {
    user_id: String,
    #[schema(value_type = Vec<Object>)]
    campaigns: Vec<Record>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt<'a> {
    user_id: &'a str,
    scope: &'a str,
    erased: u64,
    erased_at: String,
}
