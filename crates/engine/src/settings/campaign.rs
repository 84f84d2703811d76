//! A campaign: its variations with their ranges, its goals, its compiled segments.
use super::groups::Member;
use crate::{
    bucket::{Range, allocate},
    js::{self, Thrown},
    json::Json,
    segments::Segments,
};

/// A campaign.
#[derive(Debug)]
pub struct Campaign {
    /// `id`, as it is written.
    pub id: Json,
    /// `key`
    pub key: String,
    /// `name`
    pub name: Option<String>,
    /// `type`
    pub kind: CampaignType,
    /// Whether `status` is exactly `RUNNING`.
    pub running: bool,
    /// `percentTraffic`
    pub traffic: f64,
    /// `isMAB`: needs a store.
    pub bandit: bool,
    /// `isForcedVariationEnabled`: variations may be forced on users.
    pub forces: bool,
    /// `isUserListEnabled`: lists of users hold UUIDs.
    pub lists_uuids: bool,
    /// `variations`
    pub variations: Vec<Variation>,
    /// The mutually exclusive group.
    pub group: Member,
    pub(crate) id_text: String,
    /// The place of the first campaign with this key.
    pub(crate) first: usize,
    pub(crate) own_seed: bool,
    pub(crate) old_bucketing: bool,
    pub(crate) old_bucketing_2: bool,
    pub(crate) segments: Segments,
    /// Not a list: reading it throws, unless it is empty.
    pub(crate) variations_are_odd: Option<bool>,
    goals: Vec<Option<Goal>>,
    variables: Vec<Option<Variable>>,
}

/// What a campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignType {
    /// `VISUAL_AB`
    Ab,
    /// `FEATURE_TEST`
    FeatureTest,
    /// `FEATURE_ROLLOUT`
    FeatureRollout,
    /// Something that this version does not know.
    Other,
}

/// A variation.
#[derive(Debug)]
pub struct Variation {
    /// `id`, as it is written.
    pub id: Option<Json>,
    /// `name`
    pub name: Option<String>,
    /// Its buckets.
    pub range: Range,
    /// `isFeatureEnabled`
    pub enabled: bool,
    pub(crate) weight: Option<Json>,
    /// Whom it is forced on; nobody without.
    pub(crate) forced_on: Option<Segments>,
    pub(crate) is_control: bool,
    pub(crate) variables: Option<Vec<Option<Variable>>>,
}

/// A goal.
#[derive(Debug)]
pub struct Goal {
    /// `id`, as it is written.
    pub id: Option<Json>,
    /// `identifier`
    pub identifier: Option<String>,
    /// `type`
    pub kind: GoalType,
    /// `mca` is -1: counts every time.
    pub repeats: bool,
    /// `revenueProp`, as it is written.
    pub revenue_property: Option<Json>,
}

/// What a goal counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoalType {
    /// `CUSTOM_GOAL`
    Custom,
    /// `REVENUE_TRACKING`
    Revenue,
    /// Something that this version does not know.
    Other,
}

/// A variable of a feature.
#[derive(Debug)]
pub struct Variable {
    pub(crate) key: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) value: Option<Json>,
}

impl Campaign {
    /// Takes `json` apart.
    pub(super) fn read(mut json: Json, problems: &mut Vec<String>) -> Result<Self, String> {
        let truth = |key: &str| js::truthy(json.get(key));
        let (forces, lists_uuids) = (truth("isForcedVariationEnabled"), truth("isUserListEnabled"));
        let (own_seed, old_bucketing, old_bucketing_2) =
            (truth("isBucketingSeedEnabled"), truth("isOB"), truth("isOBv2"));
        let kind = match json.get("type").and_then(Json::as_str) {
            Some("VISUAL_AB") => CampaignType::Ab,
            Some("FEATURE_TEST") => CampaignType::FeatureTest,
            Some("FEATURE_ROLLOUT") => CampaignType::FeatureRollout,
            _ => CampaignType::Other,
        };
        let running = json.get("status").and_then(Json::as_str) == Some("RUNNING");
        let traffic = json.get("percentTraffic").and_then(Json::as_number).unwrap_or_default();
        let bandit = json.get("isMAB").is_some_and(Json::is_true);
        let key = json.take_text("key").unwrap_or_default();
        let mut own = Vec::new();
        let variations_are_odd =
            json.get("variations").and_then(Json::as_object).map(|variations| !variations.is_empty());
        let mut variations = Vec::new();
        for (place, variation) in list(&mut json, "variations").into_iter().enumerate() {
            match variation {
                Some(Json::Null) | None => return Err(format!("variations[{place}] must be an object")),
                Some(variation) => variations.push(Variation::read(variation, &mut own)),
            }
        }
        let ranges = allocate(variations.iter().map(|variation| variation.weight.as_ref()));
        for (variation, range) in variations.iter_mut().zip(ranges) {
            variation.range = range;
        }
        if variations_are_odd == Some(true) {
            own.push("variations is no list".to_owned());
        }
        let segments = Segments::compile(json.get("segments").unwrap_or(&Json::Null), &mut own);
        problems.extend(own.into_iter().map(|problem| format!("campaign {key}: {problem}")));
        let id = json.take("id").unwrap_or_default();
        let goals = list(&mut json, "goals").into_iter();
        Ok(Self {
            id_text: js::text(&id).unwrap_or_default(),
            id,
            key,
            name: json.take_text("name"),
            kind,
            running,
            traffic,
            bandit,
            forces,
            lists_uuids,
            variations,
            group: Member::Free,
            first: 0,
            own_seed,
            old_bucketing,
            old_bucketing_2,
            segments,
            variations_are_odd,
            goals: goals.map(|goal| readable(goal).map(Goal::read)).collect(),
            variables: variables(json.take("variables").unwrap_or_default()),
        })
    }

    /// The goal with this identifier.
    pub(crate) fn goal(&self, identifier: &str) -> Result<Option<&Goal>, Thrown> {
        if self.key.is_empty() {
            return Ok(None);
        }
        first(&self.goals, |goal| goal.identifier.as_deref() == Some(identifier))
    }
    /// The variation with this name.
    pub fn variation(&self, name: &str) -> Option<&Variation> {
        self.variations.iter().find(|variation| variation.name.as_deref() == Some(name))
    }
    /// The variable of a rollout.
    pub(crate) fn variable(&self, key: &str) -> Result<Option<&Variable>, Thrown> {
        find_variable(&self.variables, key)
    }
    /// The variation whose variables count where a feature is off.
    pub(crate) fn control(&self) -> Option<&Variation> {
        self.variations.iter().find(|variation| variation.is_control)
    }
}

impl Variation {
    fn read(mut json: Json, problems: &mut Vec<String>) -> Self {
        let name = json.take_text("name");
        if name.as_ref().is_none_or(String::is_empty) {
            problems.push("a variation has no name, so nobody is assigned to it".to_owned());
        }
        let forced_on = json.get("segments").filter(|segments| segments.as_object().is_some());
        let forced_on = forced_on.map(|dsl| Segments::compile(dsl, problems)).filter(|segments| !segments.is_empty());
        let id = json.take("id");
        Self {
            name,
            range: Range { start: -1.0, end: -1.0 },
            enabled: js::truthy(json.get("isFeatureEnabled")),
            weight: json.take("weight"),
            forced_on,
            is_control: id == Some(Json::Number(1.0)),
            id,
            variables: json.take("variables").filter(|variables| js::truthy(Some(variables))).map(variables),
        }
    }
    /// Its name, or nothing.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
    pub(crate) fn variable(&self, key: &str) -> Result<Option<&Variable>, Thrown> {
        find_variable(self.variables.as_deref().unwrap_or_default(), key)
    }
}

impl Goal {
    fn read(mut json: Json) -> Self {
        Self {
            id: json.take("id"),
            kind: match json.get("type").and_then(Json::as_str) {
                Some("CUSTOM_GOAL") => GoalType::Custom,
                Some("REVENUE_TRACKING") => GoalType::Revenue,
                _ => GoalType::Other,
            },
            repeats: json.get("mca") == Some(&Json::Number(-1.0)),
            revenue_property: json.take("revenueProp"),
            identifier: json.take_text("identifier"),
        }
    }
}

fn list(json: &mut Json, key: &str) -> Vec<Option<Json>> {
    js::into_elements(json.take(key).unwrap_or_default())
}
fn variables(json: Json) -> Vec<Option<Variable>> {
    let read = |mut json: Json| Variable {
        key: json.take_text("key"),
        kind: json.take_text("type"),
        value: json.take("value"),
    };
    js::into_elements(json).into_iter().map(|variable| readable(variable).map(read)).collect()
}
fn find_variable<'a>(list: &'a [Option<Variable>], key: &str) -> Result<Option<&'a Variable>, Thrown> {
    first(list, |variable| variable.key.as_deref() == Some(key))
}

/// Of null and undefined JavaScript cannot read a field.
fn readable(json: Option<Json>) -> Option<Json> {
    json.filter(|json| *json != Json::Null)
}
fn first<T>(list: &[Option<T>], wanted: impl Fn(&T) -> bool) -> Result<Option<&T>, Thrown> {
    for item in list {
        match item {
            None => return Err(Thrown("a list in the settings has a null element")),
            Some(item) if wanted(item) => return Ok(Some(item)),
            Some(_) => {}
        }
    }
    Ok(None)
}
