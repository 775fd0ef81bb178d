//! How fast entries become durable; run with `--nocapture` to see.

use super::{open, trail};
use crate::servers::postgres::Postgres;
use cpis_fhir::audit::{Entry, Event};
use std::time::{Duration, Instant};

const RUN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn callers_who_wait_together_share_a_commit() {
    let postgres = Postgres::start();
    for callers in [1_u32, 64] {
        let trail = trail(open(&postgres.url()).await.0);
        let began = Instant::now();
        let working = (0..callers).map(|_| {
            let trail = trail.clone();
            tokio::spawn(async move {
                while began.elapsed() < RUN {
                    trail.record(&Entry::of(Event::Asked)).await.unwrap();
                }
            })
        });
        for caller in futures_util::future::join_all(working).await {
            caller.unwrap();
        }
        let state = trail.state();
        let rate = f64::from(u32::try_from(state.entries).unwrap()) / began.elapsed().as_secs_f64();
        println!("{callers} callers: {rate:.0} entries a second, {} entries in {} commits", state.entries, state.commits);
        let shared = state.entries / state.commits;
        assert!(shared <= u64::from(callers) && shared >= u64::from(callers) / 4, "{shared} entries in a commit");
    }
}
