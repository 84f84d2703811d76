//! `docs/api.md`, from the OpenAPI document.
use crate::openapi::DOCUMENT;
use serde_json::Value;
use std::fmt::Write;

const HEAD: &str = "\
# HTTP API

Written from [`openapi.json`](openapi.json), which a running server answers at `/openapi.json`. JSON is read whatever
its Content-Type. A failed request is answered `{\"error\":{\"kind\",\"message\",\"field\"?}}`; 503 comes with
`Retry-After`. `x-request-id` (1 to 64 letters, digits, `-`, `_`, `.`) is taken from a request and comes back with its
answer and in the log; requests without one get one, except plain reads of one assignment.
";

/// The document.
pub fn openapi() -> String {
    DOCUMENT.clone()
}

/// The page.
pub fn api() -> String {
    let document: Value = serde_json::from_str(&DOCUMENT).unwrap_or_default();
    let mut page = String::from(HEAD);
    for (path, methods) in fields(&document["paths"]) {
        for (method, operation) in fields(methods) {
            let _ = write!(page, "\n## {} {path}\n\n{}\n\n", method.to_uppercase(), text(&operation["summary"]));
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
                let (shape, about) = (shape(&parameter["schema"]), text(&parameter["description"]));
                let _ = writeln!(page, "- `{name}` ({place}): {shape}. {about}.");
            }
            for (_, content) in fields(&operation["requestBody"]["content"]) {
                let _ = writeln!(page, "- body: {}", shape(&content["schema"]));
            }
            let _ = write!(page, "\n| status | | |\n|---|---|---|\n");
            for (status, response) in fields(&operation["responses"]) {
                let shapes: Vec<String> =
                    fields(&response["content"]).map(|(_, content)| shape(&content["schema"])).collect();
                let _ = writeln!(page, "| {status} | {} | {} |", text(&response["description"]), shapes.join(", "));
            }
        }
    }
    page.push_str("\n# Shapes\n");
    for (name, schema) in fields(&document["components"]["schemas"]) {
        let _ = write!(page, "\n## {name}\n\n{}\n\n", text(&schema["description"]));
        for (field, of) in fields(&schema["properties"]) {
            let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == field));
            let (shape, optional) = (shape(of), if required { "" } else { ", optional" });
            let _ = writeln!(page, "- `{field}`: {shape}{optional}. {}", text(&of["description"]));
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let choices: Vec<String> = choices.iter().map(shape).collect();
            let _ = writeln!(page, "{}", choices.join(" or "));
        }
    }
    let lines: Vec<&str> = page.lines().map(str::trim_end).collect();
    let page = lines.join("\n") + "\n";
    page.replace("\n\n\n", "\n\n")
}

/// What a value must be, in a few words.
fn shape(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(shape).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| format!("`{}`", text(value))).collect::<Vec<_>>().join(" or ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind).to_owned(),
    };
    match (kind.as_str(), schema["maxLength"].as_u64()) {
        ("", _) => "any JSON".to_owned(),
        ("array", _) => format!("list of {}", shape(&schema["items"])),
        (_, Some(longest)) => format!("{kind}, at most {longest} bytes"),
        _ => kind,
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default().trim_end_matches('.')
}
