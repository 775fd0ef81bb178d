//! Searches compared with a plain reading of the filter.

use super::*;
use crate::audit::{ChildIndex, Filter};
use jiff::{Timestamp, ToSpan};
use uuid::Uuid;

const LINES: u64 = 400;

/// Few values of each kind, so that every combination has matches; times that now and then go back.
fn drafts() -> Vec<Draft> {
    let text = |kind: &str, n: u64| Some(format!("{kind}{n}"));
    (0..LINES)
        .map(|n| Draft {
            at: time(if n % 50 == 7 { n - 5 } else { n }),
            look: (n % 4 != 3).then(|| Uuid::from_u128(u128::from(n / 8))),
            user_id: if n % 5 == 0 { None } else { text("user", n % 3) },
            child: (n % 6 != 0).then(|| child(n % 4)),
            message_id: if n % 2 == 0 { text("message", n / 4) } else { None },
            request_id: text("request", n / 10),
            ..draft()
        })
        .collect()
}

fn time(n: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + i64::try_from(n).unwrap().minutes()
}

fn child(n: u64) -> ChildIndex {
    ChildIndex([u8::try_from(n).unwrap(); 16])
}

/// Every combination of what can be wanted.
fn combinations() -> Vec<Filter> {
    let mut all = vec![Filter::default()];
    let parts: [fn(&mut Filter); 7] = [
        |wanted| wanted.user_id = Some("user1".to_owned()),
        |wanted| wanted.child = vec![child(1), child(2)],
        |wanted| wanted.message_id = Some("message10".to_owned()),
        |wanted| wanted.request_id = Some("request4".to_owned()),
        |wanted| wanted.look = Some(Uuid::from_u128(5)),
        |wanted| wanted.from = Some(time(30)),
        |wanted| wanted.to = Some(time(300)),
    ];
    for part in parts {
        for mut wanted in all.clone() {
            part(&mut wanted);
            all.push(wanted);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_search_finds_what_is_wanted_newest_first_page_by_page() {
    let ground = Ground::new();
    let mut store = ground.store();
    for drafts in drafts().chunks(100) {
        store.append(drafts, &chain()).await.unwrap();
    }
    let (lines, reader) = (ground.lines().await, ground.reader());
    let combinations = combinations();
    assert_eq!(combinations.len(), 128);
    let mut matches = 0;
    for wanted in combinations {
        let meant: Vec<u64> = lines.iter().rev().filter(|line| line.is(&wanted)).map(|line| line.seq).collect();
        for limit in [7, 1000] {
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = reader.find(&wanted, before, limit).await.unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                before = Some(last.seq);
                found.extend(page.iter().map(|line| line.seq));
            }
            assert_eq!(found, meant);
        }
        matches += meant.len();
    }
    assert!(matches > 2000, "{matches}: the values were meant to meet");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_archived_is_not_found() {
    let ground = Ground::new();
    let mut store = ground.store();
    store.append(&drafts()[..20], &chain()).await.unwrap();
    ground.raw().execute("INSERT INTO archived VALUES (15, zeroblob(32), 1, '')", []).unwrap();
    let reader = ground.reader();
    for wanted in combinations() {
        assert!(reader.find(&wanted, None, 100).await.unwrap().iter().all(|line| line.seq > 15));
    }
    assert_eq!(reader.lines(0, 100).await.unwrap().len(), 5);
}
