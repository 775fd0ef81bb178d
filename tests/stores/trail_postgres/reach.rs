//! The way to the server: TLS, socket, what the server must be.

use super::{append, drafts, open, whole};
use crate::common::trail::TrailFolder;
use crate::servers::postgres::{PASSWORD, Postgres, url};
use cpis_fhir::audit::StoreErrorKind;
use cpis_fhir::audit::postgres::{connect, lazily};
use cpis_fhir::simulator::certificates::Certificates;

const APP: &str = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'cpis-fhir/%'";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn tls_is_spoken_with_a_server_whose_certificate_the_given_ca_signed() {
    let postgres = Postgres::with_tls();
    let ca = postgres.certificates.clone().unwrap().ca_pem;
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = postgres.url_of("cpis_fhir_owner", &format!("?sslmode={mode}&channel_binding=require"));
        let (mut store, _) = connect(&url, Some(ca.as_bytes())).await.unwrap();
        append(&mut store, &drafts(1)).await;
        assert_eq!(postgres.sql(APP), "t");
        drop(store);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_server_that_cannot_prove_itself_gets_no_password() {
    let postgres = Postgres::with_tls();
    let ca = postgres.certificates.clone().unwrap().ca_pem;
    let other = Certificates::generate("x").unwrap().ca_pem;
    let secure = postgres.url_of("cpis_fhir_owner", "?sslmode=require");
    for (ca, words) in [(Some(other.as_bytes()), "invalid peer certificate"), (None, "UnknownIssuer")] {
        let error = connect(&secure, ca).await.err().unwrap();
        assert_eq!(error.kind, StoreErrorKind::Gone);
        assert!(error.detail.contains(words), "{error}");
    }
    let port = postgres.port;
    let other_name =
        url(&format!("postgres://cpis_fhir_owner:{PASSWORD}@db.example:{port}/trail?hostaddr=127.0.0.1&sslmode=require"));
    let error = connect(&other_name, Some(ca.as_bytes())).await.err().unwrap();
    assert!(error.detail.contains("not valid for name"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_server_without_tls_is_not_spoken_to_where_tls_is_wanted() {
    let postgres = Postgres::start();
    let ca = Certificates::generate("x").unwrap().ca_pem;
    let error = connect(&postgres.url_of("cpis_fhir_owner", "?sslmode=require"), Some(ca.as_bytes())).await.err().unwrap();
    assert!(error.detail.contains("server does not support TLS"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_unix_socket_does_as_well() {
    let postgres = Postgres::start();
    let (mut store, reader) = open(&postgres.socket_url()).await;
    append(&mut store, &drafts(2)).await;
    assert_eq!(whole(&reader).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_server_that_does_not_sync_is_refused_and_a_role_that_does_not_is_made_to() {
    let postgres = Postgres::with(&["fsync=off"], false);
    let error = connect(&postgres.url(), None).await.err().unwrap();
    assert!(error.detail.contains("fsync=off"), "{error}");
    drop(postgres);
    let postgres = Postgres::start();
    postgres.sql("ALTER ROLE cpis_fhir_owner SET synchronous_commit = off");
    let (mut store, _) = open(&postgres.url()).await;
    append(&mut store, &drafts(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_server_that_is_away_at_the_start_is_used_when_it_comes() {
    let mut postgres = Postgres::start();
    postgres.kill9();
    assert_eq!(connect(&postgres.url(), None).await.err().unwrap().kind, StoreErrorKind::Gone);
    let (mut store, reader) = lazily(&postgres.url(), None).unwrap();
    let entry = drafts(1);
    let error = cpis_fhir::audit::Store::append(&mut store, &entry, &super::the_chain()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Gone);
    assert!(error.detail.contains("refused"), "{error}");
    postgres.up();
    append(&mut store, &super::again(&entry)).await;
    assert_eq!(whole(&reader).await, [entry[0].id]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_trail_that_is_only_read_is_not_made_and_its_absence_is_told() {
    let postgres = Postgres::start();
    let output = TrailFolder::postgres(postgres.url().expose()).audit(&["verify"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no trail in this database"), "{said}");
    assert_eq!(postgres.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'cpis_fhir'"), "0");
}
