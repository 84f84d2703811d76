//! The index, and whether the server can keep its word at all.
use super::{
    failure::{self, refused},
    link::Link,
};
use crate::Result;
use mongodb::{Database, IndexModel, bson::doc, options::IndexOptions};
use std::time::Duration;
use tokio::time::timeout;

/// How long opening may take: a collection that is large already gets its index, or somebody else is making it.
const PREPARATION: Duration = Duration::from_secs(60);

/// Makes the index by which the server takes away what has expired; one that is there stays as it is.
pub(super) async fn prepare(link: &Link) -> Result<()> {
    let documents = link.documents();
    let prepare = async {
        check(&documents.client().database("admin")).await?;
        let expiry = IndexOptions::builder().name("stayput_expiry".to_owned()).sparse(true);
        let expiry = expiry.expire_after(Duration::ZERO).build();
        let expiry = IndexModel::builder().keys(doc! { "expiresAt": 1 }).options(expiry).build();
        failure::done(documents.create_index(expiry).await).map(drop)
    };
    let late = |_| failure::unavailable("the index could not be made in time");
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
