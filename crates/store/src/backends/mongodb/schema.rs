//! The indexes, and whether the server can keep its word at all.
use super::{
    failure::{self, refused},
    link::Link,
};
use crate::Result;
use mongodb::{
    Database, IndexModel,
    bson::{Document, doc},
    options::IndexOptions,
};
use std::time::Duration;
use tokio::time::timeout;

/// How long opening may take: a collection that is large already gets its indexes, or somebody else is making them.
const PREPARATION: Duration = Duration::from_secs(60);

/// The unique key, in the order of [`Key`](crate::Key): one user is one range of it.
pub(super) fn key() -> Document {
    doc! { "scope": 1, "userId": 1, "kind": 1, "campaignKey": 1 }
}

/// Makes what is missing; indexes that are there stay as they are.
pub(super) async fn prepare(link: &Link) -> Result<()> {
    let documents = link.documents();
    let prepare = async {
        check(&documents.client().database("admin")).await?;
        let unique = IndexOptions::builder().name("stayput_key".to_owned()).unique(true).build();
        let expiry = IndexOptions::builder().name("stayput_expiry".to_owned()).sparse(true);
        let expiry = expiry.expire_after(Duration::ZERO).build();
        let indexes = [
            IndexModel::builder().keys(key()).options(unique).build(),
            IndexModel::builder().keys(doc! { "expiresAt": 1 }).options(expiry).build(),
        ];
        failure::done(documents.create_indexes(indexes).await).map(drop)
    };
    let late = |_| failure::unavailable("the indexes could not be made in time");
    timeout(PREPARATION, prepare).await.map_err(late)?
}

/// Refuses what only looks like MongoDB.
async fn check(admin: &Database) -> Result<()> {
    let about = failure::done(admin.run_command(doc! { "buildInfo": 1 }).await)?;
    match about.contains_key("ferretdbVersion") {
        true => Err(refused(
            "this is FerretDB 1, which compares and replaces in two steps: two claims of one user could both win",
        )),
        false => Ok(()),
    }
}
