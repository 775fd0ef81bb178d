//! A store that fails says how, and is used again once it works.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_told_of_soon_and_used_again_when_it_is_free() {
    let ground = Ground::new();
    let mut store = ground.store();
    let other = ground.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = std::time::Instant::now();
    assert_eq!(append(&mut store).await.unwrap_err().kind, StoreErrorKind::Locked);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(append(&mut store).await.unwrap().seq, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_writes_nothing_and_is_used_again_when_there_is_room() {
    let ground = Ground::new();
    let mut store = ground.store();
    append(&mut store).await.unwrap();
    let pages: i64 = store.connection().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.connection().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    let many: Vec<Draft> = (0..200).map(|_| draft()).collect();
    let error = store.append(&many, &chain()).await.unwrap_err();
    assert_eq!((error.kind, error.detail.as_str()), (StoreErrorKind::Full, "database or disk is full"));
    assert_eq!(ground.seqs().await, [1]);
    store.connection().pragma_update_and_check(None, "max_page_count", pages + 1000, |_| Ok(())).unwrap();
    assert_eq!(store.append(&many, &chain()).await.unwrap().seq, 201);
    assert_eq!(ground.seqs().await.len(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_is_told_of_and_tried_anew() {
    let ground = Ground::new();
    let mut store = ground.store();
    append(&mut store).await.unwrap();
    store.make_read_only();
    assert_eq!(append(&mut store).await.unwrap_err().kind, StoreErrorKind::ReadOnly);
    assert_eq!(append(&mut store).await.unwrap().seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_into_a_file_that_was_deleted_and_an_empty_one_is_not_taken_for_it() {
    let ground = Ground::new();
    let mut store = ground.store();
    append(&mut store).await.unwrap();
    std::fs::remove_file(ground.path()).unwrap();
    for _ in 0..2 {
        assert_eq!(append(&mut store).await.unwrap_err().kind, StoreErrorKind::Gone);
    }
    assert!(!ground.path().exists(), "no new file in its place");
    assert_eq!(ground.reader_error(), StoreErrorKind::Gone);
    std::fs::write(ground.path(), b"").unwrap();
    assert_eq!(append(&mut store).await.unwrap_err().kind, StoreErrorKind::Damaged);
    // Nor the empty trail that a second service would make there.
    std::fs::remove_file(ground.path()).unwrap();
    drop(ground.store());
    let error = append(&mut store).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert!(error.detail.contains("are missing"), "{}", error.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_moved_away_is_used_again_when_it_is_back() {
    let ground = Ground::new();
    let mut store = ground.store();
    append(&mut store).await.unwrap();
    let names = ["trail.db", "trail.db-wal", "trail.db-shm"];
    for name in names {
        std::fs::rename(ground.file(name), ground.file(&format!("away-{name}"))).unwrap();
    }
    assert_eq!(append(&mut store).await.unwrap_err().kind, StoreErrorKind::Gone);
    for name in names {
        std::fs::rename(ground.file(&format!("away-{name}")), ground.file(name)).unwrap();
    }
    assert_eq!(append(&mut store).await.unwrap().seq, 2);
    assert_eq!(ground.seqs().await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_taken_for_the_trail_only_if_it_has_its_last_line() {
    let ground = Ground::new();
    let mut store = ground.store();
    append(&mut store).await.unwrap();
    ground.raw().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    std::fs::copy(ground.path(), ground.file("old")).unwrap();
    append(&mut store).await.unwrap();
    ground.raw().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    std::fs::copy(ground.path(), ground.file("new")).unwrap();

    let reader = ground.reader();
    assert_eq!(reader.tip().await.unwrap().seq, 2);
    let log = ground.file("trail.db-wal");
    std::fs::rename(ground.file("old"), ground.path()).unwrap();
    std::fs::remove_file(&log).unwrap();
    assert_eq!(append(&mut store).await.unwrap_err().kind, StoreErrorKind::Damaged);
    assert_eq!(reader.tip().await.unwrap().seq, 1, "a reader tells what is there now");

    std::fs::rename(ground.file("new"), ground.path()).unwrap();
    let _ = std::fs::remove_file(&log);
    assert_eq!(append(&mut store).await.unwrap().seq, 3);
    assert_eq!(ground.seqs().await, [1, 2, 3]);
    assert_eq!(reader.tip().await.unwrap().seq, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_ahead_log_that_was_deleted_takes_nothing_with_it() {
    let ground = Ground::new();
    let mut store = ground.store();
    let reader = ground.reader();
    for seq in 1..=3 {
        append(&mut store).await.unwrap();
        assert_eq!(reader.tip().await.unwrap().seq, seq);
        std::fs::remove_file(ground.file("trail.db-wal")).unwrap();
    }
    assert_eq!(append(&mut store).await.unwrap().seq, 4);
    assert_eq!(reader.tip().await.unwrap().seq, 4);
    drop((store, reader));
    assert_eq!(ground.seqs().await, [1, 2, 3, 4]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_under_another_name_is_the_same_trail() {
    let ground = Ground::new();
    let _lock = Lock::take(&ground.path()).unwrap();
    let name = ground.file("name");
    std::os::unix::fs::symlink(ground.path(), &name).unwrap();
    assert_eq!(Lock::take(&name).unwrap_err().kind, StoreErrorKind::Locked);
    let mut store = SqliteStore::open(&name, None).unwrap();
    append(&mut store).await.unwrap();
    std::fs::remove_file(ground.file("trail.db-wal")).unwrap();
    append(&mut store).await.unwrap();
    assert_eq!(ground.seqs().await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_is_cut_off_while_the_service_runs_is_noticed_at_once() {
    let ground = Ground::new();
    let mut store = ground.store();
    for _ in 0..3 {
        append(&mut store).await.unwrap();
    }
    ground.raw().execute_batch("DROP TRIGGER trail_keeps_its_lines; DELETE FROM trail WHERE seq = 3").unwrap();
    assert_eq!(append(&mut store).await.unwrap_err().kind, StoreErrorKind::Damaged);
    assert_eq!(ground.seqs().await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_makes_nobody_wait_longer_than_the_commit_timeout() {
    let ground = Ground::new();
    let trail = ground.trail(Duration::from_millis(100));
    let other = ground.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = std::time::Instant::now();
    assert_eq!(trail.record(&Entry::of(Event::Asked)).await, Err(TrailError::Slow));
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    other.execute_batch("COMMIT").unwrap();
    assert!(trail.flush(PATIENT).await);
    trail.record(&Entry::of(Event::Refused)).await.unwrap();
    let events: Vec<String> = ground.lines().await.into_iter().map(|line| line.event).collect();
    assert_eq!(events.last().map(String::as_str), Some("refused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_were_overwritten_are_damage_and_not_data() {
    let ground = Ground::new();
    let mut store = ground.store();
    let many: Vec<Draft> = (0..200).map(|_| draft()).collect();
    store.append(&many, &chain()).await.unwrap();
    drop(store);
    let mut bytes = std::fs::read(ground.path()).unwrap();
    let after_schema = 5 * 4096;
    bytes[after_schema..].fill(0xA5);
    std::fs::write(ground.path(), bytes).unwrap();
    let read = async { ground.reader().lines(0, 1000).await }.await;
    assert_eq!(read.unwrap_err().kind, StoreErrorKind::Damaged);
}

impl Ground {
    fn reader_error(&self) -> StoreErrorKind {
        SqliteReader::open(&self.path(), Handle::current()).err().unwrap().kind
    }
}
