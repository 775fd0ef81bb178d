//! Who may do what: nothing is changed or deleted, by anyone who has not taken the triggers away.

use super::{append, drafts, open, whole};
use crate::servers::postgres::{PASSWORD, Postgres};
use cpis_fhir::audit::postgres::connect;
use cpis_fhir::audit::{Reader, StoreErrorKind};

const CHANGES: [&str; 8] = [
    "UPDATE cpis_fhir.trail SET body = 'x' WHERE seq = 1",
    "UPDATE cpis_fhir.trail SET body = 'x' WHERE false",
    "DELETE FROM cpis_fhir.trail WHERE seq = 2",
    "TRUNCATE cpis_fhir.trail",
    "INSERT INTO cpis_fhir.trail SELECT * FROM cpis_fhir.trail ON CONFLICT (seq) DO UPDATE SET body = 'x'",
    "SET session_replication_role = replica; DELETE FROM cpis_fhir.trail",
    "UPDATE cpis_fhir.archived SET last = 100",
    "TRUNCATE cpis_fhir.archived",
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn nobody_changes_a_line_neither_the_service_nor_the_owner_nor_the_superuser() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.url()).await;
    postgres.grant();
    append(&mut store, &drafts(3)).await;
    for (role, words) in [("cpis_fhir_app", "permission denied"), ("cpis_fhir_owner", "append-only"), ("postgres", "append-only")]
    {
        for change in CHANGES {
            let refused = postgres.try_sql(role, "trail", change).unwrap_err();
            // Only a superuser may call its session a replica.
            assert!(refused.contains(words) || refused.contains("permission denied"), "{role}: {change}: {refused}");
        }
    }
    for (role, forbidden) in [
        ("cpis_fhir_app", "INSERT INTO cpis_fhir.archived SELECT 1, 3, mac, '', 0 FROM cpis_fhir.trail WHERE seq = 3"),
        ("cpis_fhir_app", "ALTER TABLE cpis_fhir.trail DISABLE TRIGGER USER"),
        ("cpis_fhir_app", "INSERT INTO cpis_fhir.version VALUES (2)"),
        ("cpis_fhir_app", "CREATE TABLE cpis_fhir.mine ()"),
    ] {
        assert!(
            postgres.try_sql(role, "trail", forbidden).unwrap_err().contains("permission denied")
                || postgres.try_sql(role, "trail", forbidden).unwrap_err().contains("must be owner"),
            "{forbidden}"
        );
    }
    assert_eq!(whole(&reader).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn only_lines_that_are_in_an_archive_may_be_deleted() {
    let postgres = Postgres::start();
    let (mut store, _) = open(&postgres.url()).await;
    append(&mut store, &drafts(4)).await;
    postgres.sql("INSERT INTO cpis_fhir.archived SELECT 1, 2, mac, '', 0 FROM cpis_fhir.trail WHERE seq = 2");
    assert!(postgres.try_sql("cpis_fhir_owner", "trail", "DELETE FROM cpis_fhir.trail WHERE seq < 4").is_err());
    postgres.try_sql("cpis_fhir_owner", "trail", "DELETE FROM cpis_fhir.trail WHERE seq < 3").unwrap();
    assert_eq!(postgres.sql("SELECT count(*) FROM cpis_fhir.trail"), "2");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn the_service_runs_as_a_role_that_may_append_and_read_only() {
    let postgres = Postgres::start();
    let early = connect(&postgres.app_url(), None).await.err().unwrap();
    assert_eq!(early.kind, StoreErrorKind::ReadOnly);
    assert!(early.detail.contains("its tables are missing or old, and this role may not create them"), "{early}");
    drop(open(&postgres.url()).await);
    let without_grants = connect(&postgres.app_url(), None).await.err().unwrap();
    assert!(without_grants.detail.contains("permission denied for schema cpis_fhir"), "{without_grants}");
    postgres.grant();
    let (mut store, reader) = open(&postgres.app_url()).await;
    append(&mut store, &drafts(2)).await;
    assert_eq!(append(&mut store, &super::again(&drafts(2))).await.seq, 4);
    assert_eq!(whole(&reader).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn tables_that_the_owner_made_from_the_file_do_as_well() {
    let postgres = Postgres::start();
    let file = include_str!("../../../src/audit/postgres/sql/0001_trail.sql");
    postgres.try_sql("cpis_fhir_owner", "trail", file).unwrap();
    postgres.grant();
    let (mut store, _) = open(&postgres.app_url()).await;
    assert_eq!(append(&mut store, &drafts(2)).await.seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_trail_of_a_newer_version_is_left_alone() {
    let postgres = Postgres::start();
    let (_, reader) = open(&postgres.url()).await;
    postgres.sql("INSERT INTO cpis_fhir.version VALUES (2)");
    let error = connect(&postgres.url(), None).await.err().unwrap();
    assert!(error.detail.contains("of version 2; this software knows 1"), "{error}");
    assert!(reader.tip().await.unwrap_err().detail.contains("of version 2"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_wrong_password_user_or_database_is_told_without_secrets() {
    let postgres = Postgres::start();
    let (port, url) = (postgres.port, crate::servers::postgres::url);
    for (wrong, words) in [
        (format!("postgres://cpis_fhir_app:hunter2@127.0.0.1:{port}/trail"), "password authentication failed"),
        (format!("postgres://cpis_fhir_app@127.0.0.1:{port}/trail"), "password missing"),
        (format!("postgres://nobody:hunter2@127.0.0.1:{port}/trail"), "password authentication failed"),
        (format!("postgres://cpis_fhir_app:{PASSWORD}@127.0.0.1:{port}/nowhere"), "database \"nowhere\" does not exist"),
    ] {
        let error = connect(&url(&wrong), None).await.err().unwrap();
        assert_eq!(error.kind, StoreErrorKind::Other, "{error}");
        let error = error.to_string();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("hunter2") && !error.contains(PASSWORD), "{error}");
    }
}
