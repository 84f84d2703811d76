//! Forced variations: whom a campaign's settings show a variation whatever the buckets say.
use crate::{
    bucket::{Range, allocate_numbers, forced_bucket},
    js::{self, Thrown},
    json::Json,
    request::Context,
    segments::Variables,
    settings::{Campaign, Settings, Variation},
};

/// How lists of users name this one, for the campaign that was called.
#[derive(Debug)]
pub(crate) enum Listed<'a> {
    Id(&'a str),
    Uuid(String),
}

impl<'a> Listed<'a> {
    pub(crate) fn new(settings: &Settings, campaign: &Campaign, user: &'a str) -> Self {
        if campaign.lists_uuids { Self::Uuid(settings.vwo_uuid(user)) } else { Self::Id(user) }
    }
    fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Uuid(uuid) => uuid,
        }
    }
}

/// The variation that is forced on the user.
pub(crate) fn forced<'a>(
    settings: &Settings,
    campaign: &'a Campaign,
    context: &Context<'_>,
    listed: &Listed<'_>,
) -> Result<Option<&'a Variation>, Thrown> {
    if !campaign.forces {
        return Ok(None);
    }
    if campaign.variations_are_odd.is_some() {
        return Err(Thrown("variations is no list"));
    }
    let variables = Variables::targeting(context.targeting_variables, listed.as_str());
    let matches = |variation: &&Variation| variation.forced_on.as_ref().is_some_and(|on| on.matches(variables));
    let mut matching = campaign.variations.iter().filter(matches);
    let (Some(first), second) = (matching.next(), matching.next()) else { return Ok(None) };
    let Some(second) = second else { return Ok(Some(first)) };
    let several: Vec<&Variation> = [first, second].into_iter().chain(matching).collect();
    let weights: Vec<_> = several.iter().map(|variation| variation.weight.as_ref()).collect();
    let bucket = forced_bucket(settings, campaign, context.user);
    let ranges = allocate_numbers(scaled(&weights).into_iter());
    Ok(several
        .into_iter()
        .zip(ranges)
        .find(|(_, range): &(_, Range)| range.contains(bucket))
        .map(|(variation, _)| variation))
}

/// The weights, scaled so that they add up to 100.
fn scaled(weights: &[Option<&Json>]) -> Vec<f64> {
    let total = total(weights);
    let even = 100.0 / weights.len() as f64;
    let number = |weight: &Option<&Json>| weight.map_or(f64::NAN, js::number);
    match total == 0.0 || total.is_nan() {
        true => vec![even; weights.len()],
        false => weights.iter().map(|weight| number(weight) / total * 100.0).collect(),
    }
}

/// Their sum, which in JavaScript turns into a text at the first weight that is one.
fn total(weights: &[Option<&Json>]) -> f64 {
    let (mut sum, mut written) = (0.0, None::<String>);
    for weight in weights {
        match (weight, &mut written) {
            (weight, Some(text)) => text.push_str(&weight.map_or_else(|| "undefined".to_owned(), spelled)),
            (None, None) => sum = f64::NAN,
            (Some(weight @ (Json::String(_) | Json::Array(_) | Json::Object(_))), None) => {
                written = Some(js::number_text(sum) + &spelled(weight));
            }
            (Some(weight), None) => sum += js::number(weight),
        }
    }
    written.map_or(sum, |text| js::number(&Json::String(text)))
}

fn spelled(weight: &Json) -> String {
    js::text(weight).unwrap_or_default()
}
