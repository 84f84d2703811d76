//! What is stored is for people too: they query it, write it by hand, and damage it.
use super::servers::{bare, fresh_schema, now, open, with};
use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use serde_json::json;
use stayput::{AssignmentStoreExt, ClaimId, Document as Json, ErrorKind, Key, Kind, Name, Offer, Outcome, Scope, User};
use std::sync::Arc;

fn key(user: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, "checkout").expect("legal")
}
fn goal(name: &str) -> Name {
    Name::goal(name).expect("legal")
}
fn offer(user: &str) -> Offer {
    Offer::new(key(user), ClaimId::random().expect("random"), now()).offering(goal("Control"))
}

pub(crate) async fn a_claim_is_a_document_that_people_can_read_and_query(url: String) {
    let collection = fresh_schema();
    let store = open(&with(&url, &format!("collection={collection}&retention=90d"))).await;
    let bare = bare(&url, &collection).await;
    let plan = Some(Json::new("metaData", &json!({"plan": "gold", "age": 41, "odd": [1.0, null]})).expect("legal"));
    let first = Offer { meta_data: plan, ..offer("ashley") }.bringing([goal("seen"), goal("bought")]);
    store.claim_one(&first).await.expect("claim");
    let query =
        doc! { "userId": "ashley", "metaData.plan": "gold", "metaData.age": { "$gt": 40 }, "goalIdentifier": "bought" };
    let found = bare.find_one(query).await.expect("a query").expect("one document");
    for (field, value) in [("campaignKey", "checkout"), ("variationName", "Control"), ("kind", "classic")] {
        assert_eq!(found.get_str(field).ok(), Some(value));
    }
    assert_eq!(found.get("goalIdentifier"), Some(&vec!["seen", "bought"].into()));
    assert!(found.get_datetime("expiresAt").is_ok(), "a TTL index needs a date");
    let odd = Some(Json::new("metaData", &json!({"a.b": 1, "$set": u64::MAX})).expect("legal"));
    let claimed = store.claim_one(&Offer { meta_data: odd.clone(), ..offer("bob") }).await.expect("claim");
    let found = bare.find_one(doc! { "userId": "bob" }).await.expect("a query").expect("one document");
    assert!(found.get("metaData").is_none() && found.get_str("metaDataText").is_ok(), "BSON cannot hold it: {found}");
    assert_eq!(claimed.held.and_then(|held| held.meta_data).map(|held| held.document), odd);
}

pub(crate) async fn the_index_is_there_and_may_be_made_by_many_at_once(url: String) {
    let collection = fresh_schema();
    let address = with(&url, &format!("collection={collection}&timeout=20s"));
    let opened = (0..8).map(|_| {
        let address = address.clone();
        tokio::spawn(async move { open(&address).await })
    });
    for store in opened.collect::<Vec<_>>() {
        store.await.expect("opened");
    }
    let bare = bare(&url, &collection).await;
    let indexes: Vec<_> = bare.list_indexes().await.expect("indexes").try_collect().await.expect("indexes");
    let options: Vec<_> = indexes.into_iter().filter_map(|index| index.options).collect();
    let mut names: Vec<_> = options.iter().filter_map(|options| options.name.as_deref()).collect();
    names.sort_unstable();
    names.dedup(); // the server of the tests may list one twice that two made at once
    assert_eq!(names, ["_id_", "stayput_expiry"], "each further one costs every insert");
    assert!(options.iter().any(|options| options.expire_after == Some(std::time::Duration::ZERO)));
}

pub(crate) async fn a_document_made_by_hand_is_an_assignment(url: String) {
    let collection = fresh_schema();
    let store = open(&with(&url, &format!("collection={collection}"))).await;
    let bare = bare(&url, &collection).await;
    let by_hand = doc! {
        "_id": "default/carol/classic/checkout", "userId": "carol", "variationName": "Control", "goalIdentifier": ["seen"],
        "revision": 3.0, "note": "by hand",
    };
    bare.insert_one(by_hand).await.expect("insert");
    let held = store.get_one(&key("carol")).await.expect("get").expect("held");
    assert_eq!((held.variation.as_str(), held.goals.len(), held.revision), ("Control", 1, 3));
    let claimed = store.claim_one(&offer("carol").bringing([goal("seen"), goal("bought")])).await.expect("claim");
    assert_eq!((claimed.outcome, claimed.new_goals), (Outcome::Joined, vec![goal("bought")]));
    let found = bare.find_one(doc! { "userId": "carol" }).await.expect("a query").expect("one document");
    assert_eq!(found.get_str("note").ok(), Some("by hand"), "what Stayput does not know stays");
}

/// Every part may hold what separates them, and what escapes that.
pub(crate) async fn names_of_documents_are_those_of_keys(url: String) {
    let collection = fresh_schema();
    let store = open(&with(&url, &format!("collection={collection}"))).await;
    let bare = bare(&url, &collection).await;
    let mut names = Vec::new();
    for [scope, user, campaign, name] in [
        ["s", "u", "c", "s/u/classic/c"],
        ["s/u", "u", "c", "s%2Fu/u/classic/c"],
        ["s", "u/classic/c", "c", "s/u%2Fclassic%2Fc/classic/c"],
        ["s", "u%2F", "c", "s/u%252F/classic/c"],
        ["s", "u0", "/", "s/u0/classic/%2F"],
        ["s", "%", "%25", "s/%25/classic/%2525"],
        ["s", "ü", " ", "s/ü/classic/ "],
    ] {
        let scope = Scope::new(scope).expect("legal");
        let key = Key::new(&scope, Kind::Classic, user, campaign).expect("legal");
        let offer = Offer { key: key.clone(), ..offer("somebody") };
        assert_eq!(store.claim_one(&offer).await.expect("claim").outcome, Outcome::Created, "{name}");
        assert!(store.get_one(&key).await.expect("get").is_some());
        assert!(bare.find_one(doc! { "_id": name }).await.expect("a query").is_some(), "{name}");
        let of_user = store.user(key.user()).await.expect("listed");
        assert_eq!(of_user.iter().map(|entry| &entry.key).collect::<Vec<_>>(), [&key], "nobody else's");
        names.push(name);
    }
    names.sort_unstable();
    let page = store.scan(None, None, 100).await.expect("a scan");
    assert_eq!((page.entries.len(), page.unreadable.len()), (names.len(), 0));
    for wrong in ["s/u/classic", "s/u/classic/c/d", "s/u/other/c", "s/%2f/classic/c", "s/%/classic/c", "/u/classic/c"] {
        bare.insert_one(doc! { "_id": wrong, "variationName": "Control" }).await.expect("insert");
        let page = store.scan(None, None, 100).await.expect("a scan goes on");
        assert_eq!((page.entries.len(), page.unreadable.len()), (names.len(), 1), "{wrong}");
        bare.delete_one(doc! { "_id": wrong }).await.expect("gone");
    }
    let renamed = doc! { "$set": { "userId": "somebody else" } };
    bare.update_one(doc! { "_id": "s/u/classic/c" }, renamed).await.expect("an update");
    let key = Key::new(&Scope::new("s").expect("legal"), Kind::Classic, "u", "c").expect("legal");
    let read = store.get_one(&key).await.map(drop).expect_err("whose is it?");
    let claimed = store.claim_one(&Offer { key, ..offer("somebody") }).await.map(drop).expect_err("whose is it?");
    assert_eq!((read.kind(), claimed.kind()), (ErrorKind::Corrupt, ErrorKind::Corrupt));
}

/// A comparison of less than the whole document would overwrite what a hand changed between a claim's look and its write.
pub(crate) async fn a_hand_that_changes_a_document_meanwhile_is_not_overwritten(url: String) {
    let collection = fresh_schema();
    let store = open(&with(&url, &format!("collection={collection}&timeout=20s"))).await;
    store.claim_one(&offer("dave")).await.expect("claim");
    let bare = Arc::new(bare(&url, &collection).await);
    let hand = tokio::spawn({
        let bare = bare.clone();
        async move {
            for i in 0..300 {
                let number = doc! { "$set": { format!("hand{i}"): i } };
                bare.update_one(doc! { "userId": "dave" }, number).await.expect("an update");
            }
        }
    });
    let mut goals = 0;
    while !hand.is_finished() && goals < 900 {
        store.claim_one(&offer("dave").bringing([goal(&goals.to_string())])).await.expect("claim");
        goals += 1;
    }
    hand.await.expect("the hand");
    let found = bare.find_one(doc! { "userId": "dave" }).await.expect("a query").expect("one document");
    let missing: Vec<i32> = (0..300).filter(|i| !found.contains_key(format!("hand{i}"))).collect();
    assert_eq!(missing, [0; 0], "overwritten");
    let held = store.get_one(&key("dave")).await.expect("get").expect("held");
    assert_eq!(held.goals.len(), goals);
}

pub(crate) async fn a_damaged_document_is_corrupt_and_stays_until_it_is_put_or_removed(url: String) {
    let collection = fresh_schema();
    let store = open(&with(&url, &format!("collection={collection}"))).await;
    let bare = bare(&url, &collection).await;
    let damages: [(&str, Document); 6] = [
        ("no variation", doc! { "$unset": { "variationName": "" } }),
        ("a variation that is none", doc! { "$set": { "variationName": 1 } }),
        ("goals that are none", doc! { "$set": { "goalIdentifier": "seen" } }),
        ("a claim id that is none", doc! { "$set": { "claimId": "nobody" } }),
        ("an end that is none", doc! { "$set": { "expiresAt": "tomorrow" } }),
        ("a type that JSON has not", doc! { "$set": { "metaData": mongodb::bson::oid::ObjectId::new() } }),
    ];
    for (what, damage) in damages {
        let sound = store.claim_one(&offer("erin")).await.expect("claim").held.expect("held");
        bare.update_one(doc! { "userId": "erin" }, damage).await.expect("damage");
        let read = store.get_one(&key("erin")).await.map(drop).expect_err(what);
        let claimed = store.claim_one(&offer("erin")).await.map(drop).expect_err(what);
        assert_eq!((read.kind(), claimed.kind()), (ErrorKind::Corrupt, ErrorKind::Corrupt), "{what}: {read}");
        assert!(!format!("{read:?} {claimed:?}").contains("erin"), "{read:?}");
        let page = store.scan(None, None, 10).await.expect("a scan goes on");
        assert_eq!((page.entries.len(), page.unreadable.len()), (0, 1), "{what}");
        assert_eq!(page.unreadable.first().and_then(|bad| bad.key.clone()), Some(key("erin")));
        let entry = stayput::Entry { key: key("erin"), assignment: sound };
        store.put(std::slice::from_ref(&entry)).await.expect("put");
        assert_eq!(store.get_one(&key("erin")).await.expect("get"), Some(entry.assignment));
        assert_eq!(store.erase(&User::new(&Scope::default(), "erin").expect("legal")).await.expect("erase"), 1);
    }
}
