//! `POST /v1/get` and `/v1/set`: several assignments in one round trip, answered in order.
//!
//! A request that is wrong in any part is refused as a whole with 400 and changes nothing. What the store cannot do
//! afterwards is told per element, `{"error":…}` in its place; if nothing at all succeeded, the request failed.
use crate::{
    answer::{self, Response},
    app::App,
    body,
    claiming::{self, Wish},
    each,
    failure::{self, Failure, Result},
    openapi::parameters,
    query::Query,
};
use axum::{body::Body, extract::State};
use hyper::{StatusCode, Uri};
use serde::Serialize;
use serde_json::{Map, Value};
use stayput::{Key, Kind, Offer, Record, Scope, distinct};
use std::sync::Arc;
use utoipa::ToSchema;

/// `{"keys":[{"userId","campaignKey"}…]}` → `{"records":[record|null…]}`.
#[utoipa::path(
    post,
    path = "/v1/get",
    operation_id = "get_batch",
    tag = "assignments",
    params(parameters::Scope, parameters::Family),
    request_body(content = ref("#/components/schemas/Keys"), content_type = "application/json"),
    responses(
        (status = 200, description = "In order, and null where nothing is held", body = Got),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 413, description = "The body is too large", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(crate) async fn get(State(app): State<Arc<App>>, uri: Uri, body: Body) -> Result<Response> {
    let (scope, kind) = place(&app, &uri)?;
    let elements = elements(&app, "keys", body).await?;
    let keys = parsed("keys", elements, |fields| key(fields, &scope, kind))?;
    let _working = app.enter()?;
    let results = all_but_failed(each::get(&*app.store, &keys).await)?;
    let shown = keys.iter().zip(&results).map(|(key, result)| match result {
        Ok(held) => Element::Done(held.as_ref().map(|held| Record::shown(key, held, Default::default()))),
        Err(failure) => Element::Failed(failure),
    });
    Ok(answer::json(StatusCode::OK, &Records { records: shown.collect() }))
}

/// `{"records":[record…]}`, each with `over`, `overBy` and `claimId` if wanted → `{"results":[…]}`.
#[utoipa::path(
    post,
    path = "/v1/set",
    operation_id = "set_batch",
    tag = "assignments",
    params(parameters::Scope, parameters::Family),
    request_body(content = ref("#/components/schemas/Claims"), content_type = "application/json"),
    responses(
        (status = 200, description = "In order", body = Done),
        (status = 400, description = "Something is wrong with the request", body = failure::Body),
        (status = 413, description = "The body is too large", body = failure::Body),
        (status = 503, description = "The store cannot be asked now, or too much is going on", body = failure::Body),
        (status = "default", description = "Another failure", body = failure::Body),
    )
)]
pub(crate) async fn set(State(app): State<Arc<App>>, uri: Uri, body: Body) -> Result<Response> {
    let (scope, kind) = place(&app, &uri)?;
    let elements = elements(&app, "records", body).await?;
    let now = app.clock.now();
    let offers = parsed("records", elements, |fields| -> stayput::Result<Offer> {
        let wish = Wish::parse(kind, fields)?;
        let key = wish.record.key(&scope, kind)?;
        wish.offer(key, now)
    })?;
    distinct(offers.iter().map(|offer| &offer.key))?;
    let _working = app.enter()?;
    let results = all_but_failed(each::claim(&*app.store, &offers).await)?;
    let shown = offers.iter().zip(&results).map(|(offer, result)| match result {
        Ok(claimed) => Element::Done(claiming::answer(&offer.key, claimed)),
        Err(failure) => Element::Failed(failure),
    });
    Ok(answer::json(StatusCode::OK, &Results { results: shown.collect() }))
}

#[derive(Serialize)]
struct Records<T> {
    records: Vec<T>,
}
#[derive(Serialize)]
struct Results<T> {
    results: Vec<T>,
}
#[derive(Serialize)]
#[serde(untagged)]
enum Element<'a, T> {
    Done(T),
    Failed(&'a failure::Body),
}

/// One for each key, in order; null where nothing is held.
#[derive(ToSchema)]
#[schema(as = Records)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct Got {
    #[schema(value_type = Vec<Option<Object>>)]
    records: Vec<Option<Record>>,
}
/// One for each record, in order.
#[derive(ToSchema)]
#[schema(as = Results)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct Done {
    results: Vec<ToldOrFailed>,
}
/// What came of a claim, or why it failed.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Result)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum ToldOrFailed {
    Told(claiming::Told),
    Failed(failure::Body),
}

fn place(app: &App, uri: &Uri) -> Result<(Scope, Kind)> {
    let mut query = Query::parse(uri)?;
    let place = (query.scope(app)?, query.kind()?);
    query.finish()?;
    Ok(place)
}

/// The one field of the body, a list.
async fn elements(app: &App, name: &'static str, body: Body) -> Result<Vec<Value>> {
    let mut fields = body::object(app, body).await?;
    let elements = match fields.remove(name) {
        Some(Value::Array(elements)) => elements,
        Some(_) => return Err(Failure::invalid(name, format!("{name} must be a list"))),
        None => return Err(Failure::invalid(name, format!("{name} is missing"))),
    };
    if let Some(other) = fields.keys().next() {
        let other: String = other.chars().take(40).collect();
        let message = format!("the body has a field \"{other}\"; it takes only {name}");
        return Err(Failure::invalid(other, message));
    }
    let limit = app.limits.batch_limit;
    if elements.len() > limit {
        let message = format!("{name} must be at most {limit} in one request, not {}", elements.len());
        return Err(Failure::invalid(name, message));
    }
    Ok(elements)
}

/// Every element read by `parse`; an error says which one is wrong.
fn parsed<T, E: Into<Failure>>(
    name: &str,
    elements: Vec<Value>,
    parse: impl Fn(Map<String, Value>) -> Result<T, E>,
) -> Result<Vec<T>> {
    let parse = |(at, element)| {
        let result = match element {
            Value::Object(fields) => parse(fields).map_err(Into::into),
            _ => Err(Failure::element()),
        };
        result.map_err(|failure: Failure| failure.within(&format!("{name}[{at}]")))
    };
    elements.into_iter().enumerate().map(parse).collect()
}

fn key(mut fields: Map<String, Value>, scope: &Scope, kind: Kind) -> Result<Key> {
    let text = |fields: &mut Map<String, Value>, name: &'static str| match fields.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Failure::invalid(name, format!("{name} must be a string"))),
        None => Err(Failure::invalid(name, format!("{name} is missing"))),
    };
    let has_feature = kind == Kind::Fme && fields.contains_key("featureKey");
    let name = if has_feature { "featureKey" } else { "campaignKey" };
    let (user, campaign) = (text(&mut fields, "userId")?, text(&mut fields, name)?);
    match fields.keys().next() {
        Some(_) => Err(Failure::invalid("keys", format!("a key has only userId and {name}"))),
        None => Ok(Key::new(scope, kind, &user, &campaign)?),
    }
}

/// The bodies of the failures among `results`, unless all failed.
fn all_but_failed<T>(results: Vec<stayput::Result<T>>) -> Result<Vec<Result<T, failure::Body>>> {
    let none = results.iter().all(|result| result.is_err());
    let explained = |result: stayput::Result<T>| result.map_err(Failure::from);
    match none {
        true => results.into_iter().map(|result| Ok(Ok(explained(result)?))).collect(),
        false => Ok(results.into_iter().map(|result| explained(result).map_err(Failure::into_body)).collect()),
    }
}
