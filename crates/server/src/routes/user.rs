//! `/v1/users/{userId}`: everything about one user.
use crate::{
    answer::{self, Response},
    app::App,
    failure::{Failure, Result},
    query::Query,
};
use hyper::{StatusCode, Uri};
use serde::Serialize;
use stayput::{Entry, Kind, Record, Timestamp, User};

/// `GET`: the records of one kind, none for an unknown user.
pub(super) async fn get(app: &App, id: &str, uri: &Uri) -> Result<Response> {
    let mut query = Query::parse(uri)?;
    let (scope, kind) = (query.scope(app)?, query.kind()?);
    query.finish()?;
    let user = User::new(&scope, id)?;
    let entries = app.store.user(&user).await?;
    Ok(answer::json(StatusCode::OK, &shown(&user, kind, &entries)))
}

/// `DELETE`: erases the user, both kinds, and answers a receipt.
pub(super) async fn erase(app: &App, id: &str, uri: &Uri) -> Result<Response> {
    let mut query = Query::parse(uri)?;
    let scope = query.scope(app)?;
    if query.has("kind") {
        return Err(Failure::invalid("kind", "erasing a user takes no kind: both are erased"));
    }
    query.finish()?;
    let user = User::new(&scope, id)?;
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Receipt<'a> {
    user_id: &'a str,
    scope: &'a str,
    erased: u64,
    erased_at: String,
}
