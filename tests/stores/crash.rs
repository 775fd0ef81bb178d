//! What `it` says of a killed service, with its trail in PostgreSQL; and PostgreSQL itself is restarted under load.

use crate::common::crash::{assert_on_record, kill_and_start, open};
use crate::common::load::Load;
use crate::common::trail::TrailFolder;
use crate::servers::postgres::{How, Postgres};
use std::time::Duration;

/// Kills of the service.
const TIMES: usize = 8;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run makes it"]
async fn a_service_with_its_trail_in_postgresql_that_is_killed_has_everything_on_record() {
    let postgres = Postgres::start();
    kill_and_start(&TrailFolder::postgres(postgres.url().expose()), TIMES).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run makes it"]
async fn postgresql_is_restarted_under_load_and_nothing_is_missing_on_the_trail() {
    let mut postgres = Postgres::start();
    let trail = TrailFolder::postgres(postgres.url().expose());
    let mut app = open(&trail).await;
    let load = Load::start(16, &app.fhir(""));
    for how in [How::Fast, How::Immediate, How::Kill9] {
        tokio::time::sleep(Duration::from_millis(800)).await;
        postgres.restart(how);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = load.stop().await;
    app.assert_well("PostgreSQL was restarted").await;
    assert_eq!(app.service.stop(), Some(0));
    trail.assert_whole("PostgreSQL was restarted");
    assert!(told.iter().all(|told| matches!(told.status, Some(200 | 500 | 503))), "{told:?}");
    assert_on_record(&trail, &app, &told).await;
}
