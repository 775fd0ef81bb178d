//! Two replicas of the real binary that share their looks in a real Redis: one look, one notification, whichever is asked.
//! `.ci/run` runs these; they need `redis-server`.

use crate::common::children::{built_in_and, child, numbers};
use crate::common::fixture::Fixture;
use crate::common::{Got, Service, TestApp};
use crate::servers::redis::Redis;
use cpis_fhir::audit;
use cpis_fhir::audit::open_read_only;
use cpis_fhir::secret::KeyMaterial;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

const CHILD: &str = "9995000008";
const ID: [(&str, &str); 1] = [("X-Request-ID", "60E0B220-8136-4CA5-AE46-1D97EF59D068")];

/// Two replicas before one simulator and one Redis, each with a trail of its own.
struct Pair {
    app: TestApp,
    other: Service,
    redis: Redis,
    folder: tempfile::TempDir,
}

/// An **asked** entry: the child's index and what it says for a person's eye.
struct Asked {
    child: String,
    detail: Option<String>,
}

impl Pair {
    async fn open(children: &[String], settings: &[(&str, &str)]) -> Self {
        let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
        for (name, digit) in [("chain.key", "a"), ("encryption.key", "b"), ("store.key", "c"), ("id.key", "d")] {
            std::fs::write(folder.path().join(name), digit.repeat(64)).unwrap();
        }
        let file = |name: &str| folder.path().join(name).display().to_string();
        let trail = |name: &str| format!("sqlite:{}", file(name));
        let (url, first, second) = (redis.address(), trail("0.db"), trail("1.db"));
        let [chain, encryption, store, id] = ["chain.key", "encryption.key", "store.key", "id.key"].map(file);
        let (head, other_head) = (file("0.head"), file("1.head"));
        let ours = [
            ("LOOKUP__STORE", url.as_str()),
            ("LOOKUP__STORE_KEY_FILE", &store),
            ("FHIR__ID_KEY_FILE", &id),
            ("AUDIT__CHAIN_KEY_FILE", &chain),
            ("AUDIT__ENCRYPTION_KEY_FILE", &encryption),
            ("AUDIT__STORE", &first),
            ("AUDIT__HEAD_FILE", &head),
        ];
        let scenario = built_in_and(&children.concat());
        let app = TestApp::with_scenario(scenario, &[&ours[..], settings].concat()).await;
        let other = app.another_with(&[("AUDIT__STORE", &second), ("AUDIT__HEAD_FILE", &other_head)]);
        Self { app, other, redis, folder }
    }

    async fn one(behaviour: &str, settings: &[(&str, &str)]) -> Self {
        Self::open(&[child(CHILD, behaviour)], settings).await
    }

    /// At the first replica (even) or the other.
    async fn get(&self, replica: usize, path: &str, headers: &[(&str, &str)]) -> Got {
        let service = if replica.is_multiple_of(2) { &self.app.service } else { &self.other };
        let url = format!("{}/FHIR/R4/{path}", service.public);
        self.app.send(self.app.http.get(url), headers).await
    }

    async fn look(&self, replica: usize, number: &str) -> Got {
        self.get(replica, &format!("Flag?patient={number}"), &[]).await
    }

    /// Where the second page of a search at the first replica is.
    async fn look_page(&self, number: &str) -> String {
        let first = self.get(0, &format!("AuditEvent?patient={number}&_count=1"), &[]).await.json();
        let links = first["link"].as_array().unwrap().clone();
        let next = links.iter().find(|link| link["relation"] == "next").expect("there are two").clone();
        next["url"].as_str().unwrap().split_once("/FHIR/R4/").unwrap().1.to_owned()
    }

    /// Queries and notifications, where they count: at the SMSP.
    fn heard(&self) -> (u64, u64) {
        (self.app.counts().requests, self.app.counts().notifications)
    }

    /// Everything asked, from both trails.
    async fn asked(&self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for name in ["0", "1"] {
            asked.extend(asked_on(self.folder.path(), name).await);
        }
        asked
    }

    /// How many entries of an event are on both trails.
    async fn entries(&self, event: &str) -> usize {
        let lines = [lines(self.folder.path(), "0").await, lines(self.folder.path(), "1").await].concat();
        lines.iter().filter(|line| line.event == event).count()
    }
}

async fn lines(folder: &Path, name: &str) -> Vec<cpis_fhir::audit::Line> {
    let settings = audit::Options {
        store: audit::StoreLocation::Sqlite(folder.join(format!("{name}.db"))),
        store_ca: None,
        chain_keys: vec![KeyMaterial::new([0xaa; 32])],
        encryption_keys: vec![KeyMaterial::new([0xbb; 32])],
        head_file: Some(folder.join(format!("{name}.head"))),
        commit_timeout: Duration::from_secs(10),
        online_for: Duration::from_hours(24),
    };
    let opened = open_read_only(&settings, tokio::runtime::Handle::current()).await.unwrap();
    opened.reader.lines(0, 100_000).await.unwrap()
}

async fn asked_on(folder: &Path, name: &str) -> Vec<Asked> {
    let lines = lines(folder, name).await;
    let asked = lines.into_iter().filter(|line| line.event == "asked").map(|line| {
        let body: Value = serde_json::from_slice(&line.body).unwrap();
        Asked { child: format!("{:?}", line.child.unwrap()), detail: body["detail"].as_str().map(str::to_owned) }
    });
    asked.collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_hundred_searches_of_one_look_over_both_replicas_are_one_notification() {
    let pair = Pair::one(r#"delay = "300ms""#, &[]).await;
    let looks = futures_util::future::join_all((0..100).map(|n| pair.look(n, CHILD))).await;
    assert!(looks.iter().all(|got| got.status == 200 && got.total() == 1));
    assert_eq!(pair.heard(), (1, 1));
    assert_eq!((pair.entries("asked").await, pair.entries("answered").await, pair.entries("shared").await), (1, 1, 99));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_viewing_session_that_goes_from_one_replica_to_the_other_is_one_notification() {
    let mut pair = Pair::one("", &[]).await;
    for (n, resource) in ["Flag", "EpisodeOfCare", "CareTeam", "CarePlan", "AuditEvent"].iter().enumerate() {
        let got = pair.get(n, &format!("{resource}?patient={CHILD}"), &[]).await;
        assert_eq!(got.status, 200, "{resource}: {}", got.text);
        assert!(got.total() >= 1, "{resource}");
        assert_eq!(got.header("age").is_some(), n > 0, "{resource}");
    }
    // One that is replaced leaves its answers to the others.
    let fresh = crate::common::GOOD_CHILD;
    assert_eq!(pair.look(0, fresh).await.status, 200);
    pair.app.service.stop();
    assert_eq!(pair.look(1, fresh).await.total(), 1);
    assert_eq!(pair.heard().0, 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn the_pages_of_a_look_come_from_either_replica_and_those_of_another_look_are_gone() {
    // Twenty-five accesses.
    const MANY: &str = "9449310394";
    let pair = Pair::open(&[], &[]).await;
    let query = format!("AuditEvent?patient={MANY}&_count=6");
    let first = pair.get(0, &query, &[]).await;
    // A link leads to the replica that made it; a load balancer leads anywhere.
    let next = |got: &Got| {
        let links = got.json()["link"].as_array().unwrap().clone();
        let next = links.iter().find(|link| link["relation"] == "next")?["url"].as_str()?.to_owned();
        Some(next.split_once("/FHIR/R4/").unwrap().1.to_owned())
    };
    let ids = |got: &Got| got.resources("match").iter().map(|access| access["id"].to_string()).collect::<Vec<_>>();
    let (mut walked, mut got, mut replica) = (ids(&first), next(&first), 0);
    while let Some(path) = got {
        replica += 1;
        let page = pair.get(replica, &path, &[]).await;
        assert_eq!((page.status, page.total()), (200, first.total()), "{}", page.text);
        walked.extend(ids(&page));
        got = next(&page);
    }
    assert_eq!(walked.len() as u64, first.total());
    walked.sort_unstable();
    walked.dedup();
    assert_eq!(walked.len() as u64, first.total());
    assert_eq!(pair.heard().0, 1);
    // A new look at the other replica: its pages are those of that look alone, there and here.
    let anew = pair.get(1, &query, &[("CPIS-New-Look", "true")]).await;
    let gone = pair.get(1, &next(&first).unwrap(), &[]).await;
    assert_eq!((gone.status, gone.issue().as_str()), (410, "not-found"), "{}", gone.text);
    assert_eq!(pair.get(0, &next(&anew).unwrap(), &[]).await.status, 200);
    assert_eq!(pair.get(0, &next(&first).unwrap(), &[]).await.status, 410, "the newer look is shared here now");
    assert_eq!(pair.heard().0, 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_request_that_is_repeated_at_the_other_replica_gets_the_late_answer_of_the_first() {
    let patience = [("SMSP__TIMEOUT", "1s"), ("SMSP__CONNECT_TIMEOUT", "1s"), ("SMSP__LATE_TIMEOUT", "5s")];
    let nothing_shared = [&patience[..], &[("LOOKUP__SHARE_FOR", "0s")]].concat();
    for settings in [&patience[..], &nothing_shared] {
        let pair = Pair::one(r#"delay = "2500ms""#, settings).await;
        let path = format!("Flag?patient={CHILD}");
        let first = pair.get(0, &path, &ID).await;
        assert_eq!((first.status, first.issue().as_str()), (504, "timeout"), "{}", first.text);
        let second = pair.get(1, &path, &ID).await;
        assert_eq!(second.status, 504, "not yet there: {}", second.text);
        assert!(second.header("retry-after").is_none(), "it may have been heard");
        for replica in [1, 0, 1] {
            let got = pair.get(replica, &path, &ID).await;
            assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
            assert!(got.header("age").is_some());
        }
        assert_eq!(pair.heard(), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_request_that_joined_another_is_known_to_the_other_replica_as_well() {
    let nothing_shared = [("LOOKUP__SHARE_FOR", "0s")];
    let pair = Pair::one(r#"delay = "500ms""#, &nothing_shared).await;
    let path = format!("Flag?patient={CHILD}");
    let joining = [("X-Request-ID", "11111111-8136-4CA5-AE46-1D97EF59D068")];
    let (first, joined) = tokio::join!(pair.get(0, &path, &ID), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        pair.get(0, &path, &joining).await
    });
    assert_eq!((first.status, joined.status), (200, 200));
    for id in [&ID, &joining] {
        assert_eq!(pair.get(1, &path, id).await.total(), 1);
    }
    assert_eq!(pair.heard(), (1, 1));
    // And another request is another look.
    assert_eq!(pair.look(1, CHILD).await.status, 200);
    assert_eq!(pair.heard(), (2, 2));
}

/// The finding's own scenario, and the same where the SMSP cut the connection instead.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_repetition_without_an_id_asks_nothing_at_the_other_replica_either() {
    let patience = [("SMSP__TIMEOUT", "1s"), ("SMSP__CONNECT_TIMEOUT", "1s"), ("SMSP__LATE_TIMEOUT", "2s")];
    for (behaviour, status) in [(r#"delay = "60s""#, 504), (r#"transport = "reset-before""#, 504)] {
        let pair = Pair::one(behaviour, &patience).await;
        for replica in [0, 1, 1, 0, 1] {
            let got = pair.look(replica, CHILD).await;
            assert_eq!(got.status, status, "{}", got.text);
            assert!(got.header("retry-after").is_none());
            assert!(got.diagnostics().contains("CPIS-New-Look: true"), "{}", got.text);
        }
        assert_eq!(pair.heard().0, 1, "{behaviour}");
        let path = format!("Flag?patient={CHILD}");
        assert_eq!(pair.get(1, &path, &[("CPIS-New-Look", "true")]).await.status, status);
        assert_eq!(pair.heard().0, 2, "a person's decision");
        assert_eq!(pair.get(0, &path, &ID).await.status, status);
        assert_eq!(pair.heard().0, 3, "and so is a new id");
        assert_eq!(pair.look(1, CHILD).await.status, status);
        assert_eq!(pair.heard().0, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn what_is_shown_at_the_other_replica_is_found_by_the_look_and_the_message_that_asked() {
    let pair = Pair::one("", &[]).await;
    let flag = pair.look(0, CHILD).await.resources("match")[0]["id"].as_str().unwrap().to_owned();
    let read = format!("Flag/{flag}");
    let search = format!("CarePlan?patient={CHILD}");
    for path in [&search, &search, &read] {
        assert_eq!(pair.get(1, path, &[]).await.status, 200);
    }
    let bodies = |lines: Vec<cpis_fhir::audit::Line>| -> Vec<Value> {
        lines.iter().map(|line| serde_json::from_slice(&line.body).unwrap()).collect()
    };
    let (ours, theirs) = (bodies(lines(pair.folder.path(), "0").await), bodies(lines(pair.folder.path(), "1").await));
    let answered = ours.iter().find(|body| body["event"] == "answered").unwrap();
    let shared: Vec<&Value> = theirs.iter().filter(|body| body["event"] == "shared").collect();
    assert_eq!(shared.len(), 3);
    for body in shared {
        assert_eq!(body["look"], answered["look"]);
        assert_eq!(body["message"], answered["message"]);
        assert!(body["message"]["response_id"].is_string() && body["upshot"]["shown"]["plans"] == 1, "{body}");
    }
}

/// Its caller at the first replica had gone; the one who waited at the other was shown it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn an_answer_whose_caller_had_gone_is_shown_to_who_waited_at_the_other_replica_only() {
    let pair = Pair::one(r#"delay = "1500ms""#, &[]).await;
    let url = format!("{}/FHIR/R4/Flag?patient={CHILD}", pair.app.service.public);
    let gone = pair.app.http.get(url).timeout(Duration::from_millis(500)).send();
    let (gone, waited) = tokio::join!(gone, async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        pair.look(1, CHILD).await
    });
    assert!(gone.is_err() && waited.status == 200, "{}", waited.text);
    let shown = |lines: Vec<cpis_fhir::audit::Line>, event: &str| -> Vec<Value> {
        let bodies = lines.into_iter().filter(|line| line.event == event).map(|line| serde_json::from_slice(&line.body).unwrap());
        bodies.collect()
    };
    let answered = shown(lines(pair.folder.path(), "0").await, "answered");
    assert_eq!(answered.len(), 1);
    assert!(answered[0]["upshot"]["shown"].is_null(), "{}", answered[0]);
    assert!(answered[0]["detail"].as_str().unwrap().contains("had gone"), "{}", answered[0]);
    let shared = shown(lines(pair.folder.path(), "1").await, "shared");
    assert!(shared.len() == 1 && shared[0]["upshot"]["shown"]["plans"] == 1, "{shared:?}");
    assert_eq!(shared[0]["look"], answered[0]["look"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn two_care_settings_are_two_looks_wherever_they_are_asked() {
    let pair = Pair::one("", &[]).await;
    for (n, setting) in ["emergency-department", "maternity", "maternity", "emergency-department"].iter().enumerate() {
        let got = pair.get(n, &format!("Flag?patient={CHILD}"), &[("CPIS-Care-Setting", setting)]).await;
        assert_eq!(got.status, 200, "{}", got.text);
    }
    assert_eq!(pair.heard(), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_new_look_asks_anew_though_the_other_replica_shares_an_answer() {
    let pair = Pair::one("", &[]).await;
    let path = format!("Flag?patient={CHILD}");
    pair.get(0, &path, &[]).await;
    assert_eq!(pair.get(1, &path, &[("Cache-Control", "no-cache")]).await.status, 200);
    assert_eq!(pair.heard(), (1, 1));
    assert_eq!(pair.get(1, &path, &[("CPIS-New-Look", "true")]).await.header("age"), None);
    assert_eq!(pair.heard(), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_read_is_answered_by_the_look_of_the_other_replica_and_never_asks_nor_says_over_while_the_table_is_away() {
    let mut pair = Pair::one("", &[]).await;
    let found = pair.look(0, CHILD).await;
    let flag = found.resources("match")[0]["id"].as_str().unwrap().to_owned();
    let read = pair.get(1, &format!("Flag/{flag}"), &[]).await;
    assert_eq!(read.status, 200, "{}", read.text);
    assert_eq!(pair.entries("shared").await, 1);
    let page = pair.look_page("9990000018").await;
    pair.redis.kill();
    // Without the table, another process does not know whether there is a look: that is not "over", and nothing is asked.
    let third = pair.app.another_with(&[
        ("AUDIT__STORE", &format!("sqlite:{}", pair.folder.path().join("2.db").display())),
        ("AUDIT__HEAD_FILE", &pair.folder.path().join("2.head").display().to_string()),
    ]);
    for path in [format!("Flag/{flag}"), page.clone()] {
        let url = format!("{}/FHIR/R4/{path}", third.public);
        let unknown = pair.app.send(pair.app.http.get(url), &[]).await;
        assert_eq!((unknown.status, unknown.issue().as_str()), (503, "transient"), "{}", unknown.text);
        assert!(
            unknown.header("retry-after").is_some() && unknown.diagnostics().contains("CP-IS was not asked"),
            "{}",
            unknown.text
        );
    }
    assert!(lines(pair.folder.path(), "2").await.iter().all(|line| line.event == "started"), "nothing is called over");
    assert_eq!(pair.heard().0, 2, "the search of each child");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_redis_that_is_killed_under_load_costs_no_answer_and_the_trail_explains_every_query() {
    let many = numbers(120);
    let children: Vec<String> = many.iter().map(|number| child(number, r#"delay = "100ms""#)).collect();
    let mut pair = Pair::open(&children, &[]).await;
    let (load, after) = many.split_at(90);
    // After some load: what that makes an allocator keep is no loss of the fault's.
    futures_util::future::join_all((0..60).map(|replica| pair.get(replica, "metadata", &[]))).await;
    pair.look(0, crate::common::GOOD_CHILD).await;
    pair.look(1, crate::common::GOOD_CHILD).await;
    pair.app.http = crate::common::client();
    let holds = [pair.app.service.holds().await, pair.other.holds().await];
    // Every child is looked at at both replicas at once, and at each of them again a little later.
    let shown = {
        let looks = load.iter().enumerate().flat_map(|(n, number)| (0..4).map(move |replica| (n, replica, number)));
        let (app, other) = (&pair.app, &pair.other);
        let redis = &mut pair.redis;
        let looks = looks.map(|(n, replica, number)| async move {
            tokio::time::sleep(Duration::from_millis(n as u64 * 40 + if replica < 2 { 0 } else { 250 })).await;
            let service = if replica % 2 == 0 { &app.service } else { other };
            let url = format!("{}/FHIR/R4/Flag?patient={number}", service.public);
            app.send(app.http.get(url), &[]).await
        });
        let weather = async {
            tokio::time::sleep(Duration::from_millis(1200)).await;
            redis.kill();
            tokio::time::sleep(Duration::from_millis(1500)).await;
            redis.start_again();
        };
        tokio::join!(futures_util::future::join_all(looks), weather).0
    };
    for got in &shown {
        assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    }
    let asked = pair.asked().await;
    assert_eq!(pair.heard().0, asked.len() as u64, "every query is on a trail");
    let mut queries: HashMap<&str, Vec<Option<&str>>> = HashMap::new();
    for asked in &asked {
        queries.entry(&asked.child).or_default().push(asked.detail.as_deref());
    }
    assert_eq!(queries.len(), load.len() + 1, "with the child of before");
    for of_one in queries.values() {
        let shared = of_one.iter().filter(|detail| detail.is_none()).count();
        assert!(of_one.len() <= 2 && shared <= 1, "beyond one, each says that it was unshared: {of_one:?}");
        assert!(of_one.iter().flatten().all(|detail| detail.contains("unshared")));
    }
    let unshared = asked.iter().filter(|asked| asked.detail.is_some()).count();
    assert!(unshared > 0, "the table was away for a while");
    assert!(unshared < asked.len(), "it was there before and after");
    assert!(pair.app.service.said().contains("looks go ahead without the sharing table"));
    // It is back, and nobody had to start anything again.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let before = pair.heard().0;
    for number in after {
        for replica in 0..4 {
            assert_eq!(pair.look(replica, number).await.status, 200);
        }
    }
    assert_eq!(pair.heard().0 - before, after.len() as u64);
    pair.app.http = crate::common::client();
    for (service, holds) in [&pair.app.service, &pair.other].into_iter().zip(holds) {
        service.holds_no_more(holds).await;
    }
    assert_eq!(pair.asked().await.iter().filter(|asked| asked.detail.is_some()).count(), unshared);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_replica_that_is_overloaded_still_shows_what_the_other_has_and_leaves_the_rest_to_it() {
    let many = numbers(2);
    let children = [child(&many[0], r#"delay = "2s""#), child(&many[1], "")];
    let pair = Pair::open(&children, &[("SMSP__MAX_IN_FLIGHT", "1"), ("SMSP__MAX_QUEUED", "0")]).await;
    assert_eq!(pair.look(0, &many[1]).await.status, 200);
    let busy = pair.look(1, &many[0]);
    let (busy, (held, shed, elsewhere)) = tokio::join!(busy, async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let held = pair.look(1, &many[1]).await;
        let path = format!("Flag?patient={}", crate::common::GOOD_CHILD);
        let shed = pair.get(1, &path, &ID).await;
        (held, shed, pair.get(0, &path, &ID).await)
    });
    assert_eq!((busy.status, held.status), (200, 200), "an answer that is there costs no place");
    assert_eq!((shed.status, shed.issue().as_str()), (503, "transient"), "{}", shed.text);
    assert_eq!(elsewhere.status, 200, "the place that was given up is free for the other: {}", elsewhere.text);
    assert_eq!(pair.heard().0, 3);
}

/// The log's line about a call that failed has the trace of the request for which the call was made, also after its answer.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn what_a_look_does_at_the_shared_table_stays_in_its_trace() {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let traceparent = format!("00-{trace}-b7ad6b7169203331-01");
    let mut pair = Pair::one(r#"delay = "1500ms""#, &[]).await;
    let path = format!("Flag?patient={CHILD}");
    let url = format!("{}/FHIR/R4/{path}", pair.app.service.public);
    let looking = tokio::spawn(pair.app.http.get(url).header("traceparent", &traceparent).send());
    while pair.app.simulator.counts().requests == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    pair.redis.kill();
    assert_eq!(looking.await.unwrap().unwrap().status().as_u16(), 200);
    let line = pair.app.service.line_with("a call to the sharing table failed");
    assert!(line.contains(trace), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn the_service_starts_without_its_redis_and_shares_once_it_is_there() {
    let mut pair = Pair::one("", &[]).await;
    pair.redis.kill();
    pair.app.service.stop();
    let store = format!("sqlite:{}", pair.folder.path().join("2.db").display());
    let head = pair.folder.path().join("2.head").display().to_string();
    pair.app.service = pair.app.another_with(&[("AUDIT__STORE", &store), ("AUDIT__HEAD_FILE", &head)]);
    assert!(pair.app.service.said().contains("the sharing table is away"));
    assert_eq!(pair.look(0, crate::common::GOOD_CHILD).await.status, 200);
    pair.redis.start_again();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(pair.look(0, CHILD).await.status, 200);
    assert!(pair.look(1, CHILD).await.header("age").is_some());
    assert_eq!(pair.look(1, crate::common::GOOD_CHILD).await.status, 200, "what was asked meanwhile is shared as well");
    assert_eq!(pair.heard(), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn check_tells_whether_the_sharing_table_answers() {
    let mut redis = Redis::with_password("hunter2");
    let mut fixture = Fixture::well().await;
    let key = fixture.secret("store.key", &"4d".repeat(32));
    let (right, wrong) = (fixture.secret("right", "hunter2"), fixture.secret("wrong", "hunter3"));
    fixture.set("LOOKUP__STORE", &redis.address()).set("LOOKUP__STORE_KEY_FILE", &key);
    fixture.set("LOOKUP__STORE_PASSWORD_FILE", &right);
    let well = fixture.check().await;
    assert_eq!((well.code, well.message("lookup.store")), (0, format!("{} answers", redis.address()).as_str()), "{}", well.json);
    fixture.set("LOOKUP__STORE_PASSWORD_FILE", &wrong);
    let refused = fixture.check().await;
    refused.assert_only_failure("lookup.store");
    assert!(refused.message("lookup.store").contains("it refuses our credentials"), "{}", refused.json);
    redis.kill();
    let away = fixture.check().await;
    away.assert_only_failure("lookup.store");
    assert!(away.message("lookup.store").contains("no connection"), "{}", away.json);
    assert!(![refused, away].iter().any(|checked| checked.json.to_string().contains("hunter")));
}
