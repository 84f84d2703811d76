//! The tables: made and changed by versioned steps, under a lock that only one client at a time holds.
use super::failure::{self, refused};
use crate::{Error, ErrorKind, Result};
use deadpool_postgres::tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};
use std::fmt;

/// One change. Programs that know only `needs` steps or more still read and write the result.
struct Step {
    needs: usize,
    sql: &'static str,
}

/// Never changed once released, only added to. `{schema}` is the schema, quoted.
const STEPS: &[Step] = &[
    // The order of keys is that of their bytes, whatever the database sorts by. What has a default may be left out by
    // whoever inserts rows by hand.
    Step {
        needs: 1,
        sql: r#"CREATE TABLE {schema}.stayput_assignments (
            scope text COLLATE "C" NOT NULL DEFAULT 'default',
            "userId" text COLLATE "C" NOT NULL,
            kind text COLLATE "C" NOT NULL DEFAULT 'classic' CHECK (kind IN ('classic', 'fme')),
            "campaignKey" text COLLATE "C" NOT NULL,
            "variationName" text NOT NULL,
            "goalIdentifier" text[] NOT NULL DEFAULT '{}',
            "metaData" jsonb,
            extra json,
            "assignedAt" timestamptz NOT NULL DEFAULT now(),
            "changedAt" timestamptz NOT NULL DEFAULT now(),
            "expiresAt" timestamptz,
            revision bigint NOT NULL DEFAULT 1,
            epoch bigint NOT NULL DEFAULT 0,
            "claimId" bigint NOT NULL DEFAULT 0,
            "replacedVariation" text,
            "goalClaimIds" bigint[] NOT NULL DEFAULT '{}',
            "metaDataAt" timestamptz,
            "metaDataText" text,
            unknown bytea,
            PRIMARY KEY (scope, "userId", kind, "campaignKey"),
            CHECK (cardinality("goalIdentifier") = cardinality("goalClaimIds")))"#,
    },
    Step {
        needs: 1,
        sql: r#"CREATE INDEX stayput_assignments_expiry ON {schema}.stayput_assignments ("expiresAt")
            WHERE "expiresAt" IS NOT NULL"#,
    },
    // What followers read (follow.rs says why): written by the trigger as its owner, so that whoever may write
    // assignments needs no more privileges than before. A user that is NULL is everybody.
    Step {
        needs: 1,
        sql: r#"CREATE UNLOGGED TABLE {schema}.stayput_changes (
            xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(), scope text, "userId" text);
        CREATE INDEX stayput_changes_xid ON {schema}.stayput_changes (xid);
        CREATE FUNCTION {schema}.stayput_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $stayput$ BEGIN
            IF pg_catalog.pg_try_advisory_xact_lock(
                TG_RELID::pg_catalog.int4, pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.&) 63) THEN
                RETURN NULL;
            END IF;
            IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' THEN
                INSERT INTO {schema}.stayput_changes (scope, "userId") VALUES (NULL, NULL);
            ELSIF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN
                IF OLD."expiresAt" OPERATOR(pg_catalog.<=) pg_catalog.statement_timestamp() THEN
                    RETURN NULL;
                END IF;
                INSERT INTO {schema}.stayput_changes (scope, "userId") VALUES (OLD.scope, OLD."userId");
            ELSE
                INSERT INTO {schema}.stayput_changes (scope, "userId") VALUES (NEW.scope, NEW."userId");
                IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN
                    INSERT INTO {schema}.stayput_changes (scope, "userId") SELECT OLD.scope, OLD."userId"
                        WHERE OLD.scope OPERATOR(pg_catalog.<>) NEW.scope
                        OR OLD."userId" OPERATOR(pg_catalog.<>) NEW."userId";
                END IF;
            END IF;
            RETURN NULL;
        END $stayput$;
        CREATE TRIGGER stayput_changed AFTER INSERT OR UPDATE OR DELETE ON {schema}.stayput_assignments
            FOR EACH ROW EXECUTE FUNCTION {schema}.stayput_changed();
        CREATE TRIGGER stayput_emptied AFTER TRUNCATE ON {schema}.stayput_assignments
            FOR EACH STATEMENT EXECUTE FUNCTION {schema}.stayput_changed()"#,
    },
    // What a claim writes, called by the statement that looks first (sql.rs). Neither decides anything: one inserts where
    // nothing is, the other appends goals to exactly the version that was looked at.
    Step {
        needs: 1,
        sql: r#"CREATE FUNCTION {schema}.stayput_create(text, text, text, text, text, bigint, text, text[], bigint[], text, text,
            timestamptz, text, timestamptz, timestamptz, timestamptz, bigint, bigint, bytea) RETURNS boolean
            LANGUAGE plpgsql AS $stayput$ BEGIN
            INSERT INTO {schema}.stayput_assignments (scope, "userId", kind, "campaignKey", "variationName", "claimId",
                "replacedVariation", "goalIdentifier", "goalClaimIds", "metaData", "metaDataText", "metaDataAt", extra,
                "assignedAt", "changedAt", "expiresAt", revision, epoch, unknown)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13::json, $14, $15, $16, $17, $18, $19)
                ON CONFLICT DO NOTHING;
            RETURN FOUND;
        END $stayput$;
        CREATE FUNCTION {schema}.stayput_bring(text, text, text, text, xid, text[], bigint[]) RETURNS boolean
            LANGUAGE plpgsql AS $stayput$ BEGIN
            UPDATE {schema}.stayput_assignments h SET "goalIdentifier" = h."goalIdentifier" || $6,
                "goalClaimIds" = h."goalClaimIds" || $7, revision = h.revision + 1,
                "changedAt" = date_trunc('milliseconds', statement_timestamp())
                WHERE h.scope = $1 AND h."userId" = $2 AND h.kind = $3 AND h."campaignKey" = $4 AND h.xmin = $5;
            RETURN FOUND;
        END $stayput$"#,
    },
];

/// Where the tables are; printed, it is quoted.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub(super) name: String,
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.name.replace('"', "\"\""))
    }
}

/// What Stayput does to its table.
const PRIVILEGES: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// The oldest PostgreSQL that is looked after when this is written.
const OLDEST: u32 = 13;

/// Brings the tables of `schema` up to date; refuses a server that is too old or tables that are too new.
pub(super) async fn prepare(client: &mut Client, schema: &Schema) -> Result<()> {
    let server =
        one(client, "SELECT current_setting('server_version_num'), current_setting('server_encoding')").await?;
    is_supported(text(&server, 0)?.parse().unwrap_or(0), text(&server, 1)?)?;
    if version(client, schema).await? < STEPS.len() {
        migrate(client, schema).await?;
    }
    let table = literal(&format!("{schema}.stayput_assignments"));
    let held = PRIVILEGES.map(|right| format!("has_table_privilege({table}, '{right}')")).join(", ");
    let held = one(client, &format!("SELECT {held}")).await?;
    let missing: Vec<&str> =
        PRIVILEGES.into_iter().enumerate().filter(|(i, _)| held.get(*i) != Some("t")).map(|(_, right)| right).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(refused(format!(
            "the role lacks privileges: GRANT {} ON {schema}.stayput_assignments to it",
            missing.join(", ")
        ))),
    }
}

/// Whether this server can be used; `version` is like 150018.
fn is_supported(version: u32, encoding: &str) -> Result<()> {
    if version / 10_000 < OLDEST {
        let message = format!("PostgreSQL {} is too old: Stayput needs {OLDEST} or newer", version / 10_000);
        return Err(refused(message));
    }
    match encoding {
        "UTF8" => Ok(()),
        other => {
            Err(refused(format!("the database's encoding is {other}: Stayput needs one made with ENCODING 'UTF8'")))
        }
    }
}

/// How many steps were taken.
async fn version(client: &Client, schema: &Schema) -> Result<usize> {
    // Not to_regclass: what that once found absent it still does after waiting for a lock in the same transaction.
    let sql = format!(
        "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace \
         WHERE nspname = {} AND relname = 'stayput_schema'",
        literal(&schema.name)
    );
    if text(&one(client, &sql).await?, 0)? == "0" {
        return Ok(0);
    }
    let taken = format!("SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM {schema}.stayput_schema");
    let taken = one(client, &taken).await?;
    let (version, needs): (usize, usize) =
        (text(&taken, 0)?.parse().unwrap_or(0), text(&taken, 1)?.parse().unwrap_or(0));
    match needs <= STEPS.len() {
        true => Ok(version),
        false => {
            let message = "the tables belong to a newer version of Stayput, and this one cannot use them; update it";
            Err(refused(message.into()))
        }
    }
}

async fn migrate(client: &mut Client, schema: &Schema) -> Result<()> {
    let transaction = client.transaction().await.map_err(|error| failure::of(&error))?;
    // The number is "stayput" in ASCII. The lock ends with the transaction, behind a pooler too.
    let lock = "SET LOCAL statement_timeout = '60s'; SELECT pg_advisory_xact_lock(32497680634508660)";
    transaction.batch_execute(lock).await.map_err(|error| failure::of(&error))?;
    let begun = version(transaction.client(), schema).await?;
    let mut sql = String::new();
    if begun == 0 {
        // Asked for first: IF NOT EXISTS wants the privilege to create one even where there is nothing to do.
        let exists = format!("SELECT count(*) FROM pg_namespace WHERE nspname = {}", literal(&schema.name));
        if text(&one(transaction.client(), &exists).await?, 0)? == "0" {
            sql.push_str(&format!("CREATE SCHEMA {schema};"));
        }
        sql.push_str(&format!(
            "CREATE TABLE {schema}.stayput_schema (version int PRIMARY KEY, needs int NOT NULL, \
             \"appliedAt\" timestamptz NOT NULL DEFAULT now());"
        ));
    }
    for (i, step) in STEPS.iter().enumerate().skip(begun) {
        let (change, version, needs) = (step.sql.replace("{schema}", &schema.to_string()), i + 1, step.needs);
        sql.push_str(&format!("{change}; INSERT INTO {schema}.stayput_schema VALUES ({version}, {needs});"));
    }
    let done = async {
        transaction.batch_execute(&sql).await?;
        transaction.commit().await
    };
    done.await.map_err(|error| failure::of(&error))
}

/// Unprepared, so that poolers let it pass.
async fn one(client: &Client, sql: &str) -> Result<SimpleQueryRow> {
    let answer = client.simple_query(sql).await.map_err(|error| failure::of(&error))?;
    let rows = answer.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.ok_or_else(unexpected)
}
fn text(row: &SimpleQueryRow, column: usize) -> Result<&str> {
    row.try_get(column).ok().flatten().ok_or_else(unexpected)
}
fn unexpected() -> Error {
    Error::new(ErrorKind::Refused, super::NAME, "the server does not answer as PostgreSQL does")
}
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::is_supported;

    #[test]
    fn an_old_server_and_another_encoding_are_refused_in_one_sentence() {
        assert!(is_supported(130_000, "UTF8").is_ok() && is_supported(180_001, "UTF8").is_ok());
        let old = is_supported(120_022, "UTF8").map_err(|error| error.to_string());
        assert_eq!(old, Err("postgres: PostgreSQL 12 is too old: Stayput needs 13 or newer".into()));
        assert!(is_supported(150_000, "SQL_ASCII").is_err());
    }
}
