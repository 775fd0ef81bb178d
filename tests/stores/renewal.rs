//! Passwords of the stores, and the keys of the table that replicas share.

use crate::common::client;
use crate::common::renewal::{RENEWED, RenewalFixture, flags, wait_for};
use crate::common::trail::TrailFolder;
use crate::servers::postgres::Postgres;
use crate::servers::redis::Redis;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run makes it"]
async fn the_password_of_the_trails_database_is_renewed() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let mut bare: url::Url = url.expose().parse().unwrap();
    let password = bare.password().unwrap().to_owned();
    let user = bare.username().to_owned();
    bare.set_password(None).unwrap();
    let fixture = RenewalFixture::new().await;
    let file = fixture.trail.file("password");
    std::fs::write(&file, &password).unwrap();
    let settings = [("AUDIT__STORE", bare.as_str()), ("AUDIT__STORE_PASSWORD_FILE", file.to_str().unwrap())];
    let service = fixture.serve(&settings);
    assert_eq!(flags(&client(), &service).await.unwrap(), 200);
    postgres.sql(&format!("ALTER ROLE {user} PASSWORD 'another one'"));
    std::fs::write(&file, "another one\n").unwrap();
    wait_for(&service, RENEWED, 1);
    // Every connection of the service is ended, so that it needs the new password.
    postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cpis-fhir%'");
    assert_eq!(flags(&client(), &service).await.unwrap(), 200, "{}", service.said());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis; .ci/run makes it"]
async fn the_password_and_the_keys_of_the_sharing_table_are_renewed() {
    let redis = Redis::with_password("hunter2");
    let fixture = RenewalFixture::new().await;
    let [password, keys] = ["redis-password", "store.key"].map(|name| fixture.trail.file(name));
    let [old, new] = ["1", "2"].map(|digit| digit.repeat(64));
    std::fs::write(&password, "hunter2").unwrap();
    std::fs::write(&keys, &old).unwrap();
    let store = redis.address();
    let settings = [
        ("LOOKUP__STORE", store.as_str()),
        ("LOOKUP__STORE_PASSWORD_FILE", password.to_str().unwrap()),
        ("LOOKUP__STORE_KEY_FILE", keys.to_str().unwrap()),
    ];
    let other_trail = TrailFolder::sqlite();
    let (one, two) = (fixture.serve(&settings), fixture.serve_on(&other_trail, &settings));
    let look = async |service: &crate::common::Service| {
        let url = format!("{}/FHIR/R4/Flag?patient={}", service.public, crate::common::GOOD_CHILD);
        assert_eq!(client().get(url).send().await.unwrap().status().as_u16(), 200);
        fixture.simulator.counts().queries
    };
    assert_eq!((look(&one).await, look(&two).await), (1, 1), "shared");
    let own = store.replace("redis://", "redis://:hunter2@");
    let mut connection = ::redis::Client::open(own).unwrap().get_connection().unwrap();
    ::redis::cmd("CONFIG").arg(&["SET", "requirepass", "hunter3"]).exec(&mut connection).unwrap();
    // First below, so that every replica reads it before one writes with it.
    for lines in [format!("{old}\n{new}\n"), format!("{new}\n{old}\n")] {
        std::fs::write(&password, "hunter3").unwrap();
        std::fs::write(&keys, lines).unwrap();
        let times = one.stderr.lock().unwrap().matches(RENEWED).count() + 1;
        wait_for(&one, RENEWED, times);
        wait_for(&two, RENEWED, times);
        ::redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]).exec(&mut connection).unwrap();
        assert_eq!((look(&one).await, look(&two).await), (1, 1), "still shared: {}", one.said());
    }
}
