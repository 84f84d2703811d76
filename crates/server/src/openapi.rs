//! `/openapi.json`: the paths stand at the handlers, the shapes of ours come from their types, and what is read and
//! shown field by field (records) stands in `openapi/schemas.rs`.
use crate::routes;
use serde_json::{Value, json};
use std::sync::LazyLock;
use utoipa::OpenApi;

pub(crate) mod parameters;
mod schemas;

/// The document, as it is answered.
pub(crate) static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut document = serde_json::to_value(Paths::openapi()).unwrap_or_default();
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        schemas.extend(schemas::schemas());
    }
    // An import of nothing is fine; every other body must be there.
    for (path, method, required) in BODIES {
        document["paths"][path][method]["requestBody"]["required"] = Value::Bool(required);
    }
    // Whatever is sent is taken as lines, and each wrong one is told in the answer.
    document["paths"]["/v1/import"]["post"]["requestBody"]["content"]["application/x-ndjson"]["schema"] =
        json!({"description": "One record a line, with its times"});
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
});

/// Which bodies there are, and whether they must be sent: the macros say so only for types of Rust.
const BODIES: [(&str, &str, bool); 4] = [
    ("/v1/users/{userId}/campaigns/{campaignKey}", "put", true),
    ("/v1/get", "post", true),
    ("/v1/set", "post", true),
    ("/v1/import", "post", false),
];

#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Stayput",
        description = "The User Storage Service: a variation belongs to the first writer, goals only grow.",
    ),
    paths(
        routes::assignment::get,
        routes::assignment::put,
        routes::assignment::remove,
        routes::user::get,
        routes::user::erase,
        routes::batch::get,
        routes::batch::set,
        routes::changes::changes,
        routes::transfer::export,
        routes::transfer::import,
        routes::health::live,
        routes::health::ready,
        routes::health::metrics,
        routes::health::openapi,
    ),
    tags(
        (name = "assignments", description = "What SDKs need"),
        (name = "operators", description = "What people and their tools need"),
    )
)]
struct Paths;
