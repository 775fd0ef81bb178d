//! The file itself: what it refuses, and what it is.

use super::*;

fn refused(ground: &Ground, sql: &str) {
    let error = ground.raw().execute(sql, []).expect_err(sql).to_string();
    assert!(error.contains("append-only"), "{sql}: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_sql_can_neither_change_nor_remove_nor_replace_a_line() {
    let ground = Ground::new();
    let mut store = ground.store();
    for _ in 0..3 {
        append(&mut store).await.unwrap();
    }
    let columns = "id, at, event, look, user_id, child, message_id, request_id, body, key_id, previous, mac";
    let copy = |seq: &str, id: &str| {
        format!(
            "INSERT OR REPLACE INTO trail (seq, {columns}) SELECT {seq}, {} FROM trail WHERE seq = 2",
            columns.replacen("id", id, 1)
        )
    };
    for sql in [
        "UPDATE trail SET event = 'shared' WHERE seq = 2",
        "UPDATE OR REPLACE trail SET seq = 3 WHERE seq = 2",
        "DELETE FROM trail WHERE seq = 3",
        "DELETE FROM trail",
        // Replacing fires no trigger for the removed row.
        &copy("2", "randomblob(16)"),
        &copy("9", "id"),
        "INSERT INTO archived VALUES (1, zeroblob(32), 2, '')",
    ] {
        refused(&ground, sql);
    }
    assert_eq!(ground.seqs().await, [1, 2, 3]);
    ground.raw().execute("INSERT INTO archived VALUES (1, zeroblob(32), 1, '')", []).unwrap();
    for sql in [
        "UPDATE archived SET last_seq = 3",
        "DELETE FROM archived",
        "INSERT OR REPLACE INTO archived VALUES (1, zeroblob(32), 1, '')",
        "DELETE FROM trail WHERE seq = 2",
    ] {
        refused(&ground, sql);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_and_indexes_that_somebody_took_away_or_added_are_put_right_at_the_start() {
    let ground = Ground::new();
    append(&mut ground.store()).await.unwrap();
    ground
        .raw()
        .execute_batch(
            "DROP TRIGGER trail_is_never_changed; DROP TRIGGER trail_keeps_its_lines; DROP INDEX trail_by_child;
             CREATE TRIGGER trail_keeps_its_lines BEFORE DELETE ON trail WHEN 0 BEGIN SELECT 1; END;
             CREATE TRIGGER thief AFTER INSERT ON trail BEGIN DELETE FROM trail WHERE seq = NEW.seq; END;",
        )
        .unwrap();
    assert_eq!(append(&mut ground.store()).await.unwrap().seq, 2);
    refused(&ground, "UPDATE trail SET event = 'shared'");
    refused(&ground, "DELETE FROM trail");
    assert_eq!(ground.seqs().await, [1, 2]);
    let indexes: i64 =
        ground.raw().query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'trail_by_child'", [], |row| row.get(0)).unwrap();
    assert_eq!(indexes, 1);
}

#[test]
fn a_file_that_is_no_trail_is_left_alone() {
    let refusal = |ground: &Ground| SqliteStore::open(&ground.path(), None).err().unwrap();
    let ground = Ground::new();
    std::fs::write(ground.path(), "a letter, long enough to be looked at as a database and found not to be one. ".repeat(20))
        .unwrap();
    assert_eq!(refusal(&ground).kind, StoreErrorKind::Damaged);

    let ground = Ground::new();
    ground.raw().execute_batch("CREATE TABLE patients (name TEXT)").unwrap();
    assert!(refusal(&ground).detail.contains("not a trail"));

    let ground = Ground::new();
    drop(ground.store());
    ground.raw().pragma_update(None, "user_version", 99).unwrap();
    assert!(refusal(&ground).detail.contains("newer version"));

    let ground = Ground::new();
    let nowhere = ground.file("nowhere/trail.db");
    assert_eq!(SqliteStore::open(&nowhere, None).err().unwrap().kind, StoreErrorKind::Gone);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = Ground::new();
    let mut store = ground.store();
    append(&mut store).await.unwrap();
    for name in ["trail.db", "trail.db-wal", "trail.db-shm"] {
        let mode = std::fs::metadata(ground.file(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[test]
fn the_writer_syncs_each_commit() {
    let ground = Ground::new();
    let store = ground.store();
    let db = store.connection();
    let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(pragma("synchronous"), 2, "FULL");
    assert_eq!(pragma("wal_autocheckpoint"), 4000);
    assert_eq!(db.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)).unwrap(), "wal");
}
