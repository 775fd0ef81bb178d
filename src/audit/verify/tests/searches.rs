//! Lines that are whole, and that searches would not find.

use super::*;

/// Runs `sql` and then restores the text of the file's definitions, so that reading them shows nothing.
fn forge(ground: &Ground, sql: &str) {
    let db = ground.raw();
    let definitions = |db: &Connection| -> Vec<(String, String)> {
        let mut select = db.prepare("SELECT name, sql FROM sqlite_schema").unwrap();
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let before = definitions(&db);
    db.execute_batch(sql).unwrap();
    db.execute_batch("PRAGMA writable_schema = on").unwrap();
    for (name, sql) in &before {
        db.execute("UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1", [name, sql]).unwrap();
    }
    assert_eq!(sorted(definitions(&db)), sorted(before));
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_leaves_lines_out_is_found_though_its_text_is_as_ever() {
    for (index, key) in [
        ("trail_by_look ON trail (look)", "look"),
        ("trail_by_user ON trail (user_id, seq, at)", "user_id"),
        ("trail_by_child ON trail (child)", "child"),
        ("trail_by_message ON trail (message_id)", "message_id"),
        ("trail_by_request ON trail (request_id)", "request_id"),
        ("trail_by_at ON trail (at)", "at"),
    ] {
        let ground = Ground::new().await;
        let name = index.split(' ').next().unwrap();
        forge(&ground, &format!("DROP INDEX {name}; CREATE INDEX {index} WHERE seq NOT IN (5, 6)"));
        let verdict = ground.verdict().await;
        assert_eq!(verdict.faults, [fault(5, FaultKind::Missed(key)), fault(6, FaultKind::Missed(key))], "{name}");
        assert!(verdict.searches.iter().any(|fault| fault.to_string().contains(name)), "{name}: {:?}", verdict.searches);
        assert_eq!((verdict.is_whole(), verdict.first_bad()), (false, Some(5)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_are_not_as_they_were_made_are_named() {
    for (sql, wanted) in [
        ("DROP TRIGGER trail_keeps_its_lines", "trigger trail_keeps_its_lines is missing from the store"),
        (
            "DROP TRIGGER trail_is_never_changed;
             CREATE TRIGGER trail_is_never_changed BEFORE UPDATE ON trail WHEN 0 BEGIN SELECT 1; END",
            "trigger trail_is_never_changed is not as this program made it: searches may miss lines",
        ),
        (
            "DROP TRIGGER trail_is_never_changed;
             CREATE TRIGGER trail_is_never_changed BEFORE UPDATE ON archived BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END",
            "trigger trail_is_never_changed is not as this program made it: searches may miss lines",
        ),
        ("DROP INDEX trail_by_child", "index trail_by_child is missing from the store"),
        (
            "DROP INDEX trail_by_child; CREATE INDEX trail_by_child ON trail (child) WHERE child IS NOT NULL AND seq <> 5",
            "index trail_by_child is not as this program made it: searches may miss lines",
        ),
        (
            "CREATE TRIGGER thief AFTER INSERT ON trail BEGIN SELECT 1; END",
            "\"trigger thief\" is in the store, and was not made by this program",
        ),
        ("CREATE VIEW trail_view AS SELECT * FROM trail", "\"view trail_view\" is in the store, and was not made by this program"),
        ("CREATE TABLE patients (name TEXT)", "\"table patients\" is in the store, and was not made by this program"),
        (
            "ALTER TABLE trail ADD COLUMN note TEXT",
            "table trail is not as this program made it: searches may miss lines",
        ),
        (
            "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (seq > 0)', '') WHERE name = 'trail'",
            "table trail is not as this program made it: searches may miss lines",
        ),
    ] {
        let ground = Ground::new().await;
        ground.raw().execute_batch(sql).unwrap();
        let verdict = ground.verdict().await;
        let said: Vec<String> = verdict.searches.iter().map(ToString::to_string).collect();
        assert_eq!(said, [wanted], "{sql}");
        assert!(!verdict.is_whole(), "{sql}");
        assert_eq!(verdict.fault_count, 0, "{sql}: the lines are as they were");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_of_the_database_are_no_fault() {
    let ground = Ground::new().await;
    ground.raw().execute_batch("ANALYZE").unwrap();
    let verdict = ground.verdict().await;
    assert!(verdict.is_whole(), "{:?}", verdict.searches);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_of_any_index_is_found() {
    let ground = Ground::new().await;
    for _ in 0..20 {
        ground.append(&drafts(LINES)).await;
    }
    assert!(ground.verdict().await.is_whole());
    let pages: Vec<(String, u32)> = {
        let db = ground.raw();
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let mut select = db.prepare("SELECT name, rootpage FROM sqlite_schema WHERE type = 'index'").unwrap();
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(pages.len(), 7);
    let whole = std::fs::read(ground.path("trail.db")).unwrap();
    let size = usize::from(u16::from_be_bytes([whole[16], whole[17]]));
    for (name, page) in pages {
        let at = (page as usize - 1) * size;
        // The whole page, and only the end of its first entry.
        for (from, to) in [(0, size), (size - 12, size)] {
            let mut spoilt = whole.clone();
            let mut byte = 7_u8;
            spoilt[at + from..at + to].fill_with(|| {
                byte = byte.wrapping_mul(141).wrapping_add(3);
                byte
            });
            std::fs::write(ground.path("trail.db"), &spoilt).unwrap();
            let verdict = ground.verdict().await;
            assert!(!verdict.is_whole(), "{name}, bytes {from} to {to} of page {page}");
        }
    }
}
