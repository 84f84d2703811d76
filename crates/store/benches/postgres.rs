//! The store against the bare client that does the same: `STAYPUT_TEST_POSTGRES=… cargo bench --features postgres
//! --bench postgres`. Rounds of both alternate; what counts is the ratio.
use futures_util::future::join_all;
use stayput::{
    AssignmentStore, AssignmentStoreExt, ClaimId, Clock, Key, Kind, Name, Offer, ScanStore, Scope, SystemClock,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls, Statement};

const KEYS: u64 = 1_000;
const ROUND: Duration = Duration::from_millis(1_500);
const ROUNDS: usize = 5;

const GET: &str = r#"SELECT "variationName", "goalIdentifier", "metaData" FROM stayput_assignments
    WHERE scope = $1 AND "userId" = $2 AND kind = 'classic' AND "campaignKey" = $3"#;
/// The smallest merge that keeps the first variation and every goal, and says what is held.
const MERGE: &str = r#"INSERT INTO bare AS b VALUES ($1, $2, 'classic', $3, $4, $5)
    ON CONFLICT (scope, "userId", kind, "campaignKey") DO UPDATE SET "goalIdentifier" = b."goalIdentifier" ||
    ARRAY(SELECT g FROM unnest(excluded."goalIdentifier") g WHERE g <> ALL (b."goalIdentifier"))
    RETURNING "variationName", "goalIdentifier""#;
const TABLE: &str = r#"DROP TABLE IF EXISTS bare; CREATE TABLE bare (scope text COLLATE "C", "userId" text COLLATE "C",
    kind text COLLATE "C", "campaignKey" text COLLATE "C", "variationName" text, "goalIdentifier" text[],
    PRIMARY KEY (scope, "userId", kind, "campaignKey"))"#;

#[tokio::main]
async fn main() {
    #[expect(clippy::disallowed_methods, reason = "servers/up says so in the environment")]
    let Ok(url) = std::env::var("STAYPUT_TEST_POSTGRES") else {
        return println!("STAYPUT_TEST_POSTGRES is not set");
    };
    let store = stayput::open(&format!("{url}?timeout=30s&purge=off")).await.expect("a server");
    let bare = join_all((0..16).map(|_| Bare::connect(&url))).await;
    bare[0].client.batch_execute(TABLE).await.expect("a table");
    let bare: Vec<Arc<Bare>> = join_all(bare.into_iter().map(Bare::ready)).await.into_iter().map(Arc::new).collect();
    let scope = Scope::new(&format!("bench-{}", ClaimId::random().expect("random"))).expect("legal");
    let campaigns: Vec<Offer> = (0..50)
        .map(|campaign| {
            let key = Key::new(&scope, Kind::Classic, "user-1", &format!("c{campaign}")).expect("legal");
            Offer::new(key, ClaimId::random().expect("random"), SystemClock.now())
                .offering(Name::variation("v").expect("legal"))
        })
        .collect();
    store.claim(&campaigns).await.expect("claim");
    println!("{:<44}{:>10}{:>10}{:>8}", "operations a second", "bare", "stayput", "ratio");
    for what in [What::Create, What::Repeat, What::Get, What::GetOfUser(50), What::GetMany(50), What::Goal] {
        for tasks in [1, 16] {
            let mut rates = [Vec::new(), Vec::new()];
            for round in 0..ROUNDS {
                let mark = format!("{what:?} {tasks} {round}");
                rates[0].push(
                    rate(tasks, |task, i| what.bare(bare[task % 16].clone(), scope.clone(), mark.clone(), i)).await,
                );
                rates[1].push(rate(tasks, |_, i| what.store(store.clone(), scope.clone(), mark.clone(), i)).await);
            }
            let [bare, ours] = rates.map(|mut rates| {
                rates.sort_by(f64::total_cmp);
                rates[ROUNDS / 2]
            });
            println!("{:<44}{bare:>10.0}{ours:>10.0}{:>8.2}", format!("{what:?}, {tasks} at once"), ours / bare);
        }
    }
    bare[0].client.batch_execute("DROP TABLE bare").await.expect("no table");
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// A claim of a key that nobody holds.
    Create,
    /// A claim that changes nothing.
    Repeat,
    /// A claim that brings a goal to what is held.
    Goal,
    Get,
    GetOfUser(u64),
    GetMany(u64),
}

impl What {
    async fn store(self, store: Arc<dyn ScanStore>, scope: Scope, mark: String, i: u64) {
        let key = |user: &str, campaign: &str| Key::new(&scope, Kind::Classic, user, campaign).expect("legal");
        let name = |name: &str| Name::goal(name).expect("legal");
        let offer = |key: Key, goal: &str| {
            let claim = ClaimId::random().expect("random");
            Offer::new(key, claim, SystemClock.now()).offering(name("Variation-1")).bringing([name(goal)])
        };
        let known = || key(&format!("user-{}", i % KEYS), "c");
        match self {
            Self::Create => drop(store.claim_one(&offer(key(&format!("{mark} {i}"), "c"), "g")).await.expect("claim")),
            Self::Repeat => drop(store.claim_one(&offer(known(), "g")).await.expect("claim")),
            Self::Goal => drop(store.claim_one(&offer(known(), &format!("{mark} {}", i / KEYS))).await.expect("claim")),
            Self::Get => drop(store.get_one(&known()).await.expect("get")),
            Self::GetOfUser(many) => {
                let keys: Vec<Key> = (0..many).map(|campaign| key("user-1", &format!("c{campaign}"))).collect();
                drop(store.get(&keys).await.expect("get"));
            }
            Self::GetMany(many) => {
                let keys: Vec<Key> = (0..many).map(|at| key(&format!("user-{}", (i * 7 + at) % KEYS), "c")).collect();
                drop(store.get(&keys).await.expect("get"));
            }
        }
    }

    /// Batches are compared with one get.
    async fn bare(self, bare: Arc<Bare>, scope: Scope, mark: String, i: u64) {
        let (scope, user) = (scope.as_str(), format!("user-{}", i % KEYS));
        let (client, merge) = (&bare.client, bare.merge.as_ref().expect("prepared"));
        match self {
            Self::Create => {
                let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
                    [&scope, &format!("{mark} {i}"), &"c", &"Variation-1", &vec!["g"]];
                drop(client.query(merge, &params).await.expect("merge"));
            }
            Self::Repeat | Self::Goal => {
                let goal = if matches!(self, Self::Goal) { format!("{mark} {}", i / KEYS) } else { "g".into() };
                drop(client.query(merge, &[&scope, &user, &"c", &"Variation-1", &vec![goal]]).await.expect("merge"));
            }
            _ => drop(client.query(&bare.get, &[&scope, &user, &"c"]).await.expect("get")),
        }
    }
}

struct Bare {
    client: Client,
    get: Statement,
    merge: Option<Statement>,
}

impl Bare {
    async fn connect(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a server");
        tokio::spawn(connection);
        let get = client.prepare(GET).await.expect("a statement");
        Self { client, get, merge: None }
    }
    async fn ready(self) -> Self {
        let merge = self.client.prepare(MERGE).await.expect("a statement");
        Self { merge: Some(merge), ..self }
    }
}

async fn rate<F: Future<Output = ()>>(tasks: usize, operation: impl Fn(usize, u64) -> F + Clone) -> f64 {
    let (next, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let running = (0..tasks).map(|task| {
        let (next, operation) = (next.clone(), operation.clone());
        async move {
            while begun.elapsed() < ROUND {
                operation(task, next.fetch_add(1, Ordering::Relaxed)).await;
            }
        }
    });
    join_all(running).await;
    next.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}
