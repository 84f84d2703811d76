//! From a hash to a bucket, from weights to ranges, and from a user to a variation.
use crate::{
    hash::hash,
    js,
    json::Json,
    settings::{Campaign, Settings, Variation},
};

/// Where a variation or a campaign lies among the buckets; both ends count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// First bucket, or -1.
    pub start: f64,
    /// Last bucket, or -1.
    pub end: f64,
}

/// How a campaign's settings say that users are spread over variations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Draw {
    /// The bucket, up to 10,000 and slightly beyond in the oldest mode.
    pub(crate) bucket: f64,
    /// 1 except in the oldest mode, where buckets are stretched over the traffic.
    pub(crate) multiplier: f64,
}

impl Range {
    const NONE: Self = Self { start: -1.0, end: -1.0 };

    /// Whether `bucket` lies in it.
    pub fn contains(&self, bucket: f64) -> bool {
        bucket >= self.start && bucket <= self.end
    }
}

/// The bucket of a hash among `max`. The order of the operations is part of the result.
pub fn bucket(hash: u32, max: f64, multiplier: f64) -> f64 {
    ((max * (f64::from(hash) / 4_294_967_296.0) + 1.0) * multiplier).floor()
}

/// Ranges for weights in percent, one after the other.
pub fn allocate<'a>(weights: impl Iterator<Item = Option<&'a Json>>) -> Vec<Range> {
    place(weights.map(|weight| match weight {
        weight if !js::truthy(weight) => 0.0,
        weight => step(weight.map_or(f64::NAN, js::number)),
    }))
}

/// Ranges for weights that are numbers.
pub fn allocate_numbers(weights: impl Iterator<Item = f64>) -> Vec<Range> {
    place(weights.map(|weight| if weight.is_nan() { 0.0 } else { step(weight) }))
}

/// The bucket that says whether a user takes part at all, from 1 to 100.
pub(crate) fn traffic_bucket(settings: &Settings, campaign: &Campaign, user: &str) -> f64 {
    bucket(seeded(settings, campaign, &[user]), 100.0, 1.0)
}

/// Where the user falls among the variations of `campaign`.
pub(crate) fn draw(settings: &Settings, campaign: &Campaign, user: &str) -> Draw {
    let flags = settings.flags;
    let share = campaign.traffic;
    let oldest = (!flags.new_bucketing && !flags.new_bucketing_2) || (flags.new_bucketing && campaign.old_bucketing);
    let newer = (flags.new_bucketing && !campaign.old_bucketing && !flags.new_bucketing_2)
        || (flags.new_bucketing_2 && campaign.old_bucketing_2);
    let (multiplier, hash) = if oldest && share != 0.0 {
        (10_000.0 / share / 100.0, seeded(settings, campaign, &[user]))
    } else if newer {
        (1.0, hash(&[user]))
    } else {
        (1.0, seeded(settings, campaign, &[&settings.account_text, "_", user]))
    };
    Draw { bucket: bucket(hash, 10_000.0, multiplier), multiplier }
}

/// Where the user falls among the variations that whitelist them, if several do.
pub(crate) fn forced_bucket(settings: &Settings, campaign: &Campaign, user: &str) -> f64 {
    bucket(seeded(settings, campaign, &[user]), 10_000.0, 1.0)
}

/// Where the user falls among the campaigns of a group.
pub(crate) fn group_bucket(group: &str, user: &str) -> f64 {
    bucket(hash(&[group, "_", user]), 10_000.0, 1.0)
}

/// The first variation whose range holds `bucket`.
pub(crate) fn find(variations: &[Variation], bucket: f64) -> Option<&Variation> {
    variations.iter().find(|variation| variation.range.contains(bucket))
}

fn seeded(settings: &Settings, campaign: &Campaign, parts: &[&str]) -> u32 {
    let own_seed = settings.flags.new_bucketing || settings.flags.new_bucketing_2 || campaign.own_seed;
    match parts {
        _ if !own_seed => hash(parts),
        [user] => hash(&[&campaign.id_text, "_", user]),
        [account, dash, user] => hash(&[&campaign.id_text, "_", account, dash, user]),
        _ => hash(parts),
    }
}

fn step(weight: f64) -> f64 {
    let buckets = (weight * 100.0).ceil();
    if buckets > 10_000.0 { 10_000.0 } else { buckets } // not `min`, which would lose NaN
}

fn place(steps: impl Iterator<Item = f64>) -> Vec<Range> {
    let mut current = 0.0;
    steps
        .map(|step| {
            let range = match step == 0.0 || step.is_nan() {
                true => Range::NONE,
                false => Range { start: current + 1.0, end: current + step },
            };
            current += step;
            range
        })
        .collect()
}
