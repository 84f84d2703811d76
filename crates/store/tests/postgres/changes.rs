//! A near cache hears of what other clients change, of what hands change too, and that it may have missed something.
use super::{
    pushes::{self, Cache, cache, eventually, first, hold, kept, known, offer, open, second, user, variation},
    restart::Servers,
    servers::{bare, fresh_schema, proxied, variable, with},
};
use stayput::{AssignmentStoreExt, Change, Key, testing::Proxy};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A schema of the test's own.
fn own(url: &str) -> (String, String) {
    let schema = fresh_schema();
    (with(url, &format!("schema={schema}&timeout=5s&connect=5s&purge=off")), schema)
}
fn id(key: &Key) -> &str {
    key.user().id()
}

pub(crate) async fn what_others_change_is_seen(url: String) {
    let (url, _) = own(&url);
    pushes::what_others_change_is_seen(&cache(&url).await, &open(&url).await).await;
}
pub(crate) async fn what_others_change_is_seen_with_tls(url: String) {
    let authority = variable("STAYPUT_TEST_POSTGRES_TLS_CA").expect("given with the URL");
    let (url, _) = own(&url);
    let url = format!("{url}&sslmode=verify-full&sslrootcert={authority}");
    pushes::what_others_change_is_seen(&cache(&url).await, &open(&url).await).await;
}

/// `url` goes through PgBouncer.
pub(crate) async fn a_pooler_cannot_be_followed_and_the_server_behind_it_can(url: String) {
    let (through, _) = own(&url);
    assert!(stayput::open_followed(&through).await.expect("a store").1.is_none());
    let direct = variable("STAYPUT_TEST_PGBOUNCER_DIRECT").expect("given with the URL");
    let followed = format!("{through}&listen={direct}?sslmode=disable%26connect=1s");
    pushes::what_others_change_is_seen(&cache(&followed).await, &open(&through).await).await;
    assert!(stayput::open_followed(&format!("{through}&listen=off")).await.expect("a store").1.is_none());
    // Another pooler is no server.
    let (_, changes) = stayput::open_followed(&format!("{through}&listen={url}")).await.expect("a store");
    let heard = timeout(Duration::from_secs(2), async { changes.expect("it tries").next().await });
    assert!(heard.await.is_err(), "nothing is followed, so nothing is told");
}

pub(crate) async fn what_hands_change_is_seen(url: String) {
    let (through, schema) = own(&url);
    let (cache, hand) = (cache(&through).await, bare(&url).await);
    let (one, other, third) = (user(), user(), user());
    for key in [&one, &other, &third] {
        hold(&cache, &cache, &first(key)).await;
    }
    let update = format!("UPDATE {schema}.stayput_assignments SET \"variationName\" = 'hand' WHERE \"userId\" = $1");
    hand.execute(&update, &[&id(&one)]).await.expect("a row");
    eventually("the push", async || known(&cache, &one).is_none()).await;
    assert_eq!(cache.get_one(&one).await.expect("a read").expect("held").variation, variation("hand"));
    let rename = format!("UPDATE {schema}.stayput_assignments SET \"userId\" = 'new' WHERE \"userId\" = $1");
    hand.execute(&rename, &[&id(&other)]).await.expect("a row");
    eventually("the push", async || known(&cache, &other).is_none()).await;
    assert_eq!(known(&cache, &third), Some("first".into()), "nobody else is forgotten");
    let before = cache.stats().outdated;
    hand.batch_execute(&format!("TRUNCATE {schema}.stayput_assignments")).await.expect("nothing is left");
    eventually("that it is told", async || cache.stats().outdated > before).await;
    assert_eq!(cache.get_one(&third).await.expect("a read"), None);
}

/// Transactions become visible in another order than that in which they wrote.
pub(crate) async fn what_commits_late_is_seen(url: String) {
    let (through, schema) = own(&url);
    let (cache, hand) = (cache(&through).await, bare(&url).await);
    let (early, late) = (user(), user());
    for key in [&early, &late] {
        hold(&cache, &cache, &first(key)).await;
    }
    let update = |key: &Key| {
        let id = id(key);
        format!("UPDATE {schema}.stayput_assignments SET \"variationName\" = 'hand' WHERE \"userId\" = '{id}'")
    };
    hand.batch_execute(&format!("BEGIN; {}", update(&late))).await.expect("a row");
    cache.inner().claim_one(&second(&early)).await.expect("claim");
    eventually("the push", async || known(&cache, &early).is_none()).await;
    kept(&cache, &early).await;
    assert_eq!(known(&cache, &late), Some("first".into()));
    hand.batch_execute("COMMIT").await.expect("committed");
    eventually("the push", async || known(&cache, &late).is_none()).await;
    assert_eq!(cache.get_one(&late).await.expect("a read").expect("held").variation, variation("hand"));
    // What began before anybody followed, and did not note anything, is waited for.
    drop(cache);
    let key = user();
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid < 64 AND mode = 'ShareLock' \
                 AND classid = $1::text::regclass::oid";
    let locks = async || {
        let table = format!("{schema}.stayput_assignments");
        bare(&url).await.query_one(locks, &[&table]).await.expect("a count").get::<_, i64>(0)
    };
    let other = open(&through).await;
    eventually("nobody follows", async || {
        other.claim_one(&first(&user())).await.expect("a claim"); // who hears of it finds that nobody is there
        locks().await == 0
    })
    .await;
    hand.batch_execute(&format!("BEGIN; {}", update(&early))).await.expect("a row");
    let (store, changes) = stayput::open_followed(&through).await.expect("a store");
    let mut changes = changes.expect("it pushes");
    let first_heard = tokio::spawn(async move { (changes.next().await, changes) });
    eventually("it waits for the lock", async || locks().await > 0).await;
    store.claim_one(&first(&key)).await.expect("nobody else waits");
    sleep(Duration::from_millis(300)).await;
    assert!(!first_heard.is_finished(), "nothing is told before nothing can be missed");
    hand.batch_execute("COMMIT").await.expect("committed");
    assert_eq!(first_heard.await.expect("no panic").0, Some(Change::Everything));
}

pub(crate) async fn nothing_is_noted_while_nobody_follows(url: String) {
    let (through, schema) = own(&url);
    let (store, changes) = stayput::open_followed(&through).await.expect("a store");
    let bare = bare(&url).await;
    let noted = async || {
        let noted = format!("SELECT count(*) FROM {schema}.stayput_changes");
        bare.query_one(&noted, &[]).await.expect("a count").get::<_, i64>(0)
    };
    let key = user();
    store.claim_one(&first(&key)).await.expect("claim");
    assert_eq!(noted().await, 0, "whoever could listen does not yet");
    let mut changes = changes.expect("it pushes");
    assert_eq!(changes.next().await, Some(Change::Everything));
    store.claim_one(&offer(&key).offering(variation("first"))).await.expect("claim");
    assert_eq!(noted().await, 0, "nothing has changed");
    store.claim_one(&second(&key)).await.expect("claim");
    assert_eq!(noted().await, 1);
    assert_eq!(changes.next().await, Some(Change::User(key.user().clone())));
    drop(changes);
    let user = user();
    eventually("nobody follows", async || {
        let before = noted().await;
        store.put(&[]).await.expect("nothing");
        store.erase(user.user()).await.expect("nothing");
        store.claim_one(&first(&user)).await.expect("claim");
        noted().await == before
    })
    .await;
    // What is left is swept by the next who follows, and it is not news.
    assert!(noted().await > 0);
    let (_, changes) = stayput::open_followed(&through).await.expect("a store");
    let mut changes = changes.expect("it pushes");
    assert_eq!(changes.next().await, Some(Change::Everything));
    let news = tokio::spawn(async move { changes.next().await });
    eventually("everything is swept", async || noted().await == 0).await;
    assert!(!news.is_finished());
}

/// Writers who come at once take each other for followers, and nobody else would sweep what they note.
pub(crate) async fn what_was_noted_for_nobody_goes_away(url: String) {
    let schema = fresh_schema();
    let store = open(&with(&url, &format!("schema={schema}&timeout=5s&connect=5s&purge=1s"))).await;
    let bare = bare(&url).await;
    let note = format!("INSERT INTO {schema}.stayput_changes (scope, \"userId\") VALUES ('default', 'u')");
    bare.batch_execute(&note).await.expect("noted");
    eventually("it is swept", async || {
        let noted = format!("SELECT count(*) FROM {schema}.stayput_changes");
        bare.query_one(&noted, &[]).await.expect("a count").get::<_, i64>(0) == 0
    })
    .await;
    drop(store);
}

async fn behind_proxy(url: &str) -> (Proxy, Cache) {
    let (proxy, through) = proxied(url).await;
    let cache = cache(&own(&through).0).await;
    (proxy, cache)
}
pub(crate) async fn a_lost_connection_makes_everything_outdated(url: String) {
    let (proxy, cache) = behind_proxy(&url).await;
    pushes::a_lost_connection_makes_everything_outdated(&proxy, &cache).await;
}
pub(crate) async fn a_silent_connection_makes_everything_outdated(url: String) {
    let (proxy, cache) = behind_proxy(&url).await;
    pushes::a_silent_connection_makes_everything_outdated(&proxy, &cache).await;
}

pub(crate) async fn changes_are_followed_again_after_a_restart(_: String) {
    let folder = tempfile::tempdir().expect("a folder");
    let servers = Servers(folder.path());
    let url = with(&servers.up_as("postgres", "POSTGRES").await, "timeout=5s&connect=5s&purge=off");
    let (cache, other) = (cache(&url).await, open(&url).await);
    let (stop, start) = (
        async || servers.signal_to("postgres", "KILL").await,
        async || drop(servers.up_as("postgres", "POSTGRES").await),
    );
    pushes::a_restart_is_survived(&cache, &other, stop, start).await;
    drop((cache, other));
    servers.down().await;
}

pub(crate) async fn a_role_that_may_not_read_changes_claims_all_the_same(url: String) {
    let (through, schema) = own(&url);
    let mut changes = stayput::open_followed(&through).await.expect("a store").1.expect("it pushes");
    let (bare, role) = (bare(&url).await, fresh_schema());
    let grant = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'hunter2'; GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT SELECT ON {schema}.stayput_schema TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.stayput_assignments TO {role}"
    );
    bare.batch_execute(&grant).await.expect("a role");
    let theirs = through.replace("stayput:correct-horse", &format!("{role}:hunter2"));
    let (store, their_changes) = stayput::open_followed(&theirs).await.expect("a store");
    assert_eq!(changes.next().await, Some(Change::Everything));
    let key = user();
    store.claim_one(&first(&key)).await.expect("claim");
    assert_eq!(changes.next().await, Some(Change::User(key.user().clone())), "others follow what it claims");
    let mut their_changes = their_changes.expect("it tries");
    let heard = timeout(Duration::from_secs(1), their_changes.next()).await;
    assert!(heard.is_err(), "it may not");
}
