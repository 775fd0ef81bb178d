//! Whether tables, indexes and triggers are as `sql/` makes them, and whether each line is found by its keys (decisions.md 65).
//!
//! Compares the catalog's definitions as the server prints them, which has not changed since version 12. Each index is tried with
//! the bounds that searches use; the lines themselves are read by the primary key.

use super::rows::nanoseconds;
use crate::audit::verify::Definition;
use crate::audit::{Line, StoreError};
use tokio_postgres::Row;

/// Name and definition of everything that belongs to the trail's tables, without PostgreSQL's internal objects.
pub(super) const FOUND: &str = "WITH ours AS (
  SELECT oid, relname, relkind, relpersistence, relrowsecurity FROM pg_class
  WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'cpis_fhir') AND relname IN ('trail', 'archived', 'version'))
SELECT 'table ' || relname, relkind::text || relpersistence::text || CASE WHEN relrowsecurity THEN ' row security' ELSE '' END
  || (SELECT string_agg(' ' || attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN '!' ELSE '' END
    || CASE WHEN collname = 'C' THEN ' C' ELSE '' END, ',' ORDER BY attnum)
    FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE attrelid = ours.oid AND attnum > 0 AND NOT attisdropped)
  FROM ours
UNION ALL SELECT 'index ' || c.relname, CASE WHEN indisvalid AND indisready AND indislive THEN '' ELSE 'invalid ' END
  || pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid JOIN ours ON ours.oid = indrelid
UNION ALL SELECT 'trigger ' || tgname, tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
  FROM pg_trigger AS t JOIN ours ON ours.oid = tgrelid WHERE NOT tgisinternal
UNION ALL SELECT 'function ' || proname, lanname || ' ' || prosrc || coalesce(array_to_string(proconfig, ';'), '')
  FROM pg_proc JOIN pg_language AS l ON l.oid = prolang WHERE pronargs = 0 AND proname IN ('refuse', 'delete_archived_only')
  AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'cpis_fhir')
UNION ALL SELECT 'rule ' || rulename, '' FROM pg_rewrite JOIN ours ON ours.oid = ev_class
UNION ALL SELECT 'policy ' || polname, '' FROM pg_policy JOIN ours ON ours.oid = polrelid
UNION ALL SELECT 'child table ' || inhrelid::regclass::text, '' FROM pg_inherits JOIN ours ON ours.oid = inhparent";

const TABLES: [(&str, &str); 3] = [
    (
        "table trail",
        "rp seq bigint!, id uuid!, at bigint!, event text! C, look uuid, user_id text C, child bytea, message_id text C, \
         request_id text C, body bytea!, key bytea!, previous bytea!, mac bytea!",
    ),
    ("table archived", "rp first bigint!, last bigint!, last_mac bytea!, manifest text!, at bigint!"),
    ("table version", "rp version integer!, at timestamp with time zone!"),
];

/// After `CREATE [UNIQUE] INDEX name ON cpis_fhir.`.
const INDEXES: [(&str, &str); 10] = [
    ("trail_pkey", "trail USING btree (seq)"),
    ("trail_id_key", "trail USING btree (id)"),
    ("trail_look", "trail USING btree (look, seq) WHERE (look IS NOT NULL)"),
    ("trail_child", "trail USING btree (child, seq) WHERE (child IS NOT NULL)"),
    ("trail_user", "trail USING btree (\"left\"(user_id, 200), seq) WHERE (user_id IS NOT NULL)"),
    ("trail_message", "trail USING btree (\"left\"(message_id, 200), seq) WHERE (message_id IS NOT NULL)"),
    ("trail_request", "trail USING btree (\"left\"(request_id, 200), seq) WHERE (request_id IS NOT NULL)"),
    ("trail_at", "trail USING btree (at, seq)"),
    ("archived_pkey", "archived USING btree (last)"),
    ("version_pkey", "version USING btree (version)"),
];

/// After `CREATE TRIGGER name BEFORE`. `A`: even if a session declares itself a replica.
const TRIGGERS: [(&str, &str); 3] = [
    ("trail_no_update", "UPDATE OR TRUNCATE ON cpis_fhir.trail FOR EACH STATEMENT EXECUTE FUNCTION cpis_fhir.refuse()"),
    ("trail_no_delete", "DELETE ON cpis_fhir.trail FOR EACH ROW EXECUTE FUNCTION cpis_fhir.delete_archived_only()"),
    (
        "archived_no_change",
        "DELETE OR UPDATE OR TRUNCATE ON cpis_fhir.archived FOR EACH STATEMENT EXECUTE FUNCTION cpis_fhir.refuse()",
    ),
];

/// Their bodies are in the migration that creates them.
const FUNCTIONS: [&str; 2] = ["refuse", "delete_archived_only"];

/// What [`FOUND`] must return.
pub(super) fn meant() -> Vec<Definition> {
    let table = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    let index = |(name, text): &(&str, &str)| {
        let unique = if name.ends_with("key") { "UNIQUE " } else { "" };
        (format!("index {name}"), format!("CREATE {unique}INDEX {name} ON cpis_fhir.{text}"))
    };
    let trigger = |(name, text): &(&str, &str)| (format!("trigger {name}"), format!("A CREATE TRIGGER {name} BEFORE {text}"));
    let function = |name: &&str| {
        let body = super::schema::body_of(name).unwrap_or_default();
        (format!("function {name}"), format!("plpgsql {body}search_path=pg_catalog, pg_temp"))
    };
    let others = INDEXES.iter().map(index).chain(TRIGGERS.iter().map(trigger)).chain(FUNCTIONS.iter().map(function));
    TABLES.iter().map(table).chain(others).collect()
}

/// A row of [`FOUND`].
pub(super) fn definition(row: &Row) -> Result<Definition, StoreError> {
    Ok((super::rows::cell(row, 0)?, super::rows::cell(row, 1)?))
}

/// How lines are found by one column.
pub(super) struct Key {
    pub column: &'static str,
    /// The numbers and values of the lines that have this key, as [`Key::sql`] takes them.
    pub numbers: Vec<i64>,
    pub values: Values,
}

/// The values of one column.
pub(super) enum Values {
    Uuids(Vec<uuid::Uuid>),
    Texts(Vec<String>),
    Bytes(Vec<Vec<u8>>),
    Numbers(Vec<i64>),
}

impl Key {
    /// Every key of these lines.
    ///
    /// # Errors
    /// `Damaged` for a number that is too large.
    pub(super) fn all(lines: &[Line]) -> Result<[Self; 7], StoreError> {
        let text = |text: &Option<String>| text.as_deref().map(|text| super::rows::stored(text).into_owned());
        let bytes = |line: &Line| line.child.map(|child| child.0.to_vec());
        Ok([
            Self::of("id", lines, |line| Some(line.id), Values::Uuids)?,
            Self::of("at", lines, |line| Some(nanoseconds(line.at)), Values::Numbers)?,
            Self::of("look", lines, |line| line.look, Values::Uuids)?,
            Self::of("user_id", lines, |line| text(&line.user_id), Values::Texts)?,
            Self::of("child", lines, bytes, Values::Bytes)?,
            Self::of("message_id", lines, |line| text(&line.message_id), Values::Texts)?,
            Self::of("request_id", lines, |line| text(&line.request_id), Values::Texts)?,
        ])
    }

    fn of<T>(
        column: &'static str,
        lines: &[Line],
        value: impl Fn(&Line) -> Option<T>,
        values: impl Fn(Vec<T>) -> Values,
    ) -> Result<Self, StoreError> {
        let mut numbers = Vec::new();
        let mut found = Vec::new();
        for line in lines {
            if let Some(value) = value(line) {
                numbers.push(super::rows::number(line.seq)?);
                found.push(value);
            }
        }
        Ok(Self { column, numbers, values: values(found) })
    }

    /// The numbers of `$1` that the index of this column does not find by their values, `$2`.
    pub(super) fn sql(&self) -> String {
        let (field, value) = match self.values {
            Values::Texts(_) => (format!("left({}, 200)", self.column), "left(wanted.value, 200)"),
            Values::Uuids(_) | Values::Bytes(_) | Values::Numbers(_) => (self.column.to_owned(), "wanted.value"),
        };
        // By the id's own index, which has one column.
        let found = if self.column == "id" {
            "SELECT seq FROM cpis_fhir.trail WHERE id = wanted.value".to_owned()
        } else {
            format!(
                "SELECT seq FROM cpis_fhir.trail WHERE ({field}, seq) < ({value}, wanted.seq + 1) AND {field} >= {value} \
                 ORDER BY {field} DESC, seq DESC LIMIT 1"
            )
        };
        format!(
            "SELECT wanted.seq FROM unnest($1, $2) AS wanted (seq, value) LEFT JOIN LATERAL ({found}) AS found ON true \
             WHERE found.seq IS DISTINCT FROM wanted.seq"
        )
    }
}
