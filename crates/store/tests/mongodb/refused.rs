//! What cannot be opened: one clear sentence each, and no secret in it.
use super::{
    environment::place,
    servers::{fresh_schema, with},
};
use mongodb::{Client, bson::doc};
use stayput::{Error, ErrorKind};
use std::error::Error as _;

/// Why `url` cannot be opened: of `kind`, says `what`, in one sentence, and nowhere the password.
async fn says(url: &str, kind: ErrorKind, what: &str) {
    let error: Error = stayput::open(url).await.map(drop).expect_err(url);
    let told = error.to_string();
    assert!(
        error.kind() == kind && told.contains(what) && !told.contains('\n') && told.len() < 300,
        "{url}: {error:?}"
    );
    let mut everything = format!("{error:?} {told}");
    let mut cause = error.source();
    while let Some(error) = cause {
        everything.push_str(&format!("{error:?} {error}"));
        cause = error.source();
    }
    assert!(!everything.contains("s3cret"), "a secret is out: {everything}");
}

pub(crate) async fn what_cannot_be_opened_says_why_in_one_sentence(url: String) {
    use ErrorKind::{Invalid, Refused, Unavailable};
    let (host, _) = url.trim_start_matches("mongodb://").split_once('/').expect("a database");
    for (url, kind, what) in [
        ("mongodb:me:s3cret@localhost".to_owned(), Invalid, "must look like"),
        ("mongodb://".to_owned(), Invalid, "must look like"),
        ("mongodb://me:s3cret@localhost:many/x".to_owned(), Invalid, "must look like"),
        ("mongodb://me:s3c@ret@localhost/x".to_owned(), Invalid, "must look like"),
        ("mongodb+srv://me:s3cret@localhost:1/x".to_owned(), Invalid, "must look like"),
        (with(&url, "readPreference=whoever"), Invalid, "must look like"),
        (with(&url, "w=0"), Invalid, "w=0 would lose claims"),
        (with(&url, "collection=a$b"), Invalid, "collection must be"),
        (with(&url, "pool=0"), Invalid, "pool must be"),
        (with(&url, "timeout=soon"), Invalid, "timeout must be"),
        (with(&url, "sticky=1"), Invalid, "no option \"sticky\""),
        (with("mongodb://me:s3cret@127.0.0.1:1/x", "timeout=500ms"), Unavailable, "no server can be reached"),
        (with(&format!("mongodb://{host}/x"), "replicaSet=rs&timeout=500ms"), Unavailable, ""),
        (with(&url, "tls=true&tlsCAFile=/does/not/exist"), Refused, "TLS"),
    ] {
        says(&url, kind, what).await;
    }
}

pub(crate) async fn an_index_of_ours_with_other_settings_is_not_replaced(url: String) {
    let collection = fresh_schema();
    let client = Client::with_uri_str(place("STAYPUT_TEST_MONGODB").expect("checked before")).await.expect("a URL");
    let database = client.default_database().expect("a database");
    let index = doc! { "name": "stayput_expiry", "key": { "expiresAt": 1 }, "unique": true };
    database.run_command(doc! { "createIndexes": &collection, "indexes": [index] }).await.expect("an index");
    says(&with(&url, &format!("collection={collection}")), ErrorKind::Refused, "with other settings").await;
}
