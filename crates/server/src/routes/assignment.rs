//! `/v1/users/{userId}/campaigns/{campaignKey}`: one assignment.
use crate::{
    answer::{self, Response},
    app::App,
    body,
    claiming::{self, Wish},
    failure::{Failure, Result},
    query::Query,
};
use axum::body::Body;
use hyper::{StatusCode, Uri};
use stayput::{AssignmentStoreExt, Key};
use std::slice;

/// `GET`: the record, or 404.
pub(crate) async fn get(app: &App, place: (&str, &str), uri: &Uri) -> Result<Response> {
    let key = key(app, place, uri)?;
    match app.store.get_one(&key).await? {
        Some(held) => Ok(answer::record(&key, &held)),
        None => Err(Failure::absent()),
    }
}

/// `PUT`: claims, and tells what is held now.
pub(super) async fn put(app: &App, place: (&str, &str), uri: &Uri, body: Body) -> Result<Response> {
    let key = key(app, place, uri)?;
    let wish = Wish::parse(body::object(body).await?)?;
    wish.record.must_match(&key)?;
    let offer = wish.offer(key, app.clock.now())?;
    let claimed = app.store.claim_one(&offer).await?;
    let response = answer::json(StatusCode::OK, &claiming::answer(&offer.key, &claimed));
    Ok(claimed.held.iter().fold(response, answer::tagged))
}

/// `DELETE`: forgets it, also when nothing was held.
pub(super) async fn remove(app: &App, place: (&str, &str), uri: &Uri) -> Result<Response> {
    let key = key(app, place, uri)?;
    app.store.remove(slice::from_ref(&key)).await?;
    Ok(answer::empty())
}

fn key(app: &App, (user, campaign): (&str, &str), uri: &Uri) -> Result<Key> {
    let mut query = Query::parse(uri)?;
    let key = Key::new(&query.scope(app)?, query.kind()?, user, campaign)?;
    query.finish()?;
    Ok(key)
}
