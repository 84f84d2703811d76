//! The tables: made once, brought up to date, refused if they are too new.
use super::servers::{bare, fresh_schema, open, refusal, with};
use futures_util::future::join_all;
use stayput::ErrorKind;

pub(crate) async fn many_open_an_empty_database_at_once(url: String) {
    at_once(&url).await;
}
pub(crate) async fn many_open_an_empty_database_behind_pgbouncer_at_once(url: String) {
    at_once(&url).await;
}

async fn at_once(url: &str) {
    // A name that has to be quoted.
    let schema = format!("Stayput \"{}'", fresh_schema());
    let encoded = schema.replace(' ', "%20").replace('"', "%22").replace('\'', "%27");
    let through = with(url, &format!("schema={encoded}"));
    join_all((0..12).map(|_| open(&through))).await;
    let quoted = schema.replace('"', "\"\"");
    let sql = format!("SELECT version, needs FROM \"{quoted}\".stayput_schema ORDER BY 1");
    // Not prepared: PgBouncer may send each message to another server.
    let steps = bare(url).await.query_typed(&sql, &[]).await.expect("steps");
    let steps: Vec<(i32, i32)> = steps.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(steps, [(1, 1), (2, 1), (3, 1), (4, 1)], "each step was taken once");
}

pub(crate) async fn steps_that_are_missing_are_taken(url: String) {
    let schema = fresh_schema();
    let through = with(&url, &format!("schema={schema}"));
    drop(open(&through).await);
    let bare = bare(&url).await;
    let undo = format!(
        "DROP INDEX {schema}.stayput_assignments_expiry; DROP TABLE {schema}.stayput_changes;
         DROP FUNCTION {schema}.stayput_changed CASCADE; DROP FUNCTION {schema}.stayput_create;
         DROP FUNCTION {schema}.stayput_bring; DELETE FROM {schema}.stayput_schema WHERE version > 1;
         INSERT INTO {schema}.stayput_assignments (\"userId\", \"campaignKey\", \"variationName\") VALUES ('u', 'c', 'v')"
    );
    bare.batch_execute(&undo).await.expect("as the first version left it");
    let store = open(&through).await;
    assert_eq!(store.scan(None, None, 10).await.expect("scan").entries.len(), 1, "what was held is held");
    let sql = "SELECT count(*) FROM pg_indexes WHERE schemaname = $1 AND indexname = 'stayput_assignments_expiry'";
    assert_eq!(bare.query_one(sql, &[&schema]).await.expect("a count").get::<_, i64>(0), 1);
}

pub(crate) async fn tables_of_a_newer_version_are_refused(url: String) {
    let schema = fresh_schema();
    let through = with(&url, &format!("schema={schema}"));
    drop(open(&through).await);
    let bare = bare(&url).await;
    let later = format!("INSERT INTO {schema}.stayput_schema VALUES (5, 1)");
    bare.batch_execute(&later).await.expect("a step that we need not know");
    drop(open(&through).await);
    let breaking = format!("INSERT INTO {schema}.stayput_schema VALUES (6, 6)");
    bare.batch_execute(&breaking).await.expect("a step that we need to know");
    let error = refusal(&through).await;
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("newer version of Stayput"), "{error}");
}
