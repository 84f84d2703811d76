//! Every statement that Stayput sends once a store is open.
use super::schema::Schema;
use crate::limits::{DOCUMENTS, GOALS, NAME};
use deadpool_postgres::tokio_postgres::types::Type;

/// A statement, the types of its parameters (a pooler may not let us ask the server for them), and what to expect.
#[derive(Debug)]
pub(super) struct Statement {
    /// Which of [`Statements`] it is.
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) types: Vec<Type>,
    /// Whether it may be sent again when its answer was lost.
    pub(super) repeatable: bool,
}

/// How many [`Statements`] there are, at most.
pub(super) const COUNT: usize = 20;

#[derive(Debug)]
pub(super) struct Statements {
    pub(super) get: Statement,
    pub(super) get_of_user: Statement,
    pub(super) get_between: Statement,
    pub(super) get_many: Statement,
    pub(super) create: Statement,
    pub(super) bring: Statement,
    pub(super) claim: Statement,
    pub(super) claim_goals: Statement,
    pub(super) swap: Statement,
    pub(super) put: Statement,
    pub(super) remove: Statement,
    pub(super) user: Statement,
    pub(super) erase: Statement,
    pub(super) scan: Statement,
    pub(super) scan_scope: Statement,
    pub(super) purge: Statement,
    pub(super) sweep: Statement,
}

/// The primary key, in the order of [`Key`](crate::Key).
const KEY: [&str; 4] = ["scope", r#""userId""#, "kind", r#""campaignKey""#];

/// What is held, in the order in which [`row`](super::row) reads and writes it, with the types that are sent.
static FIELDS: [(&str, Type); 15] = [
    (r#""variationName""#, Type::TEXT),
    (r#""claimId""#, Type::INT8),
    (r#""replacedVariation""#, Type::TEXT),
    (r#""goalIdentifier""#, Type::TEXT_ARRAY),
    (r#""goalClaimIds""#, Type::INT8_ARRAY),
    (r#""metaData""#, Type::TEXT),
    (r#""metaDataText""#, Type::TEXT),
    (r#""metaDataAt""#, Type::TIMESTAMPTZ),
    ("extra", Type::TEXT),
    (r#""assignedAt""#, Type::TIMESTAMPTZ),
    (r#""changedAt""#, Type::TIMESTAMPTZ),
    (r#""expiresAt""#, Type::TIMESTAMPTZ),
    ("revision", Type::INT8),
    ("epoch", Type::INT8),
    ("unknown", Type::BYTEA),
];

/// The server's clock, to the millisecond; the same all through one statement. What is only read is truncated here.
const NOW: &str = "date_trunc('milliseconds', statement_timestamp())";
/// The same, but when a lock was waited for.
const LATE: &str = "date_trunc('milliseconds', clock_timestamp())";
const CLOCK: &str = "statement_timestamp()";
/// [`Timestamp::MAX`](crate::Timestamp::MAX).
const MAX: &str = "timestamptz '9999-12-31 23:59:59.999+00'";

impl Statements {
    /// Those for the table of `schema`.
    pub(super) fn of(schema: &Schema) -> Self {
        let table = format!("{schema}.stayput_assignments");
        let (key, held, many, columns) = (KEY.join(", "), held(), held_of_many(), columns());
        let by_key = "scope = $1 AND \"userId\" = $2 AND kind = $3 AND \"campaignKey\" = $4";
        let scan = |also: &str| {
            format!(
                "SELECT {CLOCK}, {many}, {key} FROM {table} h WHERE ({key}) > ($1, $2, $3, $4){also} ORDER BY {key} LIMIT $5"
            )
        };
        let texts = |count| vec![Type::TEXT; count];
        let with = |mut types: Vec<Type>, more: &[Type]| {
            types.extend_from_slice(more);
            types
        };
        let mut numbers = 0..COUNT;
        let mut new =
            |text, types| Statement { number: numbers.next().unwrap_or(COUNT), text, types, repeatable: true };
        Self {
            get: new(format!("SELECT {CLOCK}, {held} FROM {table} h WHERE {by_key}"), texts(4)),
            // What a decision asks for, campaigns of one user, is one scan of the index: a third of the general form.
            get_of_user: new(
                format!(
                    "SELECT {CLOCK}, {many}, \"campaignKey\" FROM {table} h WHERE scope = $1 AND \"userId\" = $2 AND \
                     kind = $3 AND \"campaignKey\" = ANY($4)"
                ),
                with(texts(3), &[Type::TEXT_ARRAY]),
            ),
            // The order is the index's: it keeps the planner from reading more than is wanted.
            get_between: new(
                format!(
                    "SELECT {CLOCK}, {many}, \"campaignKey\" FROM {table} h WHERE scope = $1 AND \"userId\" = $2 AND \
                     kind = $3 AND \"campaignKey\" BETWEEN $4 AND $5 ORDER BY \"campaignKey\" LIMIT $6"
                ),
                with(texts(5), &[Type::INT8]),
            ),
            // LIMIT keeps the planner from anything but one look at the index for each key. Users by = ANY are a third
            // cheaper on a fresh table and a hundred times dearer on a filled one.
            get_many: new(
                format!(
                    "SELECT {CLOCK}, h.*, a.n FROM (SELECT unnest($1) AS scope, unnest($2) AS u, unnest($3) AS kind, \
                     unnest($4) AS c, unnest($5) AS n) a CROSS JOIN LATERAL (SELECT {many} FROM {table} h WHERE \
                     h.scope = a.scope AND h.\"userId\" = a.u AND h.kind = a.kind AND h.\"campaignKey\" = a.c LIMIT 1) h"
                ),
                with(vec![Type::TEXT_ARRAY; 4], &[Type::INT4_ARRAY]),
            ),
            create: new(
                create(&table),
                with(
                    with(texts(5), &[Type::INT8, Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::TEXT, Type::TEXT]),
                    &[
                        Type::TIMESTAMPTZ,
                        Type::TEXT,
                        Type::TIMESTAMPTZ,
                        Type::TIMESTAMPTZ,
                        Type::INT8,
                        Type::INT8,
                        Type::INT8,
                    ],
                ),
            ),
            bring: new(bring(&table), with(texts(4), &[Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::INT8, Type::INT8])),
            claim: new(claim(schema, &table, false), with(texts(4), &with(types(), &[Type::INT8]))),
            claim_goals: new(claim(schema, &table, true), with(texts(4), &with(types(), &[Type::INT8]))),
            // xmin names one version of a row: whatever changed it since, a hand with psql too, this does not match.
            swap: new(
                format!(
                    "UPDATE {table} h SET ({columns}) = ({}) WHERE {by_key} AND h.xmin = $20 RETURNING 1",
                    values()
                ),
                with(texts(4), &with(types(), &[Type::XID])),
            ),
            put: new(
                format!(
                    "INSERT INTO {table} AS h ({key}, {columns}) VALUES ($1, $2, $3, $4, {}) ON CONFLICT ({key}) \
                     DO UPDATE SET ({columns}) = ({})",
                    values(),
                    FIELDS.iter().map(|(name, _)| format!("excluded.{name}")).collect::<Vec<_>>().join(", ")
                ),
                with(texts(4), &types()),
            ),
            remove: new(format!("DELETE FROM {table} WHERE {by_key}"), texts(4)),
            user: new(
                format!(
                    "SELECT {CLOCK}, {many}, {key} FROM {table} h WHERE scope = $1 AND \"userId\" = $2 ORDER BY {key}"
                ),
                texts(2),
            ),
            erase: Statement {
                repeatable: false, // the answer is a count of what this one did
                ..new(
                    format!(
                        "WITH gone AS (DELETE FROM {table} WHERE scope = $1 AND \"userId\" = $2 RETURNING 1) \
                         SELECT count(*) FROM gone"
                    ),
                    texts(2),
                )
            },
            scan: new(scan(""), with(texts(4), &[Type::INT8])),
            scan_scope: new(scan(" AND scope = $6"), with(texts(4), &[Type::INT8, Type::TEXT])),
            // Rows that somebody else is at, renewing or purging, are left to them.
            purge: new(
                format!(
                    "WITH gone AS (DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE \
                     \"expiresAt\" <= {NOW} ORDER BY \"expiresAt\" LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1) \
                     SELECT count(*) FROM gone"
                ),
                vec![Type::INT8],
            ),
            // What was visible in an earlier snapshot; the answer is the present one.
            sweep: new(
                format!(
                    "WITH gone AS (DELETE FROM {schema}.stayput_changes WHERE xid < pg_snapshot_xmax($1::text::pg_snapshot) \
                     AND xid <> ALL(ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))) SELECT pg_current_snapshot()::text"
                ),
                texts(1),
            ),
        }
    }
}

/// Answers with what is held, or creates, in one round trip; writes nothing if something is held, but for goals if
/// `brings`. Afterwards `written` is true, or false where a rival came between.
///
/// `$20` is how long it lasts, in milliseconds, for offers whose expiry is counted from now. What is not to be written
/// costs nothing: the functions that write are called only then. (One statement with a common table expression for each
/// way takes the server twice as long.) A standby would answer with what it does not know to be old: there the attempt
/// to write says that it is one.
fn claim(schema: &Schema, table: &str, brings: bool) -> String {
    let expires = format!(
        "coalesce($16, CASE WHEN $20 IS NOT NULL THEN least({NOW} + $20 * interval '1 millisecond', {MAX}) END)"
    );
    let value = |i: usize| match i {
        15 => format!("coalesce($15, {NOW})"),
        16 => expires.clone(),
        _ => format!("${i}"),
    };
    let values = (1..=19).map(value).collect::<Vec<_>>().join(", ");
    let bring = match brings {
        true => {
            format!("WHEN {} THEN {schema}.stayput_bring($1, $2, $3, $4, h.xmin, $8, $9) ", is_plain(NOW, 8, 18, 20))
        }
        false => String::new(),
    };
    format!(
        "SELECT {CLOCK}, {}, h.xmin, CASE WHEN pg_is_in_recovery() OR h.scope IS NULL AND $5 IS NOT NULL AND \
         ({expires} <= {NOW}) IS NOT TRUE THEN {schema}.stayput_create({values}) {bring}END \
         FROM (VALUES (1)) one LEFT JOIN {table} h ON h.scope = $1 AND h.\"userId\" = $2 AND h.kind = $3 AND \
         h.\"campaignKey\" = $4",
        held()
    )
}

/// Creates; answers with nothing if something is there, and writes nothing then. Parameters are those of
/// [`Columns::params_to_create`](super::row::Columns).
fn create(table: &str) -> String {
    let key = KEY.join(", ");
    format!(
        r#"INSERT INTO {table} ({key}, "variationName", "claimId", "goalIdentifier", "goalClaimIds", "metaData",
         "metaDataText", "metaDataAt", extra, "assignedAt", "changedAt", revision, epoch, "expiresAt") VALUES ($1, $2, $3, $4,
         $5, $6, $7, $8, $9::jsonb, $10, $11, $12::json, $13, coalesce($14, {NOW}), $15, $16, CASE WHEN $17 IS NOT NULL THEN
         least({NOW} + $17 * interval '1 millisecond', {MAX}) END) ON CONFLICT DO NOTHING RETURNING {CLOCK}"#
    )
}

/// Adds goals to a plain row and answers with it; answers with nothing if there is none, and writes nothing then.
///
/// Whoever had to wait for a rival looks at what that one has left and at the clock again, so that times do not go back.
fn bring(table: &str) -> String {
    format!(
        r#"UPDATE {table} h SET "goalIdentifier" = h."goalIdentifier" || $5, "goalClaimIds" = h."goalClaimIds" || $6,
         revision = h.revision + 1, "changedAt" = {LATE} WHERE scope = $1 AND "userId" = $2 AND kind = $3 AND
         "campaignKey" = $4 AND h."changedAt" <= {LATE} AND {} RETURNING {}"#,
        is_plain(LATE, 5, 7, 8),
        held()
    )
}

/// Whether the goals of an offer that brings nothing else may just be added to a row, as
/// [`Offer::join`](crate::Offer::join) would.
///
/// Rows that are not that simple it leaves to the rule: that have some of the goals, do not count, are nearly full or to
/// be renewed, carry what this version does not know, or that a hand has made so that they cannot be read.
fn is_plain(now: &str, goals: u8, epoch: u8, lasts: u8) -> String {
    format!(
        r#"NOT h."goalIdentifier" && ${goals} AND h.epoch = ${epoch}
         AND (h."expiresAt" IS NULL OR h."expiresAt" > {now} AND (${lasts} IS NULL OR
         h."expiresAt" - {now} > (${lasts} + 2) * interval '500 microseconds'))
         AND cardinality(h."goalIdentifier") + cardinality(${goals}) <= {GOALS}
         AND octet_length(h."variationName") BETWEEN 1 AND {NAME}
         AND (h."replacedVariation" IS NULL OR octet_length(h."replacedVariation") BETWEEN 1 AND {NAME})
         AND coalesce(array_ndims(h."goalIdentifier"), 1) = 1 AND coalesce(array_ndims(h."goalClaimIds"), 1) = 1
         AND array_position(h."goalIdentifier", NULL) IS NULL AND array_position(h."goalClaimIds", NULL) IS NULL
         AND '' <> ALL (h."goalIdentifier") AND octet_length(array_to_string(h."goalIdentifier", '')) <= {NAME}
         AND (h."metaData" IS NULL OR h."metaDataText" IS NULL AND octet_length(h."metaData"::text) <= {DOCUMENTS})
         AND h.extra IS NULL AND h.unknown IS NULL AND h.revision BETWEEN 0 AND 9007199254740991
         AND least(h."assignedAt", h."changedAt", h."expiresAt", h."metaDataAt") >= timestamptz '1970-01-01 00:00+00'
         AND greatest(h."assignedAt", h."changedAt", h."expiresAt", h."metaDataAt") <= {MAX}"#
    )
}

/// What [`row`](super::row) reads: the spelling of metaData that was kept counts.
fn held() -> String {
    let array = |name: &str, of: &str| format!("h.{name}, NULL::{of}");
    fields(array, "h.epoch")
}
/// The same of many rows: an array takes the server as long as four other columns, so one with a single element is sent
/// as that element. To get ready for that takes longer than it saves with one row.
fn held_of_many() -> String {
    let array = |name: &str, _: &str| {
        format!("CASE WHEN cardinality(h.{name}) <> 1 OR h.{name}[1] IS NULL THEN h.{name} END, h.{name}[1]")
    };
    fields(array, "nullif(h.epoch, 0)")
}
fn fields(array: impl Fn(&str, &str) -> String, epoch: &str) -> String {
    let read = |name: &str| match name {
        r#""goalIdentifier""# => array(name, "text"),
        r#""goalClaimIds""# => array(name, "int8"),
        "epoch" => epoch.to_string(),
        r#""metaData""# => r#"coalesce(h."metaDataText", h."metaData"::text)"#.to_string(),
        "extra" => "h.extra::text".to_string(),
        name => format!("h.{name}"),
    };
    let names = FIELDS.iter().map(|(name, _)| *name).filter(|name| *name != r#""metaDataText""#);
    names.map(read).collect::<Vec<_>>().join(", ")
}
fn columns() -> String {
    FIELDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
/// The parameters from the fifth on, as what the columns take.
fn values() -> String {
    let value = |(i, (name, _)): (usize, &(&str, Type))| match *name {
        r#""metaData""# => format!("${}::jsonb", i + 5),
        "extra" => format!("${}::json", i + 5),
        _ => format!("${}", i + 5),
    };
    FIELDS.iter().enumerate().map(value).collect::<Vec<_>>().join(", ")
}
fn types() -> Vec<Type> {
    FIELDS.iter().map(|(_, of)| of.clone()).collect()
}
