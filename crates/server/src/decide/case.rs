//! One line: a single call, or a sequence of calls over one storage; a bad line is answered too.
use super::{
    decider::{Answer, Decider, Reading},
    storage::Memory,
};
use serde::Deserialize;
use serde_json::Value;
use stayput_engine::Json;

/// All that is needed to say which line was bad.
#[derive(Deserialize)]
struct Named {
    id: Option<Value>,
}

/// Answers one line.
pub(super) fn answer(decider: &Decider, line: &[u8]) -> Json {
    let case = match Json::parse(line) {
        Ok(case) => case,
        Err(error) => {
            // A half of a surrogate pair is no text, but the id beside it may be.
            let id = serde_json::from_slice::<Named>(line).ok().and_then(|named| named.id);
            return refused(id.map(Json::from), &format!("the line is not JSON: {error}"));
        }
    };
    let id = case.get("id").cloned();
    let answered = match case.get("steps") {
        _ if case.as_object().is_none() => Err("a case is an object".to_owned()),
        None => single(decider, &case).map(|answer| answer.into_fields()),
        Some(Json::Array(steps)) => Ok(sequence(decider, &case, steps)),
        Some(_) => Err("steps is a list of cases".to_owned()),
    };
    match answered {
        Ok(fields) => object(id.map(|id| ("id", id)).into_iter().chain(fields)),
        Err(reason) => refused(id, &reason),
    }
}

fn single(decider: &Decider, case: &Json) -> Result<Answer, String> {
    let stored = |_: &str, campaign: &str| case.get("stored")?.get(campaign);
    decider.answer(
        case,
        launch(case),
        match case.get("getMode").and_then(Json::as_str) {
            Some("throws") => Reading::Fails,
            Some("promise") => Reading::Finds(&|_, _| None), // a promise is no record
            _ => Reading::Finds(&stored),
        },
    )
}

fn sequence(decider: &Decider, case: &Json, steps: &[Json]) -> Vec<(&'static str, Json)> {
    let mut memory = Memory::new(case.get("store").and_then(Json::as_str) == Some("union"));
    let mut answers = Vec::with_capacity(steps.len());
    for step in steps {
        let answer = decider.answer(step, launch(case), Reading::Finds(&|user, campaign| memory.find(user, campaign)));
        answers.push(match answer {
            Ok(answer) => {
                answer.sets.iter().for_each(|set| memory.set(set));
                object(answer.into_fields())
            }
            Err(reason) => refused(None, &reason),
        });
    }
    vec![("answers", Json::Array(answers)), ("final", Json::Array(memory.into_records()))]
}

/// How the client was launched, and whether with a storage.
fn launch(case: &Json) -> (Option<&Json>, bool) {
    (case.get("launch"), case.get("uss") != Some(&Json::Bool(false)))
}

fn refused(id: Option<Json>, reason: &str) -> Json {
    object(id.map(|id| ("id", id)).into_iter().chain([("error", reason.into())]))
}

fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Json)>) -> Json {
    Json::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
