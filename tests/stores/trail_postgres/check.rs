//! `cpis-fhir check` on a trail in PostgreSQL.

use crate::common::Service;
use crate::common::fixture::Fixture;
use crate::servers::postgres::{PASSWORD, Postgres};
use cpis_fhir::secret::StoreUrl;

const TABLES: &str =
    "SELECT count(*) FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'cpis_fhir')";

async fn fixture(url: &StoreUrl) -> Fixture {
    let mut fixture = Fixture::well().await;
    let head = fixture.folder.path().join("audit.head").display().to_string();
    // The password in a file of its own, so that nothing is warned of.
    let password = fixture.secret("password", PASSWORD);
    fixture.set("AUDIT__STORE", &url.expose().replace(&format!(":{PASSWORD}"), "")).set("AUDIT__STORE_PASSWORD_FILE", &password);
    let window = fixture.folder.path().join("window").display().to_string();
    fixture.set("AUDIT__HEAD_FILE", &head).set("LOOKUP__WINDOW_FILE", &window);
    fixture
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_database_without_tables_is_well_where_the_role_may_make_them_and_stays_without() {
    let postgres = Postgres::start();
    let owner = fixture(&postgres.url()).await.check().await;
    assert_eq!((owner.code, owner.status("audit.store")), (0, "ok"), "{}", owner.json);
    assert!(owner.message("audit.store").ends_with("no tables yet, and this role may make them"), "{}", owner.json);
    assert_eq!(owner.status("audit.end"), "skip");
    let app = fixture(&postgres.app_url()).await.check().await;
    app.assert_only_failure("audit.store");
    assert_eq!(postgres.sql(TABLES), "0");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_trail_that_a_service_writes_is_well_and_gains_no_line() {
    let postgres = Postgres::start();
    drop(super::open(&postgres.url()).await);
    postgres.grant();
    let fixture = fixture(&postgres.app_url()).await;
    let service = Service::start(&fixture.certificates, &fixture.simulator.url(), &fixture.settings());
    let checked = fixture.check().await;
    assert_eq!(checked.code, 0, "{}", checked.json);
    let message = checked.message("audit.store");
    assert!(message.contains(", PostgreSQL ") && message.ends_with("this role may append and read"), "{message}");
    assert_eq!(checked.message("audit.end"), "the last lines are whole, up to line 1");
    assert_eq!(postgres.sql("SELECT count(*) FROM cpis_fhir.trail"), "1");
    drop(service);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_role_that_may_do_more_is_warned_of_and_one_that_may_do_less_fails() {
    let postgres = Postgres::start();
    drop(super::open(&postgres.url()).await);
    postgres.grant();
    let owner = fixture(&postgres.url()).await.check().await;
    assert_eq!((owner.code, owner.json["status"].as_str()), (3, Some("warn")), "{}", owner.json);
    postgres.sql("REVOKE INSERT ON cpis_fhir.trail FROM cpis_fhir_app");
    let app = fixture(&postgres.app_url()).await.check().await;
    app.assert_only_failure("audit.store");
    assert!(app.message("audit.store").contains("this role may not append and read"), "{}", app.json);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_database_that_is_away_or_refuses_us_fails_without_a_word_of_the_password() {
    let mut postgres = Postgres::start();
    let mut fixture = fixture(&postgres.url()).await;
    let wrong = fixture.secret("wrong", "hunter2");
    fixture.set("AUDIT__STORE_PASSWORD_FILE", &wrong);
    let refused = fixture.check().await;
    refused.assert_only_failure("audit.store");
    assert!(refused.message("audit.store").contains("password authentication failed"), "{}", refused.json);
    postgres.kill9();
    let away = fixture.check().await;
    away.assert_only_failure("audit.store");
    for checked in [refused, away] {
        assert!(!checked.json.to_string().contains("hunter2"), "{}", checked.json);
    }
}
