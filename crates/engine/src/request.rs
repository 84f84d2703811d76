//! What is asked: which call, for whom, with which options.
use crate::json::{Json, Object};

/// One call of the SDK.
#[derive(Clone, Debug, PartialEq)]
pub enum Request<'a> {
    /// `activate`: decides, stores and counts.
    Activate(&'a str),
    /// `getVariationName`: what `activate` decided.
    VariationName(&'a str),
    /// `isFeatureEnabled`: decides, stores and counts.
    FeatureEnabled(&'a str),
    /// `getFeatureVariableValue`: what a feature's variable is for the user.
    FeatureVariable {
        /// `campaignKey`
        campaign: &'a str,
        /// `variableKey`
        variable: &'a str,
    },
    /// `track`: counts a conversion.
    Track {
        /// Where.
        campaigns: Targets<'a>,
        /// `goalIdentifier`
        goal: &'a str,
    },
    /// `push`: tags the user.
    Push(Vec<(String, String)>),
}

/// Which campaigns a conversion counts for.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets<'a> {
    /// This one.
    One(&'a str),
    /// These.
    Several(Vec<Listed<'a>>),
    /// All that have the goal.
    WithGoal,
}

/// An element of a list of campaign keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed<'a> {
    /// A key.
    Key(&'a str),
    /// No text, hence no campaign's key; it is answered by this name.
    Odd(String),
}

/// Who asks, and with which options.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// `userId`
    pub user: &'a str,
    /// `customVariables`: what campaigns' segments ask about.
    pub custom_variables: Option<&'a Object>,
    /// `variationTargetingVariables`: what forced variations ask about.
    pub targeting_variables: Option<&'a Object>,
    /// `userStorageData`: laid over what is held for the called campaign.
    pub user_storage_data: Option<&'a Object>,
    /// `metaData`, to be stored with the variation.
    pub meta_data: Option<&'a Json>,
    /// `shouldTrackReturningUser`
    pub track_returning: Option<bool>,
    /// `goalTypeToTrack`
    pub goal_types: Option<GoalTypes>,
    /// `revenueValue`
    pub revenue: Option<&'a Json>,
    /// `eventProperties`
    pub event_properties: Option<&'a Json>,
    /// `userAgent`
    pub user_agent: Option<&'a Json>,
    /// `userIpAddress`
    pub ip_address: Option<&'a Json>,
    /// What was said at launch.
    pub launch: Launch,
}

/// What was said at launch, as far as decisions depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Launch {
    /// `shouldTrackReturningUser`
    pub track_returning: Option<bool>,
    /// `goalTypeToTrack`
    pub goal_types: Option<GoalTypes>,
    /// `batchEvents`: events are queued one by one.
    pub batch: bool,
    /// `isDevelopmentMode`: nothing is sent; `track` and `push` say so.
    pub development: bool,
    /// `integrations`: somebody wants to be told what was seen.
    pub integrations: bool,
}

/// Which goals `track` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GoalTypes {
    /// `ALL`
    #[default]
    All,
    /// `CUSTOM_GOAL`
    Custom,
    /// `REVENUE_TRACKING`
    Revenue,
}

impl GoalTypes {
    /// What `name` stands for.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ALL" => Some(Self::All),
            "CUSTOM_GOAL" => Some(Self::Custom),
            "REVENUE_TRACKING" => Some(Self::Revenue),
            _ => None,
        }
    }
    pub(crate) fn include(self, kind: crate::settings::GoalType) -> bool {
        use crate::settings::GoalType;
        match self {
            Self::All => true,
            Self::Custom => kind == GoalType::Custom,
            Self::Revenue => kind == GoalType::Revenue,
        }
    }
}

impl Context<'_> {
    /// The call's own word, else the launch's, else all.
    pub(crate) fn goal_types(&self) -> GoalTypes {
        self.goal_types.or(self.launch.goal_types).unwrap_or_default()
    }
    /// Whether users who were counted before are counted again; a call cannot take back what the launch said.
    pub(crate) fn counts_returning(&self) -> bool {
        self.track_returning == Some(true) || self.launch.track_returning == Some(true)
    }
    /// The same for conversions, where a call's word is the last.
    pub(crate) fn converts_returning(&self) -> bool {
        self.track_returning.or(self.launch.track_returning).unwrap_or(false)
    }
}
