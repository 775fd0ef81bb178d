//! `cpis-fhir check`, as an operator types it: against a real simulator, issuer and trail, and never a query.

mod certificates;
mod issuers;
mod openssl;
mod ready;
mod settings;
mod smsp;
mod trail;

use crate::common::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_every_line_says_so_and_cp_is_is_asked_nothing() {
    let fixture = Fixture::well().await;
    let (code, said) = fixture.text().await;
    assert_eq!(code, 0, "{said}");
    for subject in
        ["settings", "smsp.client_cert", "smsp.ca", "smsp.dns", "smsp.tcp", "smsp.tls", "access.issuers[0]", "audit.store"]
    {
        assert!(said.lines().any(|line| line.starts_with("ok    ") && line[6..].starts_with(subject)), "{subject}: {said}");
    }
    assert!(said.trim_end().ends_with("CP-IS was asked nothing."), "{said}");
    let counts = fixture.simulator.counts();
    assert_eq!((counts.connections, counts.requests, counts.queries, counts.notifications), (1, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn for_machines_it_says_the_same_in_one_object() {
    let checked = Fixture::well().await.check().await;
    assert_eq!((checked.code, checked.json["status"].as_str()), (0, Some("ok")), "{}", checked.json);
    let of = |check: &str| checked.of(check);
    assert!(of("smsp.tls")["message"].as_str().unwrap().starts_with("TLS 1.3, TLS13_AES_"), "{}", checked.json);
    assert!(of("smsp.tls")["days_left"].as_i64().unwrap() > 300);
    assert!(of("smsp.client_cert")["days_left"].as_i64().unwrap() > 300);
    assert!(of("access.issuers[0]")["message"].as_str().unwrap().ends_with("1 key that can be used"));
    assert_eq!((of("server.listen")["status"].as_str(), of("audit.end")["status"].as_str()), (Some("skip"), Some("skip")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_by_looking() {
    let fixture = Fixture::well().await;
    let before = fixture.names();
    assert_eq!(fixture.check().await.code, 0);
    assert_eq!(fixture.names(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demonstration_is_told_from_a_service() {
    let mut fixture = Fixture::well().await;
    fixture.keep_only_the_smsp();
    fixture.set("ACCESS__MODES", "demo").set("AUDIT__STORE", "sqlite::memory:");
    let checked = fixture.check().await;
    assert_eq!((checked.code, checked.status("audit.store")), (3, "warn"), "{}", checked.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_slow_holds_up_nothing_beyond_its_time() {
    let mut fixture = Fixture::well().await;
    // Accepts connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    fixture.set("SMSP__URL", &format!("https://localhost:{}/smsp/cpis", at.port()));
    fixture.issuer.be(crate::common::issuer::Mood::Slow);
    let began = std::time::Instant::now();
    let checked = fixture.check_with(&["--json", "--timeout", "1s"]).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!((checked.code, checked.status("smsp.tls"), checked.status("access.issuers[0]")), (1, "fail", "fail"));
    assert_eq!((checked.status("smsp.tcp"), checked.status("audit.store")), ("ok", "ok"));
}
