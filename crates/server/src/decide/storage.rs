//! The two storages of the corpus: one keeps the last record, the other unites goals.
use stayput_engine::{Json, Object};

/// Records by user and campaign, in the order in which they came.
pub(super) struct Memory {
    unites: bool,
    records: Vec<(String, String, Json)>,
}

impl Memory {
    pub(super) fn new(unites: bool) -> Self {
        Self { unites, records: Vec::new() }
    }

    pub(super) fn find(&self, user: &str, campaign: &str) -> Option<&Json> {
        let found = self.records.iter().find(|(owner, key, _)| owner == user && key == campaign);
        found.map(|(.., record)| record)
    }

    pub(super) fn set(&mut self, set: &Json) {
        let field = |name: &str| set.get(name).and_then(Json::as_str).unwrap_or_default();
        let (user, campaign) = (field("userId"), field("campaignKey"));
        let known = self.records.iter_mut().find(|(owner, key, _)| owner == user && key == campaign);
        match known {
            None => {
                let record = if self.unites { united(None, set) } else { set.clone() };
                self.records.push((user.to_owned(), campaign.to_owned(), record));
            }
            Some((.., record)) => *record = if self.unites { united(Some(record), set) } else { set.clone() },
        }
    }

    pub(super) fn into_records(self) -> Vec<Json> {
        self.records.into_iter().map(|(.., record)| record).collect()
    }
}

/// The fields of both, the newer ones where both have them, and every goal.
fn united(record: Option<&Json>, set: &Json) -> Json {
    let both = || record.into_iter().chain([set]);
    let mut goals: Vec<&str> = Vec::new();
    for list in both().filter_map(|each| each.get("goalIdentifier")?.as_str()) {
        for goal in list.split("_vwo_").filter(|goal| !goal.is_empty()) {
            if !goals.contains(&goal) {
                goals.push(goal);
            }
        }
    }
    let fields = both().filter_map(Json::as_object).flat_map(Object::iter);
    let mut all: Vec<(String, Json)> = fields.map(|(key, value)| (key.to_owned(), value.clone())).collect();
    if !goals.is_empty() {
        all.push(("goalIdentifier".to_owned(), goals.join("_vwo_").as_str().into()));
    }
    Json::Object(all.into_iter().collect())
}
