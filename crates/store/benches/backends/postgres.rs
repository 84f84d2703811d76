//! PostgreSQL: sixteen connections on each side, and the same durability.
//!
//! The bare side reads variation, goals and metaData of the same table. Its merge is one prepared statement that keeps
//! the first variation and every goal and says what is held.
use crate::{
    BATCH, Done, USERS, key, offer,
    rounds::{Options, Side, Target},
};
use futures_util::future::try_join_all;
use stayput::{AssignmentStore, AssignmentStoreExt, Offer, ScanStore};
use std::sync::Arc;
use tokio_postgres::{Client, NoTls, Statement};

const CONNECTIONS: usize = 16;
const GET: &str = r#"SELECT "variationName", "goalIdentifier", "metaData"::text FROM stayput_assignments
    WHERE scope = $1 AND "userId" = $2 AND kind = 'classic' AND "campaignKey" = $3"#;
const MERGE: &str = r#"INSERT INTO bare AS b VALUES ($1, $2, 'classic', $3, $4, $5)
    ON CONFLICT (scope, "userId", kind, "campaignKey") DO UPDATE SET "goalIdentifier" = b."goalIdentifier" ||
    ARRAY(SELECT g FROM unnest(excluded."goalIdentifier") g WHERE g <> ALL (b."goalIdentifier"))
    RETURNING "variationName", "goalIdentifier""#;
const BATCH_GET: &str = r#"SELECT "variationName", "goalIdentifier", "metaData"::text FROM stayput_assignments
    WHERE scope = $1 AND "userId" = ANY($2) AND kind = 'classic' AND "campaignKey" = $3"#;
const TABLE: &str = r#"DROP TABLE IF EXISTS bare; CREATE TABLE bare (scope text COLLATE "C", "userId" text COLLATE "C",
    kind text COLLATE "C", "campaignKey" text COLLATE "C", "variationName" text, "goalIdentifier" text[],
    PRIMARY KEY (scope, "userId", kind, "campaignKey"))"#;

struct Bare {
    client: Client,
    get: Statement,
    merge: Statement,
    batch: Statement,
}

#[derive(Clone)]
struct Both {
    store: Arc<dyn ScanStore>,
    /// As many as there are operations at once: a pool hands out no more either.
    bare: Arc<Vec<Bare>>,
}

pub(crate) async fn compare(url: &str, options: &Options) -> Done {
    let store = stayput::open(&format!("{url}?timeout=30s&purge=off&pool={CONNECTIONS}")).await?;
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(TABLE).await?;
    prepare(&*store).await?;
    client.batch_execute("VACUUM ANALYZE stayput_assignments").await?;
    for tasks in [1, CONNECTIONS] {
        let bare = Arc::new(try_join_all((0..tasks).map(|_| Bare::connect(url.to_owned()))).await?);
        let both = Both { store: store.clone(), bare };
        let least = Target::AtLeast;
        options.compare("postgres get", tasks, least(0.9), both.get(), both.bare_get()).await?;
        let works = [("a first claim", 0), ("a claim that changes nothing", 1), ("a goal joins", 2)];
        for (name, work) in works {
            let (name, mark) = (format!("postgres claim, {name}"), format!("s-{}-{tasks}-{work}", std::process::id()));
            let (ours, bare) = (both.claim(mark.clone(), work), both.bare_merge(mark, work));
            if work > 0 && options.wants(&name, tasks) {
                for side in [&ours, &bare] {
                    side.prepare(1_000).await?;
                }
            }
            options.compare(&name, tasks, least(0.8), ours, bare).await?;
        }
        let most = Target::AtMost(3.0);
        options.compare("postgres get of 50 of one user", tasks, most, both.batch(false), both.bare_get()).await?;
        options.compare("postgres get of 50 users", tasks, most, both.batch(true), both.bare_get()).await?;
        options.compare("(bare ANY of 50 users)", tasks, most, both.bare_batch(), both.bare_get()).await?;
    }
    client.batch_execute("DROP TABLE bare").await?;
    Ok(())
}

/// Which user and which goal an operation is about: fresh users, or users that are held, or goals that they lack.
fn about(mark: &str, work: usize, i: usize) -> (String, String) {
    match work {
        0 => (format!("{mark}-{i}"), "goal-0".into()),
        1 => (format!("{mark}-{}", i % 1_000), "goal-0".into()),
        _ => (format!("{mark}-{}", i % 1_000), format!("goal-{}", i / 1_000)),
    }
}

impl Bare {
    async fn connect(url: String) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        let (get, merge) = (client.prepare(GET).await?, client.prepare(MERGE).await?);
        let batch = client.prepare(BATCH_GET).await?;
        Ok(Self { client, get, merge, batch })
    }
}

async fn prepare(store: &dyn ScanStore) -> Done {
    let mut offers: Vec<Offer> = Vec::new();
    for user in 0..USERS {
        for campaign in 0..if user < 100 { BATCH } else { 1 } {
            offers.push(offer(key(&format!("user-{user}"), campaign)?, "goal-0")?);
        }
    }
    for offers in offers.chunks(500) {
        store.claim(offers).await?;
    }
    Ok(())
}

impl Both {
    fn get(&self) -> Side {
        let store = self.store.clone();
        Side::new(move |i| {
            let store = store.clone();
            async move {
                store.get_one(&key(&format!("user-{}", i % USERS), 0)?).await?.ok_or("held")?;
                Ok(())
            }
        })
    }
    fn bare_get(&self) -> Side {
        let both = self.clone();
        Side::new(move |i| {
            let both = both.clone();
            async move {
                let bare = &both.bare[i % both.bare.len()];
                let row = bare
                    .client
                    .query_one(&bare.get, &[&"default", &format!("user-{}", i % USERS), &"campaign-0"])
                    .await?;
                let _: (String, Vec<String>, Option<String>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                Ok(())
            }
        })
    }
    fn claim(&self, mark: String, work: usize) -> Side {
        let store = self.store.clone();
        Side::new(move |i| {
            let (store, (user, goal)) = (store.clone(), about(&mark, work, i));
            async move {
                store.claim_one(&offer(key(&user, 0)?, &goal)?).await?.held.ok_or("held")?;
                Ok(())
            }
        })
    }
    fn bare_merge(&self, mark: String, work: usize) -> Side {
        let both = self.clone();
        Side::new(move |i| {
            let (both, (user, goal)) = (both.clone(), about(&mark, work, i));
            async move {
                let bare = &both.bare[i % both.bare.len()];
                let row = bare
                    .client
                    .query_one(&bare.merge, &[&"default", &user, &"campaign-0", &"Variation-1", &vec![goal]])
                    .await?;
                let _: (String, Vec<String>) = (row.try_get(0)?, row.try_get(1)?);
                Ok(())
            }
        })
    }
    /// Fifty campaigns of one user, or one campaign of fifty users.
    fn batch(&self, mixed: bool) -> Side {
        let store = self.store.clone();
        Side::new(move |i| {
            let store = store.clone();
            async move {
                let key = |at| match mixed {
                    true => key(&format!("user-{}", (i * 7 + at) % USERS), 0),
                    false => key(&format!("user-{}", i % 100), at),
                };
                let keys: stayput::Result<Vec<_>> = (0..BATCH).map(key).collect();
                let held = store.get(&keys?).await?;
                if held.iter().all(Option::is_some) { Ok(()) } else { Err("held".into()) }
            }
        })
    }
    fn bare_batch(&self) -> Side {
        let both = self.clone();
        Side::new(move |i| {
            let both = both.clone();
            async move {
                let bare = &both.bare[i % both.bare.len()];
                let users = (0..BATCH).map(|at| format!("user-{}", (i * 7 + at) % USERS)).collect::<Vec<_>>();
                for row in bare.client.query(&bare.batch, &[&"default", &users, &"campaign-0"]).await? {
                    let _: (String, Vec<String>, Option<String>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                }
                Ok(())
            }
        })
    }
}
