//! A User Storage Service of the user's own: the two methods of VWO's documentation.
use serde::{Deserialize, Serialize};
use stayput::BoxFuture;
use stayput_engine::Json;
use std::fmt;

/// Two methods, as VWO documents them, for whoever keeps assignments somewhere of their own.
///
/// An [`AssignmentStore`](stayput::AssignmentStore) does better: here the last of two racing writers wins, and a
/// conversion that two processes count at once is counted twice, because `set` does not tell what it found.
///
/// ```
/// # use stayput_sdk::{BoxFuture, StorageError, UserRecord, UserStorage};
/// # use std::{collections::HashMap, sync::Mutex};
/// #[derive(Debug, Default)]
/// struct Table(Mutex<HashMap<(String, String), UserRecord>>);
///
/// impl UserStorage for Table {
///     fn get<'a>(&'a self, user: &'a str, campaign: &'a str) -> BoxFuture<'a, Result<Option<UserRecord>, StorageError>> {
///         let key = (user.to_owned(), campaign.to_owned());
///         Box::pin(async move { Ok(self.0.lock().unwrap().get(&key).cloned()) })
///     }
///     fn set(&self, record: UserRecord) -> BoxFuture<'_, Result<(), StorageError>> {
///         Box::pin(async move {
///             let key = (record.user_id.clone(), record.campaign_key.clone());
///             self.0.lock().unwrap().insert(key, record);
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait UserStorage: fmt::Debug + Send + Sync + 'static {
    /// What was last set for this user in this campaign; nothing is `None`, and a failure is not nothing.
    fn get<'a>(
        &'a self,
        user_id: &'a str,
        campaign_key: &'a str,
    ) -> BoxFuture<'a, Result<Option<UserRecord>, StorageError>>;
    /// Keeps `record` in place of what was set before for its user and campaign.
    fn set(&self, record: UserRecord) -> BoxFuture<'_, Result<(), StorageError>>;
}

/// Whatever made a storage fail.
pub type StorageError = Box<dyn std::error::Error + Send + Sync>;

/// A record of VWO's form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserRecord {
    /// `userId`
    pub user_id: String,
    /// `variationName`
    pub variation_name: String,
    /// `campaignKey`
    pub campaign_key: String,
    /// `goalIdentifier`: the goals so far, joined by `_vwo_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal_identifier: Option<String>,
    /// `metaData`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta_data: Option<Json>,
}
