//! What somebody with the file can do to it, and where it is found.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_as_it_was_written_is_whole() {
    let verdict = Ground::new().await.verdict().await;
    assert!(verdict.is_whole(), "{verdict:?}");
    assert_eq!((verdict.lines, verdict.tip.seq, verdict.base), (LINES, LINES, Tip::NONE));
    assert_eq!(verdict.head, HeadVerdict::Same);
    assert_eq!(verdict.software, [(env!("CARGO_PKG_VERSION").to_owned(), LINES)].into());
    assert_eq!(verdict.keys.values().sum::<u64>(), LINES);
    assert_eq!((verdict.sealed, verdict.backwards, verdict.fault_count), (0, None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_line_is_found_and_is_one_fault() {
    for sql in [
        "UPDATE trail SET body = replace(body, '555000111222', '555000111223') WHERE seq = 5",
        "UPDATE trail SET mac = zeroblob(32) WHERE seq = 5",
        "UPDATE trail SET previous = zeroblob(32) WHERE seq = 5",
        "UPDATE trail SET key_id = zeroblob(8) WHERE seq = 5",
        "UPDATE trail SET body = '' WHERE seq = 5",
        // Not even a line any more.
        "UPDATE trail SET mac = x'00' WHERE seq = 5",
        "UPDATE trail SET at = 9223372036854775807 WHERE seq = 5",
    ] {
        let verdict = Ground::verdict_after(sql).await;
        assert_eq!(verdict.first_bad(), Some(5), "{sql}: {:?}", verdict.faults);
        assert!(!verdict.is_whole() && verdict.fault_count <= 2, "{sql}: {:?}", verdict.faults);
        assert!(verdict.lines >= LINES - 1, "{sql}: the rest is checked too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_written_anew_without_the_key_is_found() {
    let ground = Ground::new().await;
    // With another key, and every later line linked to it.
    let others = Chain::new(&[KeyMaterial::new([9; 32])]).unwrap();
    let reader = SqliteReader::open(&ground.path("trail.db"), Handle::current()).unwrap();
    let before = reader.lines(3, 1).await.unwrap().remove(0);
    let forged = others.link(Tip { seq: 4, mac: before.mac }, &[&drafts(2)[0]]).remove(0);
    ground.tamper(&format!(
        "UPDATE trail SET body = '{}', mac = x'{}', key_id = (SELECT key_id FROM trail WHERE seq = 1) WHERE seq = 5;
         UPDATE trail SET previous = x'{}' WHERE seq = 6;",
        String::from_utf8(forged.body).unwrap(),
        forged.mac,
        forged.mac
    ));
    let verdict = ground.verdict().await;
    assert_eq!(verdict.faults[0], fault(5, ChainFault::Changed));
    assert_eq!(verdict.faults[1], fault(6, ChainFault::Changed));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_lines_are_found() {
    let verdict = Ground::verdict_after("DELETE FROM trail WHERE seq = 5").await;
    assert_eq!(verdict.faults, [fault(5, ChainFault::Missing)]);
    let verdict = Ground::verdict_after("DELETE FROM trail WHERE seq <= 3").await;
    assert_eq!(verdict.first_bad(), Some(1), "also at the beginning");
    let closed_up = "DELETE FROM trail WHERE seq = 5; UPDATE trail SET seq = seq - 1 WHERE seq > 5";
    let verdict = Ground::verdict_after(closed_up).await;
    assert_eq!(verdict.first_bad(), Some(5), "also where the numbers were closed up");
}

#[tokio::test(flavor = "multi_thread")]
async fn reordered_lines_are_found() {
    let swap = "UPDATE trail SET seq = 100 WHERE seq = 5; UPDATE trail SET seq = 5 WHERE seq = 6; UPDATE trail SET seq = 6 WHERE seq = 100";
    let verdict = Ground::verdict_after(swap).await;
    assert_eq!(verdict.first_bad(), Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_trail_is_found_by_its_head_alone() {
    let ground = Ground::new().await;
    ground.tamper("DELETE FROM trail WHERE seq > 9");
    let verdict = ground.verdict().await;
    assert_eq!((verdict.head, verdict.first_bad()), (HeadVerdict::Truncated { head: LINES }, Some(10)));
    assert_eq!(verdict.faults, []);
    std::fs::remove_file(ground.path("head")).unwrap();
    assert!(ground.verdict().await.is_whole(), "without a head nobody can tell");
    std::fs::write(ground.path("head"), "cpis-fhir-head-1 9 forged").unwrap();
    let verdict = ground.verdict().await;
    assert!(verdict.head == HeadVerdict::Unreadable && !verdict.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_tail_is_found_by_its_head() {
    let ground = Ground::new().await;
    ground.tamper("DELETE FROM trail WHERE seq > 9");
    // Done by somebody with the chain key, or by a service that continued an old copy.
    let mut store = SqliteStore::open(&ground.path("trail.db"), None).unwrap();
    store.append(&drafts(6), &chain()).await.unwrap();
    drop(store);
    let verdict = ground.verdict().await;
    assert_eq!((verdict.head, verdict.first_bad()), (HeadVerdict::Replaced { seq: LINES }, Some(LINES)));
    assert_eq!((verdict.faults.len(), verdict.tip.seq), (0, 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_the_file_is_a_truncation() {
    let ground = Ground::new().await;
    std::fs::copy(ground.path("trail.db"), ground.path("copy")).unwrap();
    ground.append(&drafts(4)).await;
    assert_eq!(ground.verdict().await.tip.seq, LINES + 4);
    for name in ["trail.db", "trail.db-wal", "trail.db-shm"] {
        let _ = std::fs::remove_file(ground.path(name));
    }
    std::fs::rename(ground.path("copy"), ground.path("trail.db")).unwrap();
    assert_eq!(ground.verdict().await.first_bad(), Some(LINES + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_ahead_of_its_head_is_no_fault() {
    let ground = Ground::new().await;
    let mut store = SqliteStore::open(&ground.path("trail.db"), None).unwrap();
    store.append(&drafts(4), &chain()).await.unwrap();
    drop(store);
    let verdict = ground.verdict().await;
    assert_eq!(verdict.head, HeadVerdict::Behind { by: 4 });
    assert!(verdict.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_says_other_than_the_line_is_found() {
    for (column, value) in [
        ("id", "randomblob(16)"),
        ("at", "at - 1"),
        ("event", "'shared'"),
        ("look", "NULL"),
        ("look", "randomblob(16)"),
        ("user_id", "NULL"),
        ("user_id", "'somebody else'"),
        ("child", "NULL"),
        ("child", "randomblob(16)"),
        ("message_id", "'other'"),
        ("request_id", "NULL"),
    ] {
        let verdict = Ground::verdict_after(&format!("UPDATE trail SET {column} = {value} WHERE seq = 5")).await;
        // The id is under the MAC too.
        let what = if column == "id" { ChainFault::Changed.into() } else { FaultKind::Column(column) };
        assert_eq!(verdict.faults, [fault(5, what)], "{column} = {value}");
        assert_eq!(verdict.first_bad(), Some(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_no_key_opens_is_counted_and_no_fault() {
    let ground = Ground::new().await;
    let reader = SqliteReader::open(&ground.path("trail.db"), Handle::current()).unwrap();
    let other = Seal::new(&[KeyMaterial::new([7; 32])]).unwrap();
    let verdict = verify(&reader, &chain(), &other, Head::Absent, Timestamp::now()).await.unwrap();
    assert_eq!((verdict.sealed, verdict.is_whole(), verdict.head), (LINES, true, HeadVerdict::Absent));
    let other = Chain::new(&[KeyMaterial::new([7; 32])]).unwrap();
    let verdict = verify(&reader, &other, &seal(), Head::Absent, Timestamp::now()).await.unwrap();
    assert_eq!((verdict.faults[0], verdict.fault_count), (fault(1, ChainFault::UnknownKey), LINES));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_archive_hides_no_lines() {
    let hide = "INSERT INTO archived SELECT seq, mac, 1, '{}' FROM trail WHERE seq = 7";
    let verdict = Ground::verdict_after(hide).await;
    assert!(matches!(verdict.faults[0].what, FaultKind::Archive), "{:?}", verdict.faults);
    assert!(!verdict.is_whole());
    let spoilt = "INSERT INTO archived VALUES (7, x'00', 1, '{}')";
    assert!(!Ground::verdict_after(spoilt).await.is_whole());
    let manifest = Manifest::made_up(7, &Chain::new(&[KeyMaterial::new([9; 32])]).unwrap());
    let hide = format!("INSERT INTO archived VALUES (7, zeroblob(32), 1, '{manifest}')");
    let verdict = Ground::verdict_after(&hide).await;
    assert_eq!(verdict.faults[0], fault(7, FaultKind::Archive));
}
