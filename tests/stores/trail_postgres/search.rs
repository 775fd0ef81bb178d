//! Searches: right, and as quick in a long trail as in a short one.

use super::{append, draft, drafts, open};
use crate::servers::postgres::Postgres;
use cpis_fhir::audit::postgres::PostgresStore;
use cpis_fhir::audit::{ChildIndex, Draft, Filter, Line, MemoryStore, Reader, Store};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Lines in which every field has few values, so that each search finds many.
fn varied(n: u8) -> Draft {
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_nanos(i64::from(n / 10) * 1_000_000_001);
    let text = |prefix: &str, of: u8| Some(format!("{prefix}{}", n % of));
    Draft {
        at,
        look: (!n.is_multiple_of(5)).then(|| Uuid::from_bytes([n % 4; 16])),
        // Alike in what the index holds of them.
        user_id: Some(format!("{}{}", "x".repeat(300), n % 3)),
        child: (!n.is_multiple_of(7)).then_some(ChildIndex([n % 6; 16])),
        message_id: text("M", 9),
        request_id: if n.is_multiple_of(2) { text("R", 4) } else { None },
        ..draft()
    }
}

fn searches() -> Vec<Filter> {
    let at = |seconds: i64| Some(Timestamp::UNIX_EPOCH + SignedDuration::from_nanos(seconds * 1_000_000_001));
    let user = Some(format!("{}1", "x".repeat(300)));
    let child = vec![ChildIndex([1; 16]), ChildIndex([3; 16])];
    let look = Some(Uuid::from_bytes([2; 16]));
    let (message_id, request_id) = (Some("M4".to_owned()), Some("R2".to_owned()));
    vec![
        Filter::default(),
        Filter { user_id: user.clone(), ..Filter::default() },
        Filter { child: child.clone(), ..Filter::default() },
        Filter { child: vec![ChildIndex([2; 16])], ..Filter::default() },
        Filter { message_id: message_id.clone(), ..Filter::default() },
        Filter { request_id: request_id.clone(), ..Filter::default() },
        Filter { look, ..Filter::default() },
        Filter { from: at(5), ..Filter::default() },
        Filter { to: at(5), ..Filter::default() },
        Filter { from: at(5), to: at(9), ..Filter::default() },
        Filter { user_id: user.clone(), from: at(5), to: at(15), ..Filter::default() },
        Filter { user_id: user.clone(), child: child.clone(), ..Filter::default() },
        Filter { look, request_id: request_id.clone(), ..Filter::default() },
        Filter { message_id, user_id: user, child, from: at(1), ..Filter::default() },
        Filter { request_id, user_id: Some("nobody".to_owned()), ..Filter::default() },
        Filter { user_id: Some("nul \0".to_owned()), ..Filter::default() },
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn each_search_finds_what_the_definition_says_page_by_page() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    let (mut memory, expected) = MemoryStore::new();
    let written: Vec<Draft> = (0..200).map(varied).collect();
    append(&mut store, &written).await;
    memory.append(&written, &super::the_chain()).await.unwrap();
    for (n, wanted) in searches().iter().enumerate() {
        let all = expected.find(wanted, None, 1000).await.unwrap();
        assert_eq!(reader.find(wanted, None, 1000).await.unwrap(), all, "search {n}");
        assert_eq!(all.is_empty(), n >= 14, "search {n} has something to find");
        let mut paged: Vec<Line> = Vec::new();
        loop {
            let page = reader.find(wanted, paged.last().map(|line| line.seq), 7).await.unwrap();
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= 7);
            paged.extend(page);
        }
        assert_eq!(paged, all, "search {n}, paged");
    }
}

/// Fills the trail with rows that no chain holds, quickly.
fn fill(postgres: &Postgres, lines: u32) {
    postgres.sql(&format!(
        "INSERT INTO cpis_fhir.trail SELECT n, gen_random_uuid(), n * 1000000000, 'asked', gen_random_uuid(), \
         'user' || n % 50, decode(md5((n % 10000)::text), 'hex'), 'M' || n, 'R' || n, convert_to(repeat('x', 1000), 'UTF8'), \
         '\\x0000000000000000', sha256(''), sha256('') FROM generate_series(11::bigint, {lines}) AS n"
    ));
}

/// The plans are counted in pages that the server touches: times would tell more of the machine.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn searches_and_appends_touch_few_pages_in_a_long_trail_with_and_without_statistics() {
    let postgres = Postgres::with(&["autovacuum=off"], false);
    let (mut store, reader) = open(&postgres.url()).await;
    // Plans that were made while the trail was short.
    for _ in 0..10 {
        append(&mut store, &super::again(&drafts(1))).await;
    }
    fill(&postgres, 100_000);
    let child = ChildIndex(hex(&postgres.sql("SELECT md5('777')")));
    let at = |seconds: i64| Some(Timestamp::from_second(seconds).unwrap());
    let searches = [
        (Filter { child: vec![child], ..Filter::default() }, 10),
        (Filter { child: vec![child, ChildIndex([0; 16])], ..Filter::default() }, 10),
        (Filter { child: vec![ChildIndex([0; 16])], ..Filter::default() }, 0),
        (Filter { user_id: Some("user7".to_owned()), ..Filter::default() }, 20),
        (Filter { user_id: Some("user7".to_owned()), child: vec![child], ..Filter::default() }, 0),
        (Filter { user_id: Some("nobody".to_owned()), ..Filter::default() }, 0),
        (Filter { message_id: Some("M50".to_owned()), ..Filter::default() }, 1),
        (Filter { request_id: Some("R50".to_owned()), ..Filter::default() }, 1),
        (Filter { look: Some(Uuid::nil()), ..Filter::default() }, 0),
        (Filter { from: at(100), to: at(110), ..Filter::default() }, 10),
        (Filter { from: at(99_995), to: at(200_000), ..Filter::default() }, 6),
        (Filter::default(), 20),
    ];
    let pages = "SELECT heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read FROM pg_statio_all_tables \
                 WHERE relname = 'trail'";
    let touched = async || -> i64 {
        // The server's counters follow about a second behind a session, and only when it does something; on a busy machine later.
        let mut before = 0;
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
            reader.tip().await.unwrap();
            let now: i64 = postgres.sql(pages).parse().unwrap();
            // Nothing but the asking itself.
            if now - before < 10 {
                return now;
            }
            before = now;
        }
    };
    // The writer's session reports its counts when it is used again.
    let appended = async |store: &mut PostgresStore| -> i64 {
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        append(store, &[]).await;
        touched().await
    };
    for statistics in ["", "ANALYZE cpis_fhir.trail"] {
        postgres.sql(statistics);
        // An idle writer reports its counts after ten seconds, which would be counted with the searches.
        let before = appended(&mut store).await;
        for (n, (wanted, found)) in searches.iter().enumerate() {
            assert_eq!(reader.find(wanted, None, 20).await.unwrap().len(), *found, "search {n}");
        }
        let pages = touched().await - before;
        // The table has 15,000, and each of its indexes 300 or more.
        assert!(pages > 100 && pages < 300, "the searches touched {pages} pages; {statistics}");
        println!("{} searches touched {pages} pages; {statistics}", searches.len());
        let before = appended(&mut store).await;
        append(&mut store, &super::again(&drafts(3))).await;
        let pages = appended(&mut store).await - before;
        assert!(pages > 20 && pages < 200, "an append touched {pages} pages; {statistics}");
    }
}

fn hex(text: &str) -> [u8; 16] {
    u128::from_str_radix(text, 16).unwrap().to_be_bytes()
}
