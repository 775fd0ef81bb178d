//! Searches: each walks one index from its newest end, so that the cost depends on what it finds.

use super::row::{self, COLUMNS};
use crate::audit::{Filter, Line, StoreError};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

/// Lines at the end that a search only by time reads in order. Most such searches end here; those for older times use the index
/// by time, whose matches must be sorted.
const NEAR: u64 = 20_000;

/// Lines above the archive and above a number. Archived lines may still be here while they are removed.
///
/// One bound, not two: with several, SQLite starts at the first and steps over everything up to the others.
const ONLINE: &str = "seq > max(?, coalesce((SELECT max(last_seq) FROM archived), 0))";

pub(super) fn lines(db: &Connection, after: u64, limit: usize) -> Result<Vec<Line>, StoreError> {
    select(db, &lines_sql(), vec![to_above(after), to_limit(limit)])
}

fn lines_sql() -> String {
    format!("SELECT {COLUMNS} FROM trail WHERE {ONLINE} ORDER BY seq LIMIT ?")
}

pub(super) fn find(db: &Connection, wanted: &Filter, before: Option<u64>, limit: usize) -> Result<Vec<Line>, StoreError> {
    let query = Query::new(wanted, before);
    match &*wanted.child {
        _ if query.index.is_some() => query.run(db, limit),
        [] if wanted.from.is_some() || wanted.to.is_some() => by_time(db, query, before, limit),
        [] => query.run(db, limit),
        children => {
            // One walk for each key that ever wrote, each from its newest end; then the newest of all.
            let mut found = Vec::new();
            for child in children {
                let one = Filter { child: vec![*child], ..wanted.clone() };
                found.extend(Query { index: Some("trail_by_child"), ..Query::new(&one, before) }.run(db, limit)?);
            }
            found.sort_unstable_by_key(|line| std::cmp::Reverse(line.seq));
            found.truncate(limit);
            Ok(found)
        }
    }
}

fn by_time(db: &Connection, query: Query, before: Option<u64>, limit: usize) -> Result<Vec<Line>, StoreError> {
    let end = before.unwrap_or(row::tip(db)?.seq.saturating_add(1));
    let near = query.clone().above(end.saturating_sub(NEAR + 1)).run(db, limit)?;
    if near.len() == limit {
        return Ok(near);
    }
    let (conditions, mut values) = (query.conditions, query.values);
    let sql = format!(
        "SELECT {COLUMNS} FROM trail WHERE seq IN (SELECT seq FROM trail INDEXED BY trail_by_at WHERE {conditions} \
         ORDER BY seq DESC LIMIT ?) ORDER BY seq DESC"
    );
    values.push(to_limit(limit));
    select(db, &sql, values)
}

/// A search along one index, newest first.
#[derive(Clone)]
struct Query {
    /// `None`: by line number.
    index: Option<&'static str>,
    conditions: String,
    values: Vec<Value>,
}

impl Query {
    /// All conditions of `wanted`, along the index of the most selective one. Not yet by child, which may have several values.
    fn new(wanted: &Filter, before: Option<u64>) -> Self {
        let mut query = Self { index: None, conditions: ONLINE.to_owned(), values: vec![to_above(0)] };
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        // The most selective first. A caller may repeat a request id without end; this service makes a look's id.
        let equal = [
            ("message_id = ?", "trail_by_message", text(&wanted.message_id)),
            ("look = ?", "trail_by_look", wanted.look.map(|look| Value::Blob(look.as_bytes().to_vec()))),
            ("request_id = ?", "trail_by_request", text(&wanted.request_id)),
        ];
        for (condition, index, value) in equal {
            if let Some(value) = value {
                query.index = query.index.or(Some(index));
                query = query.and(condition, [value]);
            }
        }
        if !wanted.child.is_empty() {
            let places = vec!["?"; wanted.child.len()].join(", ");
            let children = wanted.child.iter().map(|child| Value::Blob(child.0.to_vec()));
            query = query.and(&format!("child IN ({places})"), children);
        }
        if let Some(user) = text(&wanted.user_id) {
            if wanted.child.is_empty() {
                query.index = query.index.or(Some("trail_by_user"));
            }
            query = query.and("user_id = ?", [user]);
        }
        if let Some(from) = wanted.from {
            query = query.and("at >= ?", [from.as_microsecond().into()]);
        }
        if let Some(to) = wanted.to {
            query = query.and("at < ?", [to.as_microsecond().into()]);
        }
        if let Some(before) = before {
            query = query.and("seq < ?", [i64::try_from(before).unwrap_or(i64::MAX).into()]);
        }
        query
    }

    fn and(mut self, condition: &str, values: impl IntoIterator<Item = Value>) -> Self {
        self.conditions.push_str(" AND ");
        self.conditions.push_str(condition);
        self.values.extend(values);
        self
    }

    /// Only lines with a number above `after`: what [`ONLINE`] begins with.
    fn above(mut self, after: u64) -> Self {
        self.values[0] = to_above(after);
        self
    }

    fn sql(&self) -> String {
        let index = self.index.map_or_else(|| "NOT INDEXED".to_owned(), |index| format!("INDEXED BY {index}"));
        format!("SELECT {COLUMNS} FROM trail {index} WHERE {} ORDER BY seq DESC LIMIT ?", self.conditions)
    }

    fn run(self, db: &Connection, limit: usize) -> Result<Vec<Line>, StoreError> {
        let sql = self.sql();
        let mut values = self.values;
        values.push(to_limit(limit));
        select(db, &sql, values)
    }
}

/// A line's number, and the value by which each index must find it.
pub(super) struct Keys {
    seq: u64,
    keys: [Value; INDEXES.len()],
}

/// Each column that has an index, and the index.
const INDEXES: [(&str, &str); 7] = [
    ("id", "trail_by_id"),
    ("at", "trail_by_at"),
    ("look", "trail_by_look"),
    ("user_id", "trail_by_user"),
    ("child", "trail_by_child"),
    ("message_id", "trail_by_message"),
    ("request_id", "trail_by_request"),
];

impl Keys {
    pub(super) fn of(line: &Line) -> Self {
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
        let keys = [
            Value::Blob(line.id.as_bytes().to_vec()),
            line.at.as_microsecond().into(),
            line.look.map_or(Value::Null, |look| Value::Blob(look.as_bytes().to_vec())),
            text(&line.user_id),
            line.child.map_or(Value::Null, |child| Value::Blob(child.0.to_vec())),
            text(&line.message_id),
            text(&line.request_id),
        ];
        Self { seq: line.seq, keys }
    }
}

/// The lines that an index misses, by their number, and the first such column.
pub(super) fn missed(db: &Connection, lines: &[Keys]) -> Result<Vec<(u64, &'static str)>, StoreError> {
    let sql = |(column, index): (&str, &str)| {
        format!("SELECT EXISTS (SELECT 1 FROM trail INDEXED BY {index} WHERE {column} = ? AND seq = ?)")
    };
    let mut missed = Vec::new();
    for (at, index) in INDEXES.into_iter().enumerate() {
        // A missing or different index is reported by its definition.
        let Ok(mut find) = db.prepare_cached(&sql(index)) else { continue };
        for line in lines {
            let key = &line.keys[at];
            if *key != Value::Null && !find.query_row(params![key, row::to_seq(line.seq)?], |row| row.get(0))? {
                missed.push((line.seq, index.0));
            }
        }
    }
    Ok(missed)
}

fn to_above(after: u64) -> Value {
    i64::try_from(after).unwrap_or(i64::MAX).into()
}

fn to_limit(limit: usize) -> Value {
    i64::try_from(limit).unwrap_or(i64::MAX).into()
}

fn select(db: &Connection, sql: &str, values: Vec<Value>) -> Result<Vec<Line>, StoreError> {
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query(params_from_iter(values))?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push(row::line(row)?);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::ChildIndex;
    use crate::audit::sqlite::SqliteStore;
    use jiff::Timestamp;
    use uuid::Uuid;

    fn plan(db: &Connection, sql: &str, values: Vec<Value>) -> String {
        let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = plan.query_map(params_from_iter(values), |row| row.get::<_, String>("detail")).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    /// The steps of SQLite's virtual machine for one run, and its rows.
    fn steps(db: &Connection, sql: &str, values: Vec<Value>) -> (i32, usize) {
        let mut select = db.prepare(sql).unwrap();
        let rows = select.query_map(params_from_iter(values), |_| Ok(())).unwrap().count();
        (select.get_status(rusqlite::StatementStatus::VmStep), rows)
    }

    #[test]
    fn a_page_of_lines_costs_the_same_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("trail.db"), None).unwrap();
        let db = store.connection();
        db.execute_batch(
            "WITH RECURSIVE n (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < 5000)
             INSERT INTO trail (seq, id, at, event, body, key_id, previous, mac)
             SELECT seq, randomblob(16), seq, 'asked', '', zeroblob(8), zeroblob(32), zeroblob(32) FROM n",
        )
        .unwrap();
        let page = |after: u64| steps(db, &lines_sql(), vec![to_above(after), to_limit(10)]);
        let (first, rows) = page(0);
        let (last, last_rows) = page(4900);
        assert_eq!((rows, last_rows), (10, 10));
        assert!(last <= first + 20, "{last} steps at the end, {first} at the beginning");
        let near = Query::new(&Filter { to: Some(Timestamp::MAX), ..Filter::default() }, None).above(4990);
        let mut values = near.values.clone();
        values.push(to_limit(1000));
        let (walk, rows) = steps(db, &near.sql(), values);
        assert!(rows == 10 && walk <= first * 3, "{walk} steps for {rows} rows: the walk ends where it is told to");
    }

    #[test]
    fn no_search_along_an_index_sorts_or_reads_the_whole_trail() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("trail.db"), None).unwrap();
        let some = |text: &str| Some(text.to_owned());
        let everything = Filter {
            user_id: some("u"),
            child: vec![ChildIndex([1; 16])],
            message_id: some("m"),
            request_id: some("r"),
            look: Some(Uuid::nil()),
            from: Some(Timestamp::UNIX_EPOCH),
            to: Some(Timestamp::MAX),
        };
        let none = Filter { from: None, to: None, ..Filter::default() };
        let cases = [
            (everything.clone(), "trail_by_message (message_id=?"),
            (Filter { message_id: None, ..everything.clone() }, "trail_by_look (look=?"),
            (Filter { request_id: some("r"), user_id: some("u"), ..none.clone() }, "trail_by_request (request_id=?"),
            (Filter { user_id: some("u"), ..none.clone() }, "trail_by_user (user_id=?"),
            (Filter { user_id: some("u"), from: everything.from, to: everything.to, ..none.clone() }, "trail_by_user (user_id=?"),
            (none.clone(), "INTEGER PRIMARY KEY"),
        ];
        for (wanted, index) in cases {
            for before in [None, Some(9)] {
                let query = Query::new(&wanted, before);
                let mut values = query.values.clone();
                values.push(to_limit(5));
                let plan = plan(store.connection(), &query.sql(), values);
                assert!(plan.contains(index), "{index}: {plan}");
                assert!(!plan.contains("B-TREE") && !plan.contains("SCAN trail"), "{plan}");
            }
        }
        let child = Query { index: Some("trail_by_child"), ..Query::new(&Filter { child: everything.child, ..none }, None) };
        let plan = plan(store.connection(), &child.sql(), vec![to_above(0), Value::Blob(vec![1; 16]), to_limit(5)]);
        assert!(plan.contains("trail_by_child (child=?") && !plan.contains("B-TREE"), "{plan}");
    }
}
