//! Mutually exclusive groups: which campaigns a user may be in only one of.
use super::Campaign;
use crate::{js, json::Json};
use std::{borrow::Cow, collections::HashMap};

/// A group of campaigns.
#[derive(Debug)]
pub struct Group {
    /// Its id.
    pub id: f64,
    /// `name`
    pub name: Option<Json>,
    /// How a winner is found among several eligible campaigns.
    pub algorithm: Algorithm,
    pub(crate) id_text: String,
    /// Places of its campaigns in the settings; nothing if the list is damaged.
    pub(crate) members: Option<Vec<usize>>,
    pub(crate) priority: Option<Vec<Json>>,
    pub(crate) weights: Option<HashMap<String, Json>>,
}

/// How a winner is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Everybody's chance is the same.
    Random,
    /// By priority, then by weight.
    Advanced,
}

/// Whether a campaign is in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// In none.
    Free,
    /// In one that the settings do not describe: nothing can be decided.
    OfNothing,
    /// In the one at this place of [`Settings::groups`](super::Settings::groups).
    Of(usize),
}

/// Reads the groups that campaigns belong to, and tells the campaigns.
pub(super) fn read(json: &Json, campaigns: &mut [Campaign], problems: &mut Vec<String>) -> Vec<Group> {
    let Some(groups_of) = json.get("campaignGroups").map(properties) else { return Vec::new() };
    let known = json.get("groups").map(properties).unwrap_or_default();
    let mut places = HashMap::new();
    for (place, campaign) in campaigns.iter().enumerate() {
        places.entry(js::parse_int(&campaign.id_text).to_bits()).or_insert(place);
    }
    let (mut groups, mut read) = (Vec::<Group>::new(), HashMap::<String, usize>::new());
    for campaign in campaigns {
        let Some(id) = groups_of.get(campaign.id_text.as_str()).and_then(|group| group.as_number()) else { continue };
        let id_text = js::number_text(id);
        campaign.group = match known.get(id_text.as_str()).filter(|group| ***group != Json::Null) {
            None => {
                problems.push(format!(
                    "campaign {}: its group {id_text} does not exist, so nothing is decided",
                    campaign.key
                ));
                Member::OfNothing
            }
            Some(_) if id == 0.0 => Member::Free,
            Some(group) => Member::Of(*read.entry(id_text.clone()).or_insert_with(|| {
                groups.push(Group::read(id, id_text, group, &places));
                groups.len().saturating_sub(1)
            })),
        };
    }
    groups
}

impl Group {
    fn read(id: f64, id_text: String, json: &Json, places: &HashMap<u64, usize>) -> Self {
        let place = |id: &Json| places.get(&js::parse_int(&js::text(id).ok()?).to_bits()).copied();
        let is_number = |bits: &f64| !bits.is_nan();
        let place = |id: &Json| place(id).filter(|_| js::text(id).is_ok_and(|id| is_number(&js::parse_int(&id))));
        let members = json.get("campaigns").and_then(Json::as_array);
        Self {
            id,
            name: json.get("name").cloned(),
            algorithm: match json.get("et") {
                None => Algorithm::Random,
                Some(Json::Number(1.0)) => Algorithm::Random,
                Some(_) => Algorithm::Advanced,
            },
            id_text,
            members: members.map(|ids| ids.iter().filter_map(place).collect()),
            priority: match json.get("p") {
                Some(Json::Null) => None,
                Some(order) => Some(js::elements(order).into_iter().flatten().map(Cow::into_owned).collect()),
                None => Some(Vec::new()),
            },
            weights: match json.get("wt") {
                Some(Json::Null) => None,
                Some(weights) => Some(
                    properties(weights).into_iter().map(|(id, weight)| (id.into_owned(), weight.clone())).collect(),
                ),
                None => Some(HashMap::new()),
            },
        }
    }
}

/// What `value[key]` finds.
fn properties(value: &Json) -> HashMap<Cow<'_, str>, &Json> {
    match value {
        Json::Object(object) => object.iter().map(|(key, value)| (Cow::Borrowed(key), value)).collect(),
        Json::Array(items) => {
            items.iter().enumerate().map(|(place, item)| (Cow::Owned(place.to_string()), item)).collect()
        }
        _ => HashMap::new(),
    }
}
