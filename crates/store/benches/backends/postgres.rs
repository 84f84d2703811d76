//! PostgreSQL: sixteen connections on each side, and the same durability.
//!
//! The bare side reads variation, goals and metaData of the same table. Its merge is one prepared statement that keeps
//! the first variation and every goal and says what is held.
use crate::{
    BATCH, Done, USERS,
    ours::{Merge, Ours, about},
    rounds::{Options, Side, Target},
};
use futures_util::future::try_join_all;
use std::sync::Arc;
use tokio_postgres::{Client, NoTls, Statement};

const CONNECTIONS: usize = 16;
/// How many users claims go round.
const AROUND: usize = 1_000;
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

/// As many as there are operations at once: a pool hands out no more either.
#[derive(Clone)]
struct Pool(Arc<Vec<Bare>>);

pub(crate) async fn compare(url: &str, options: &Options) -> Done {
    let ours = Ours::open(&format!("{url}?timeout=30s&purge=off&pool={CONNECTIONS}"), AROUND).await?;
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(TABLE).await?;
    ours.prepare().await?;
    client.batch_execute("VACUUM ANALYZE stayput_assignments").await?;
    let apart = |schema: &str| format!("{url}?timeout=30s&purge=off&pool={CONNECTIONS}&schema={schema}");
    let (followed, changes) = stayput::open_followed(&apart("followed")).await?;
    let (followed, alone) = (Ours::of(followed, AROUND), Ours::open(&apart("alone"), AROUND).await?);
    let mut changes = changes.ok_or("it can be followed")?;
    changes.next().await;
    tokio::spawn(async move { while changes.next().await.is_some() {} });
    for tasks in [1, CONNECTIONS] {
        let bare = Arc::new(try_join_all((0..tasks).map(|_| Bare::connect(url.to_owned()))).await?);
        let bare = Pool(bare);
        let mark = format!("f-{}-{tasks}", std::process::id());
        let (noted, alone) = (followed.claim(mark.clone(), 0), alone.claim(mark, 0));
        let name = "(a first claim while somebody follows, beside nobody)";
        options.compare(name, tasks, Target::AtLeast(0.7), noted, alone).await?;
        let merges: &[(&str, Merge<'_>)] = &[("", &|mark, work| bare.merge(mark, work))];
        ours.compare(options, ("postgres", tasks), || bare.get(), merges, ("ANY", bare.batch())).await?;
    }
    client.batch_execute("DROP TABLE bare").await?;
    Ok(())
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

impl Pool {
    fn get(&self) -> Side {
        let pool = self.clone();
        Side::new(move |i| {
            let pool = pool.clone();
            async move {
                let bare = &pool.0[i % pool.0.len()];
                let row = bare
                    .client
                    .query_one(&bare.get, &[&"default", &format!("user-{}", i % USERS), &"campaign-0"])
                    .await?;
                let _: (String, Vec<String>, Option<String>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                Ok(())
            }
        })
    }
    fn merge(&self, mark: String, work: usize) -> Side {
        let pool = self.clone();
        Side::new(move |i| {
            let (pool, (user, goal)) = (pool.clone(), about(&mark, work, i, AROUND));
            async move {
                let bare = &pool.0[i % pool.0.len()];
                let row = bare
                    .client
                    .query_one(&bare.merge, &[&"default", &user, &"campaign-0", &"Variation-1", &vec![goal]])
                    .await?;
                let _: (String, Vec<String>) = (row.try_get(0)?, row.try_get(1)?);
                Ok(())
            }
        })
    }
    fn batch(&self) -> Side {
        let pool = self.clone();
        Side::new(move |i| {
            let pool = pool.clone();
            async move {
                let bare = &pool.0[i % pool.0.len()];
                let users = (0..BATCH).map(|at| format!("user-{}", (i * 7 + at) % USERS)).collect::<Vec<_>>();
                for row in bare.client.query(&bare.batch, &[&"default", &users, &"campaign-0"]).await? {
                    let _: (String, Vec<String>, Option<String>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                }
                Ok(())
            }
        })
    }
}
