//! The settings file: checked exactly as the official SDK checks it, and everything computed once that decisions
//! need.
mod campaign;
mod check;
mod document;
mod groups;

pub use campaign::{Campaign, CampaignType, Goal, GoalType, Variable, Variation};
pub use groups::{Algorithm, Group, Member};

use crate::{js, json::Json};
use document::{Campaigns, Document};
use std::{collections::HashMap, fmt};

/// A settings file, ready to decide with.
#[derive(Debug)]
pub struct Settings {
    /// `accountId`, as it is written.
    pub account: Json,
    /// `sdkKey`.
    pub sdk_key: Option<String>,
    /// `isEventArchEnabled`: tracking calls go to `events/t` and goals are not stored.
    pub event_architecture: bool,
    /// `collectionPrefix`.
    pub collection_prefix: Option<String>,
    /// Which bucketing the account uses.
    pub flags: Flags,
    /// `campaigns`, in order.
    pub campaigns: Vec<Campaign>,
    /// `groups` that campaigns belong to.
    pub groups: Vec<Group>,
    /// What the official SDK accepts in silence although it cannot work as meant.
    pub problems: Vec<String>,
    pub(crate) account_text: String,
    namespace: uuid::Uuid,
    by_key: HashMap<String, usize, foldhash::fast::FixedState>,
}

/// Which bucketing an account uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `isNB`
    pub new_bucketing: bool,
    /// `isNBv2`
    pub new_bucketing_2: bool,
}

/// Why a settings file cannot be used: one sentence that names the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSettings(String);

impl Settings {
    /// Reads the text of a settings file.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidSettings> {
        // Checked once as a whole, and not string by string; what is no text, serde_json words.
        let document = match std::str::from_utf8(text) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(text),
        };
        document.map_err(|error| InvalidSettings(format!("the settings are not JSON: {error}"))).and_then(Self::read)
    }

    /// Reads settings.
    pub fn from_json(json: &Json) -> Result<Self, InvalidSettings> {
        Self::read(Document::from(json))
    }

    fn read(document: Document) -> Result<Self, InvalidSettings> {
        let Document::Settings { json, campaigns } = document else {
            return Err(InvalidSettings("the settings must be a JSON object".to_owned()));
        };
        let json = &Json::Object(json);
        check::settings(json).map_err(InvalidSettings)?;
        let (mut campaigns, mut problems) = match campaigns {
            Campaigns::List(list) => list.map_err(InvalidSettings)?,
            Campaigns::Other(other) => {
                check::no_campaigns(other.as_ref()).map_err(InvalidSettings)?;
                Default::default()
            }
        };
        let mut by_key = HashMap::with_capacity_and_hasher(campaigns.len(), Default::default());
        for (place, campaign) in campaigns.iter_mut().enumerate() {
            campaign.first = *by_key.entry(campaign.key.clone()).or_insert(place);
        }
        let groups = groups::read(json, &mut campaigns, &mut problems);
        let text = |key| json.get(key).and_then(Json::as_str).map(str::to_owned);
        let account = json.get("accountId").cloned().unwrap_or_default();
        let account_text = js::text(&account).unwrap_or_default();
        Ok(Self {
            namespace: crate::identity::account_namespace(&account_text),
            account_text,
            account,
            sdk_key: text("sdkKey"),
            event_architecture: js::truthy(json.get("isEventArchEnabled")),
            collection_prefix: text("collectionPrefix"),
            flags: Flags {
                new_bucketing: js::truthy(json.get("isNB")),
                new_bucketing_2: js::truthy(json.get("isNBv2")),
            },
            campaigns,
            groups,
            problems,
            by_key,
        })
    }

    /// The first campaign with this key.
    pub fn campaign(&self, key: &str) -> Option<&Campaign> {
        self.campaigns.get(*self.by_key.get(key)?)
    }
    /// The user's UUID in this account.
    pub fn vwo_uuid(&self, user: &str) -> String {
        crate::identity::user_uuid(&self.namespace, user)
    }
}

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for InvalidSettings {}
