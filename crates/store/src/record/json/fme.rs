//! Records of FME: `featureKey`, ids of a rollout and an experiment, and lists of holdouts.
//!
//! Field names are those of VWO's pages about FME's storage connectors and of vwo-fme-python-sdk 1.65, which says null
//! where vwo-fme-node-sdk says nothing.
use super::super::{Goal, Name, fme};
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::fmt::Write;

/// Every list of holdouts.
const LISTS: [&str; 3] = [fme::CLEARED[0], fme::STAYING, fme::CLEARED[1]];
const ROLLOUT: [&str; 3] = ["rolloutId", "rolloutKey", "rolloutVariationId"];
const EXPERIMENT: [&str; 3] = ["experimentId", "experimentKey", "experimentVariationId"];

/// Takes the lists of holdouts out of a record, each holdout named with its list.
pub(super) fn take_holdouts(fields: &mut Map<String, Value>) -> Result<Vec<Name>> {
    let mut holdouts = Vec::new();
    for list in LISTS {
        let ids = match fields.remove(list) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(ids)) => ids,
            Some(id) => vec![id],
        };
        for id in ids {
            if !(id.is_number() || id.is_string()) {
                return Err(Error::invalid(list, format!("{list} must be a list of numbers or strings")));
            }
            let too_long = |_| Error::invalid(list, format!("an id in {list} is too long"));
            let holdout = Name::goal(&format!("{list}:{id}")).map_err(too_long)?;
            if !holdouts.contains(&holdout) {
                holdouts.push(holdout);
            }
        }
    }
    Ok(holdouts)
}

/// The lists that `goals` are the holdouts of, and the goals that are none.
pub(super) fn lists<'a>(goals: impl Iterator<Item = &'a Goal>) -> (Vec<(&'static str, Vec<Value>)>, Vec<&'a Goal>) {
    let mut lists = LISTS.map(|list| (list, Vec::new()));
    let mut others = Vec::new();
    for goal in goals {
        let holdout = goal.name.split_once(':').and_then(|(list, id)| {
            let place = lists.iter_mut().find(|(name, _)| *name == list)?;
            Some((place, serde_json::from_str::<Value>(id).ok()?))
        });
        match holdout {
            Some(((_, ids), id)) => ids.push(id),
            None => others.push(goal),
        }
    }
    (lists.into_iter().filter(|(_, ids)| !ids.is_empty()).collect(), others)
}

/// The identity of the decision that a record says, or that it says none.
pub(super) fn identity(fields: &Map<String, Value>) -> Result<Name> {
    let (rollout, experiment) = (part(fields, ROLLOUT), part(fields, EXPERIMENT)?);
    // SDKs set a rollout without its variation if there is an experiment.
    let rollout = if experiment.is_some() { rollout.unwrap_or(None) } else { rollout? };
    let mut identity = String::new();
    if let Some(rollout) = rollout {
        identity = format!("{}{rollout}", fme::ROLLOUT);
    }
    if let Some(experiment) = experiment {
        identity.extend((!identity.is_empty()).then_some(fme::AND));
        identity.push_str(fme::EXPERIMENT);
        identity.push_str(&experiment);
    }
    let identity = if identity.is_empty() { fme::NONE } else { &identity };
    Name::variation(identity).map_err(|_| Error::invalid("rolloutId", "the ids of rollout and experiment are too long"))
}

/// `ID:VARIATION`.
fn part(fields: &Map<String, Value>, [id, key, variation]: [&'static str; 3]) -> Result<Option<String>> {
    let (named, variation_id) = (spelled(fields, id)?.or(spelled(fields, key)?), spelled(fields, variation)?);
    match (named, variation_id) {
        (None, None) => Ok(None),
        (Some(named), Some(variation_id)) => Ok(Some(format!("{named}:{variation_id}"))),
        (Some(_), None) => Err(super::missing(variation)),
        (None, Some(_)) => Err(super::missing(id)),
    }
}

/// An id as a part of an identity: the number 7 and the text "7" are one.
fn spelled(fields: &Map<String, Value>, name: &'static str) -> Result<Option<String>> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => {
            let mut spelled = String::new();
            for byte in text.bytes() {
                let _ = match byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
                    true => write!(spelled, "{}", char::from(byte)),
                    false => write!(spelled, "%{byte:02X}"),
                };
            }
            Ok(Some(spelled))
        }
        Some(_) => Err(Error::invalid(name, format!("{name} must be a whole number or a string"))),
    }
}
