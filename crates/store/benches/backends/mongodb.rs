//! MongoDB's protocol: sixteen connections on each side.
//!
//! The bare side looks up by `_id` too, and reads variation and goals of the same collection. One of its merges keeps the
//! first variation and adds a goal once, in one command that answers what is held; it knows no claim ids, no times, and
//! not whose a goal is. The other reads and then creates or adds, which is as few steps as anything that looks at what is
//! held can take.
use crate::{
    BATCH, Done, USERS,
    ours::{Merge, Ours, about},
    rounds::{Options, Side},
};
use futures_util::TryStreamExt;
use mongodb::{
    Client, Collection,
    bson::{Document, doc},
    options::{ClientOptions, ReturnDocument},
};

const CONNECTIONS: usize = 16;
/// How many users claims go round.
const AROUND: usize = 1_000;

#[derive(Clone)]
struct Bare {
    /// What our side fills.
    held: Collection<Document>,
    merged: Collection<Document>,
}

pub(crate) async fn compare(url: &str, options: &Options) -> Done {
    let ours = Ours::open(&format!("{url}?timeout=30s&pool={CONNECTIONS}"), AROUND).await?;
    let mut settings = ClientOptions::parse(url).await?;
    settings.max_pool_size = u32::try_from(CONNECTIONS).ok();
    let database = Client::with_options(settings)?.default_database().ok_or("a database")?;
    let bare = Bare {
        held: database.collection("stayput_assignments"),
        merged: database.collection(&format!("bare-{}", std::process::id())),
    };
    ours.prepare().await?;
    for tasks in [1, CONNECTIONS] {
        let merges: &[(&str, Merge<'_>)] = &[
            ("", &|mark, work| bare.merge(mark, work, true)),
            (", beside two steps", &|mark, work| bare.merge(mark, work, false)),
        ];
        ours.compare(options, ("mongodb", tasks), || bare.get(), merges, ("$in", bare.batch())).await?;
    }
    Ok(())
}

fn id(user: &str) -> String {
    format!("default/{user}/classic/campaign-0")
}
fn place(user: &str) -> Document {
    doc! { "_id": id(user) }
}

/// What a caller would want of it.
fn read(found: &Document) -> Result<(), mongodb::bson::error::Error> {
    found.get_str("variationName")?;
    found.get_array("goalIdentifier").map(drop)
}

impl Bare {
    fn get(&self) -> Side {
        let bare = self.clone();
        Side::new(move |i| {
            let bare = bare.clone();
            async move {
                let found = bare.held.find_one(place(&format!("user-{}", i % USERS))).await?.ok_or("held")?;
                Ok(read(&found)?)
            }
        })
    }
    fn merge(&self, mark: String, work: usize, in_one: bool) -> Side {
        let bare = self.clone();
        Side::new(move |i| {
            let (bare, (user, goal)) = (bare.clone(), about(&mark, work, i, AROUND));
            async move {
                let (place, adding) = (place(&user), doc! { "$addToSet": { "goalIdentifier": &goal } });
                if in_one {
                    let mut merge = adding;
                    merge.insert("$setOnInsert", doc! { "variationName": "Variation-1" });
                    let merging = bare.merged.find_one_and_update(place, merge).upsert(true);
                    let held = merging.return_document(ReturnDocument::After).await?.ok_or("held")?;
                    return Ok(read(&held)?);
                }
                match bare.merged.find_one(place.clone()).await? {
                    None => {
                        let mut first = place;
                        first.extend(doc! { "variationName": "Variation-1", "goalIdentifier": [goal] });
                        bare.merged.insert_one(first).await?;
                    }
                    Some(held) => {
                        read(&held)?;
                        if !held.get_array("goalIdentifier")?.iter().any(|known| known.as_str() == Some(&goal)) {
                            bare.merged.update_one(place, adding).await?;
                        }
                    }
                }
                Ok(())
            }
        })
    }
    fn batch(&self) -> Side {
        let bare = self.clone();
        Side::new(move |i| {
            let bare = bare.clone();
            async move {
                let users: Vec<String> = (0..BATCH).map(|at| id(&format!("user-{}", (i * 7 + at) % USERS))).collect();
                let found = bare.held.find(doc! { "_id": { "$in": users } }).await?;
                let found: Vec<Document> = found.try_collect().await?;
                Ok(found.iter().try_for_each(read)?)
            }
        })
    }
}
