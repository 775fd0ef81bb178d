//! With the trail in PostgreSQL: there is no window's file unless one is named, and the database may be away at the start.

use crate::common::restart::{ID, OTHER_ID, Place, WITH_AND_WITHOUT_AN_ID, a_page, found};
use crate::common::trail::TrailFolder;
use crate::common::{Got, client};
use crate::servers::postgres::{How, Postgres};
use cpis_fhir::audit::Event;
use std::time::{Duration, Instant};

async fn place(postgres: &Postgres, settings: &[(&'static str, &str)]) -> Place {
    Place::on(TrailFolder::postgres(postgres.url().expose()), settings, found).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn with_a_trail_in_postgresql_a_repetition_after_a_kill_asks_nobody() {
    let postgres = Postgres::start();
    let mut place = place(&postgres, &[]).await;
    assert_eq!(place.look(Some(ID)).await.total(), 1);
    place.kill_and_start();
    let again = place.look(Some(ID)).await;
    assert_eq!((again.status, again.issue().as_str()), (500, "exception"), "{}", again.text);
    assert!(again.diagnostics().contains("before a restart"), "{}", again.text);
    assert_eq!(place.queries(), 1);
    let anew = place.look_with(Some(OTHER_ID), &[("CPIS-New-Look", "true")]).await.unwrap();
    assert_eq!((anew.total(), place.queries()), (1, 2));
    place.trail.assert_whole("a kill");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn with_a_trail_in_postgresql_and_a_windows_file_the_answer_outlives_a_kill() {
    let postgres = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("window").display().to_string();
    let mut place = place(&postgres, &[("LOOKUP__WINDOW_FILE", &file)]).await;
    place.look(Some(ID)).await;
    place.kill_and_start();
    for id in [Some(ID), Some(OTHER_ID), None] {
        assert_eq!((place.look(id).await.total(), place.queries()), (1, 1));
    }
    place.trail.assert_whole("a kill");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn with_a_trail_in_postgresql_a_failure_is_a_failure_after_a_kill() {
    for id in WITH_AND_WITHOUT_AN_ID {
        let postgres = Postgres::start();
        let mut place = Place::on(TrailFolder::postgres(postgres.url().expose()), &[], a_page).await;
        let first = place.look(id).await;
        place.kill_and_start();
        place.smsp.follow(found);
        let again = place.look(id).await;
        // What the SMSP sent is not on the trail, and there is no file.
        assert_eq!((again.status, again.issue()), (502, first.issue()), "{}", again.text);
        assert!(again.diagnostics().contains("may already have been notified"), "{}", again.text);
        assert_eq!(place.queries(), 1);
    }
}

async fn status(place: &Place) -> Got {
    Got::read(client().get(format!("{}/_status", place.service.public)).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_start_without_its_database_serves_and_asks_nothing_until_it_has_read_what_was_asked() {
    let mut postgres = Postgres::start();
    let mut place = place(&postgres, &[]).await;
    place.look(Some(ID)).await;
    let holds = place.service.holds().await;
    place.service.kill();
    postgres.stop(How::Kill9);
    place.start();
    for id in [Some(ID), Some(OTHER_ID), None] {
        let got = place.look(id).await;
        assert_eq!((got.status, got.issue().as_str()), (503, "transient"), "{}", got.text);
        assert!(got.header("Retry-After").is_some() && !got.says_no_record());
    }
    assert_eq!(status(&place).await.json()["checks"]["trail:writable"][0]["status"], "fail");
    postgres.up();
    let began = Instant::now();
    let mut again = place.look(Some(ID)).await;
    while again.status == 503 {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", place.service.said());
        tokio::time::sleep(Duration::from_millis(100)).await;
        again = place.look(Some(ID)).await;
    }
    assert!(again.status == 500 && again.diagnostics().contains("before a restart"), "{}", again.text);
    assert_eq!((place.queries(), place.count(Event::Asked).await), (1, 1));
    place.service.holds_no_more(holds).await;
    place.trail.assert_whole("a start without a database");
}
