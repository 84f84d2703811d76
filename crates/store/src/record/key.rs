//! What names an assignment.
use super::limits;
use crate::Result;
use std::{fmt, sync::Arc};

/// Account and environment: keys of different scopes never meet. 1 to 128 bytes without U+0000.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(try_from = "String"))]
pub struct Scope(Arc<str>);

/// Which family of records a key belongs to: a feature key may equal a campaign key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Kind {
    /// VWO FullStack campaigns.
    #[default]
    Classic,
    /// VWO feature management and experimentation.
    Fme,
}

/// A user of one scope. The id has 1 to 1,024 bytes without U+0000 and is compared byte by byte.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "wire::User", into = "wire::User")
)]
pub struct User {
    scope: Scope,
    id: Arc<str>,
}

/// Names one assignment: a user and a campaign, in that order, so that one user's assignments sort together.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "wire::Key", into = "wire::Key")
)]
pub struct Key {
    user: User,
    kind: Kind,
    campaign: Arc<str>,
}

impl Scope {
    /// The scope called `name`.
    pub fn new(name: &str) -> Result<Self> {
        limits::text("scope", limits::SCOPE, name).map(Self)
    }
    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Scope {
    /// `default`, where nobody names another.
    fn default() -> Self {
        Self("default".into())
    }
}

impl TryFrom<String> for Scope {
    type Error = crate::Error;
    fn try_from(name: String) -> Result<Self> {
        Self::new(&name)
    }
}

impl Kind {
    /// The kind called `name`, as it is spelled in addresses and exports.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Classic, Self::Fme].into_iter().find(|kind| kind.name() == name)
    }
    /// `classic` or `fme`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Fme => "fme",
        }
    }
}

impl User {
    /// The user called `id` in `scope`.
    pub fn new(scope: &Scope, id: &str) -> Result<Self> {
        Ok(Self { scope: scope.clone(), id: limits::text("userId", limits::USER, id)? })
    }
    /// Where the user belongs.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
    /// The `userId`.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// This user's place in `campaign`.
    pub fn key(&self, kind: Kind, campaign: &str) -> Result<Key> {
        Ok(Key { user: self.clone(), kind, campaign: limits::text("campaignKey", limits::NAME, campaign)? })
    }
}

impl Key {
    /// The place of `user` in `campaign`.
    pub fn new(scope: &Scope, kind: Kind, user: &str, campaign: &str) -> Result<Self> {
        User::new(scope, user)?.key(kind, campaign)
    }
    /// Who is assigned.
    pub fn user(&self) -> &User {
        &self.user
    }
    /// Where the user belongs.
    pub fn scope(&self) -> &Scope {
        &self.user.scope
    }
    /// The `userId`.
    pub fn user_id(&self) -> &str {
        &self.user.id
    }
    /// The family.
    pub fn kind(&self) -> Kind {
        self.kind
    }
    /// The `campaignKey`.
    pub fn campaign(&self) -> &str {
        &self.campaign
    }
    /// The same, for whoever keeps it: one text in memory is compared by where it is.
    pub fn shared_campaign(&self) -> &Arc<str> {
        &self.campaign
    }
}

// User ids identify people, so what is printed by accident does not show them.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User({}/…)", self.scope.0)
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}/…/{}/{})", self.scope().0, self.kind.name(), self.campaign)
    }
}

/// A key, and a user, between two processes.
#[cfg(feature = "json")]
mod wire {
    use super::{Kind, Scope};

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Key {
        scope: Scope,
        #[serde(default)]
        kind: Kind,
        user_id: String,
        campaign_key: String,
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct User {
        scope: Scope,
        user_id: String,
    }

    impl TryFrom<User> for super::User {
        type Error = crate::Error;
        fn try_from(user: User) -> crate::Result<Self> {
            Self::new(&user.scope, &user.user_id)
        }
    }
    impl From<super::User> for User {
        fn from(user: super::User) -> Self {
            Self { scope: user.scope, user_id: user.id.to_string() }
        }
    }
    impl TryFrom<Key> for super::Key {
        type Error = crate::Error;
        fn try_from(key: Key) -> crate::Result<Self> {
            Self::new(&key.scope, key.kind, &key.user_id, &key.campaign_key)
        }
    }
    impl From<super::Key> for Key {
        fn from(key: super::Key) -> Self {
            let (user_id, campaign_key) = (key.user.id.to_string(), key.campaign.to_string());
            Self { scope: key.user.scope, kind: key.kind, user_id, campaign_key }
        }
    }
}
