//! What stands in the columns, written by the store or by hand.
use super::servers::{bare, fresh_schema, now, open, with};
use serde_json::{Value, json};
use stayput::{
    Assignment, AssignmentStoreExt, ClaimId, Document, Entry, ErrorKind, Key, Kind, MetaData, Name, Offer, Outcome,
    ScanStore, Scope, Timestamp, Unknown, User,
};
use std::{sync::Arc, time::Duration};

/// A store in a schema of its own, an empty user of it, and the bare client, which looks there first.
async fn alone(url: &str, options: &str) -> (Arc<dyn ScanStore>, User, tokio_postgres::Client) {
    let schema = fresh_schema();
    let store = open(&with(url, &format!("schema={schema}&timeout=60s&connect=60s&{options}"))).await;
    let bare = bare(url).await;
    bare.batch_execute(&format!("SET search_path = {schema}")).await.expect("a schema");
    (store, User::new(&Scope::default(), "u").expect("legal"), bare)
}

fn key(user: &User, campaign: &str) -> Key {
    user.key(Kind::Classic, campaign).expect("legal")
}
fn offer(key: Key, variation: &str) -> Offer {
    let claim = ClaimId::random().expect("random");
    Offer::new(key, claim, now()).offering(Name::variation(variation).expect("legal"))
}

pub(crate) async fn numbers_in_documents_come_back_as_they_were(url: String) {
    let (store, user, bare) = alone(&url, "").await;
    let documents: Vec<Value> = vec![
        json!(null),
        json!([]),
        json!("text with 1e5 and -0.0"),
        json!({"b": 1, "aa": 2, "a": {"é": [true, null, "\u{10ffff}\u{1}"]}, "": 0}),
        json!([1, 1.0, 1.5, -1, 0, 0.1, 123456789012345680.0]),
        json!([u64::MAX, i64::MIN, i64::MAX]),
        json!([-0.0, 0.0]),
        json!([1e16, 1e15, 1e22, 1e300, -1e300, 1e-7, 1e-300, 5e-324, f64::MAX, f64::MIN_POSITIVE]),
        json!({"deep": [[[[[[[[[[{"er": 2.5e-8}]]]]]]]]]]}),
        json!("x".repeat(15_000)),
    ];
    for (i, value) in documents.iter().enumerate() {
        let document = Document::new("metaData", value).expect("legal");
        let extra =
            Document::new("extra", &json!({ "of": value.as_str().map_or(value, |_| &Value::Null) })).expect("legal");
        let offer = Offer {
            meta_data: Some(document.clone()),
            extra: Some(extra.clone()),
            ..offer(key(&user, &i.to_string()), "v")
        };
        store.claim_one(&offer).await.expect("claim");
        let held = store.get_one(&offer.key).await.expect("get").expect("held");
        assert_eq!(held.meta_data.as_ref().map(|held| held.document.as_str()), Some(document.as_str()));
        assert_eq!(held.extra.as_ref().map(Document::as_str), Some(extra.as_str()));
        // Were it not equal, this claim would change it.
        let later = Offer { claim: ClaimId(1), decided_at: Timestamp::MAX, ..offer };
        let claimed = store.claim_one(&later).await.expect("claim");
        assert_eq!(claimed.held.map(|held| held.revision), Some(1), "{value}");
    }
    let sql = r#"SELECT "campaignKey" FROM stayput_assignments WHERE "metaDataText" IS NOT NULL ORDER BY 1"#;
    let spelled: Vec<String> = bare.query(sql, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect();
    assert_eq!(spelled, ["4", "6", "7", "8"], "only where JSONB would change the spelling is the text kept");
    let sql = r#"SELECT ("metaData"->>0)::float8 FROM stayput_assignments WHERE "campaignKey" = '7'"#;
    assert_eq!(bare.query_one(sql, &[]).await.expect("a row").get::<_, f64>(0), 1e16, "people query JSONB");
}

pub(crate) async fn a_row_made_by_hand_is_an_assignment(url: String) {
    let (store, user, bare) = alone(&url, "").await;
    bare.batch_execute(
        r#"INSERT INTO stayput_assignments ("userId", "campaignKey", "variationName", "metaData")
        VALUES ('u', 'c', 'Variation-1', '{"b":1, "a":1.50}')"#,
    )
    .await
    .expect("defaults for the rest");
    let held = store.user(&user).await.expect("user");
    let [Entry { key: found, assignment }] = &held[..] else { panic!("{held:?}") };
    assert_eq!((found, assignment.variation.as_str(), assignment.revision), (&key(&user, "c"), "Variation-1", 1));
    let claimed = store.claim_one(&offer(key(&user, "c"), "w").bringing([Name::goal("g").expect("legal")])).await;
    let claimed = claimed.expect("claim");
    assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Kept, 1));
    let sql = r#"SELECT "variationName", "goalIdentifier", count(*) FROM stayput_assignments WHERE "campaignKey" = 'c' GROUP BY 1, 2"#;
    let row = bare.query_one(sql, &[]).await.expect("a row");
    assert_eq!((row.get::<_, &str>(0), row.get::<_, Vec<&str>>(1)), ("Variation-1", vec!["g"]));
    let refused = bare.batch_execute(r#"UPDATE stayput_assignments SET "goalIdentifier" = '{a,b}'"#).await;
    assert!(refused.is_err(), "a hand cannot leave goals without their claims");
}

pub(crate) async fn a_damaged_row_is_corrupt_and_stays_until_it_is_put_or_removed(url: String) {
    let (store, user, bare) = alone(&url, "").await;
    let sound = offer(key(&user, "sound"), "v");
    store.claim_one(&sound).await.expect("claim");
    bare.batch_execute(
        r#"ALTER TABLE stayput_assignments ALTER "variationName" DROP NOT NULL, ALTER "goalIdentifier" DROP NOT NULL,
           DROP CONSTRAINT stayput_assignments_check, DROP CONSTRAINT stayput_assignments_kind_check"#,
    )
    .await
    .expect("somebody took the constraints away");
    let damages = [
        r#""variationName" = NULL"#,
        r#""variationName" = ''"#,
        r#""variationName" = repeat('x', 257)"#,
        r#""goalIdentifier" = NULL"#,
        r#""goalIdentifier" = '{a,b}'"#,
        r#""goalIdentifier" = '{NULL}', "goalClaimIds" = '{1}'"#,
        r#""goalIdentifier" = '{a}', "goalClaimIds" = '{NULL}'"#,
        r#""metaData" = to_jsonb(repeat('x', 20000))"#,
        r#""changedAt" = '1969-01-01'"#,
        r#""assignedAt" = '-infinity'"#,
        r#"epoch = -1"#,
        r#"unknown = '\x01'"#,
        r#""metaDataText" = 'no JSON'"#,
    ];
    for (i, damage) in damages.iter().enumerate() {
        let offer = offer(key(&user, &format!("damaged {i:02}")), "v");
        store.claim_one(&offer).await.expect("claim");
        let row = async || {
            let sql = r#"SELECT t::text, xmin::text FROM stayput_assignments t WHERE "campaignKey" = $1"#;
            let row = bare.query_one(sql, &[&offer.key.campaign()]).await.expect("a row");
            (row.get::<_, String>(0), row.get::<_, String>(1))
        };
        let sql =
            format!(r#"UPDATE stayput_assignments SET {damage} WHERE "campaignKey" = '{}'"#, offer.key.campaign());
        bare.batch_execute(&sql).await.expect("a hand");
        let before = row().await;
        let corrupt = |error: stayput::Error| assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage}: {error}");
        corrupt(store.get_one(&offer.key).await.expect_err(damage));
        corrupt(store.get(&[sound.key.clone(), offer.key.clone()]).await.expect_err(damage));
        corrupt(store.claim_one(&offer).await.expect_err(damage));
        corrupt(store.user(&user).await.expect_err(damage));
        assert_eq!(row().await, before, "{damage}: it was not touched");
        let page = store.scan(None, None, 100).await.expect("scan");
        assert_eq!((page.entries.len(), page.unreadable.len()), (1, 1), "{damage}");
        assert_eq!(page.unreadable[0].key.as_ref(), Some(&offer.key));
        let repaired = sound.join(None, now()).claimed.held.expect("created");
        if i % 2 == 0 {
            let entry = Entry { key: offer.key.clone(), assignment: repaired };
            store.put(&[entry]).await.expect("put does away with it");
            assert!(store.get_one(&offer.key).await.expect("get").is_some());
        }
        store.remove(std::slice::from_ref(&offer.key)).await.expect("remove does too");
    }
    bare.batch_execute("UPDATE stayput_assignments SET kind = 'x'").await.expect("a hand");
    let page = store.scan(None, None, 100).await.expect("scan");
    assert_eq!((page.unreadable.len(), page.unreadable[0].key.clone()), (1, None), "a key that cannot be read");
    assert_eq!(store.erase(&user).await.expect("erase"), 1);
}

pub(crate) async fn fields_of_a_newer_version_survive(url: String) {
    let (store, user, _) = alone(&url, "").await;
    let unknown = Unknown::try_from(vec![200, 2, 1, 2]).expect("a field of a newer version");
    let held = offer(key(&user, "c"), "v").join(None, now()).claimed.held.expect("created");
    let document = Document::new("metaData", &json!(1)).expect("legal");
    let meta_data = Some(MetaData { document, at: now() });
    let entry = Entry { key: key(&user, "c"), assignment: Assignment { unknown, meta_data, ..held } };
    store.put(std::slice::from_ref(&entry)).await.expect("put");
    assert_eq!(store.get_one(&entry.key).await.expect("get").as_ref(), Some(&entry.assignment));
    let goal = Offer { variation: None, ..offer(entry.key.clone(), "v") }.bringing([Name::goal("g").expect("legal")]);
    let held = store.claim_one(&goal).await.expect("claim").held.expect("held");
    assert_eq!((held.unknown, held.goals.len()), (entry.assignment.unknown, 1));
}

pub(crate) async fn expired_rows_go_away_in_the_background(url: String) {
    let (store, user, bare) = alone(&url, "purge=100ms").await;
    let lasting = offer(key(&user, "stays"), "v");
    store.claim_one(&lasting).await.expect("claim");
    store
        .claim_one(&Offer { lasts: Some(Duration::from_secs(3_600)), ..offer(key(&user, "long"), "v") })
        .await
        .expect("claim");
    bare.batch_execute(
        r#"INSERT INTO stayput_assignments ("userId", "campaignKey", "variationName", "expiresAt")
           SELECT 'u', 'old ' || i, 'v', now() - interval '1 second' FROM generate_series(1, 1200) i"#,
    )
    .await
    .expect("more than two batches of them");
    assert_eq!(store.user(&user).await.expect("user").len(), 2, "absent before they are gone");
    let count = async || {
        let row = bare.query_one("SELECT count(*) FROM stayput_assignments", &[]).await.expect("a count");
        row.get::<_, i64>(0)
    };
    let begun = tokio::time::Instant::now();
    while count().await != 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} rows are left", count().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn some_of_a_users_many_campaigns_are_found(url: String) {
    let store = open(&url).await;
    let user = User::new(&Scope::new(&fresh_schema()).expect("legal"), "u").expect("legal");
    let key = |n: usize| user.key(Kind::Classic, &format!("c{n:03}")).expect("legal");
    let offer =
        |n| Offer::new(key(n), ClaimId(n as u64), now()).offering(Name::variation(&format!("v{n}")).expect("legal"));
    store.claim(&(0..100).map(offer).collect::<Vec<_>>()).await.expect("claim");
    // One in between cannot be read, and nobody asks for it.
    let sql = "UPDATE stayput_assignments SET \"variationName\" = '' WHERE scope = $1 AND \"campaignKey\" = 'c051'";
    bare(&url).await.execute(sql, &[&user.scope().as_str()]).await.expect("an update");
    let asked = [[99, 0, 50, 50, 200, 98], [50, 54, 52, 52, 49, 55]];
    for asked in asked.into_iter().chain(asked) {
        let held = store.get(&asked.map(key)).await.expect("get");
        let held = held.iter().map(|held| held.as_ref().map(|held| held.variation.to_string()));
        let wanted = asked.map(|n| Some(format!("v{n}")).filter(|_| n < 100));
        assert_eq!(held.collect::<Vec<_>>(), wanted, "{asked:?}");
    }
}
