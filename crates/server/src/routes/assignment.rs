//! `/v1/users/{userId}/campaigns/{campaignKey}`: one assignment.
use crate::{
    answer::{self, Response},
    app::App,
    body,
    claiming::{self, Wish},
    failure::{self, Failure, Result},
    openapi::parameters,
    query::Query,
};
use axum::body::Body;
use hyper::{StatusCode, Uri};
use stayput::{Assignment, AssignmentStoreExt, Key};
use std::slice;

/// `GET`: the record, or 404.
#[utoipa::path(
    get,
    path = "/v1/users/{userId}/campaigns/{campaignKey}",
    operation_id = "get",
    tag = "assignments",
    params(parameters::User, parameters::Campaign, parameters::Scope, parameters::Family),
    responses(
        (status = 200, description = "What is held", body = ref("#/components/schemas/Record"),
            headers(("ETag" = String, description = "Who put the variation there, and the revision"))),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 404, description = "Nothing is held", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(crate) async fn get(app: &App, place: (&str, &str), uri: &Uri) -> Result<Response> {
    let (key, held) = held(app, place, uri).await?;
    Ok(answer::record(&key, &held))
}

/// What `GET` answers with, not yet as bytes.
pub(crate) async fn held(app: &App, place: (&str, &str), uri: &Uri) -> Result<(Key, Assignment)> {
    let key = key(app, place, uri)?;
    let _working = app.enter()?;
    match app.store.get_one(&key).await? {
        Some(held) => Ok((key, held)),
        None => Err(Failure::absent()),
    }
}

/// `PUT`: claims, and tells what is held now.
#[utoipa::path(
    put,
    path = "/v1/users/{userId}/campaigns/{campaignKey}",
    operation_id = "set",
    tag = "assignments",
    params(parameters::User, parameters::Campaign, parameters::Scope, parameters::Family),
    request_body(content = ref("#/components/schemas/Claim"), content_type = "application/json"),
    responses(
        (status = 200, description = "What came of it", body = claiming::Told,
            headers(("ETag" = String, description = "Who put the variation there, and the revision"))),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 413, description = "The body is too large", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(crate) async fn put(app: &App, place: (&str, &str), uri: &Uri, body: Body) -> Result<Response> {
    let key = key(app, place, uri)?;
    let wish = Wish::parse(key.kind(), body::object(app, body).await?)?;
    wish.record.must_match(&key)?;
    let offer = wish.offer(key, app.clock.now())?;
    let _working = app.enter()?;
    let claimed = app.store.claim_one(&offer).await?;
    let response = answer::json(StatusCode::OK, &claiming::answer(&offer.key, &claimed));
    Ok(claimed.held.iter().fold(response, answer::tagged))
}

/// `DELETE`: forgets it, also when nothing was held.
#[utoipa::path(
    delete,
    path = "/v1/users/{userId}/campaigns/{campaignKey}",
    operation_id = "remove",
    tag = "assignments",
    params(parameters::User, parameters::Campaign, parameters::Scope, parameters::Family),
    responses(
        (status = 204, description = "Nothing is held any more"),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(crate) async fn remove(app: &App, place: (&str, &str), uri: &Uri) -> Result<Response> {
    let key = key(app, place, uri)?;
    let _working = app.enter()?;
    app.store.remove(slice::from_ref(&key)).await?;
    Ok(answer::empty())
}

fn key(app: &App, (user, campaign): (&str, &str), uri: &Uri) -> Result<Key> {
    let mut query = Query::parse(uri)?;
    let key = Key::new(&query.scope(app)?, query.kind()?, user, campaign)?;
    query.finish()?;
    Ok(key)
}
