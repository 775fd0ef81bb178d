//! More callers than usual: all of them about one child (a herd), three times as many as there are places, and an SMSP that fails
//! every other time.

use crate::common::children::numbers;
use crate::common::scripted::{self, Query, Scripted, Step};
use crate::common::trail::TrailFolder;
use crate::common::{Got, Service, client};
use cpis_fhir::audit::Event;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::time::{Duration, Instant};

struct Ward {
    smsp: Scripted,
    trail: TrailFolder,
    service: Service,
    http: reqwest::Client,
}

impl Ward {
    async fn open(settings: &[(&str, &str)], script: impl Fn(&Query) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let (smsp, trail) = (Scripted::start(script).await, TrailFolder::sqlite());
        let of_trail = trail.settings();
        let all: Vec<(&str, &str)> =
            of_trail.iter().map(|(key, value)| (*key, value.as_str())).chain(settings.iter().copied()).collect();
        let service = Service::start(&smsp.certificates, &smsp.url, &all);
        let ward = Self { smsp, trail, service, http: client() };
        // What many callers at once make an allocator keep is no loss of the fault's.
        let url = format!("{}/FHIR/R4/metadata", ward.service.public);
        join_all((0..40).map(async |_| ward.http.get(&url).send().await.unwrap().bytes().await.unwrap())).await;
        ward
    }

    /// By the `n`th caller, each of whom has an id of their own.
    async fn look(&self, child: &str, n: usize) -> Got {
        let request = self.http.get(format!("{}/FHIR/R4/Flag?patient={child}", self.service.public));
        Got::read(request.header("X-Request-ID", format!("caller-{n:04}")).send().await.unwrap()).await
    }

    async fn metric(&self, name: &str) -> usize {
        let page = client().get(format!("{}/metrics", self.service.admin)).send().await.unwrap().text().await.unwrap();
        let of = |line: &&str| line.split(['{', ' ']).next() == Some(name) && !line.starts_with('#');
        page.lines().filter(of).map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
    }

    async fn until_metric(&self, name: &str, least: usize) {
        let began = Instant::now();
        while self.metric(name).await < least {
            assert!(began.elapsed() < Duration::from_secs(30), "{name}: {}", self.metric(name).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Queries about each child.
    fn asked(&self) -> HashMap<String, usize> {
        let mut asked = HashMap::new();
        for query in self.smsp.queries() {
            *asked.entry(query.nhs_number).or_default() += 1;
        }
        asked
    }

    /// Nothing is left of the load, and the trail is whole.
    async fn assert_as_before(self, holds: [usize; 2], after: &str) {
        let Self { smsp: _smsp, trail, service, http } = self;
        drop(http);
        service.holds_no_more(holds).await;
        trail.assert_whole(after);
    }

    async fn events(&self) -> HashMap<Event, usize> {
        let mut events = HashMap::new();
        for told in self.trail.told().await {
            *events.entry(told.entry.event).or_default() += 1;
        }
        events
    }
}

fn found(query: &Query) -> Vec<Step> {
    vec![Step::Send(scripted::http_ok(&scripted::found(query)))]
}

fn found_when_released(query: &Query) -> Vec<Step> {
    [vec![Step::Hold], found(query)].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_of_callers_about_one_child_is_one_query_and_each_is_answered_on_the_trail() {
    const HERD: usize = 200;
    let mut ward = Ward::open(&[], found_when_released).await;
    let herd = join_all((0..HERD).map(|n| ward.look("9990000034", n)));
    let release = async {
        // All are here, and the scrape itself.
        ward.until_metric("http_server_active_requests", HERD + 1).await;
        ward.smsp.release();
    };
    let (mut answers, ()) = tokio::join!(herd, release);
    // What the first herd left is the allocator's; of a second one nothing is left.
    ward.http = client();
    let holds = ward.service.holds().await;
    answers.extend(join_all((0..HERD).map(|n| ward.look("9990000018", n))).await);
    for got in answers {
        assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    }
    assert!(ward.asked().len() == 2 && ward.asked().values().all(|queries| *queries == 1), "{:?}", ward.asked());
    let events = ward.events().await;
    assert_eq!([Event::Asked, Event::Answered, Event::Shared].map(|event| events[&event]), [2, 2, 2 * (HERD - 1)], "{events:?}");
    ward.assert_as_before(holds, "a herd").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_times_the_usual_load_is_shed_at_once_and_nothing_is_lost_or_asked_twice() {
    const USUAL: usize = 12;
    let places = [("SMSP__MAX_IN_FLIGHT", "8"), ("SMSP__MAX_QUEUED", "4"), ("SMSP__TIMEOUT", "60s")];
    let ward = Ward::open(&places, found_when_released).await;
    let (holds, children) = (ward.service.holds().await, numbers(3 * USUAL));
    let step = join_all(children.iter().enumerate().map(async |(n, child)| {
        let got = ward.look(child, n).await;
        // Requests are shed at once, before the SMSP has answered anybody.
        if got.status == 503 && ward.metric("cpis_lookup_shed_total").await == 2 * USUAL {
            ward.smsp.release();
        }
        got
    }));
    let step = tokio::time::timeout(Duration::from_mins(1), step).await.expect("all that are shed are told first");
    let shed: Vec<usize> = (0..children.len()).filter(|n| step[*n].status != 200).collect();
    assert_eq!(shed.len(), 2 * USUAL);
    for n in &shed {
        let got = &step[*n];
        assert_eq!((got.status, got.issue().as_str()), (503, "transient"), "{}", got.text);
        assert!(got.header("Retry-After").is_some() && got.diagnostics().contains("CP-IS was not asked"), "{}", got.text);
    }
    assert_eq!(ward.smsp.queries().len(), USUAL);
    // As the step's callers come again, with the same ids, each is answered, and nobody is asked about twice.
    for (n, child) in children.iter().enumerate() {
        assert_eq!(ward.look(child, n).await.total(), 1);
    }
    assert!(ward.asked().values().all(|queries| *queries == 1), "{:?}", ward.asked());
    assert_eq!((ward.asked().len(), ward.metric("cpis_lookup_in_flight").await), (children.len(), 0));
    let events = ward.events().await;
    assert_eq!((events[&Event::Asked], events[&Event::Answered]), (children.len(), children.len()), "{events:?}");
    ward.assert_as_before(holds, "a step of the load").await;
}

/// What fails, by turns: a gateway's page, a line that is cut, and a reply that is none.
fn fails(query: &Query) -> Vec<Step> {
    match query.number % 3 {
        0 => vec![Step::Send(scripted::http("503 Service Unavailable", "text/html", "<h1>503</h1>"))],
        1 => vec![Step::Reset],
        _ => vec![Step::Send(scripted::http_ok("<soap"))],
    }
}

/// Half of the children, for every user.
fn is_unlucky(child: &str) -> bool {
    let digits: Vec<u8> = child.bytes().collect();
    digits[8] % 2 == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsp_that_fails_every_other_time_is_asked_on_and_each_failed_look_once() {
    let ward = Ward::open(&[], |query| if query.number % 2 == 0 { fails(query) } else { found(query) }).await;
    let holds = ward.service.holds().await;
    let children = numbers(40);
    for (n, child) in children.iter().enumerate() {
        let got = ward.look(child, n).await;
        if n % 2 == 0 {
            assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
            continue;
        }
        assert!(matches!(got.status, 502 | 504), "{} {}", got.status, got.text);
        assert!(got.diagnostics().contains("may already have been notified"), "{}", got.text);
        let again = ward.look(child, n).await;
        assert_eq!((again.status, again.diagnostics()), (got.status, got.diagnostics()));
    }
    assert_eq!(ward.metric("cpis_breaker_state").await, 0, "five failures in a row there were not");
    assert!(ward.asked().values().all(|queries| *queries == 1) && ward.asked().len() == children.len(), "{:?}", ward.asked());
    ward.assert_as_before(holds, "failures").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_half_of_many_looks_at_once_fail_the_others_are_shown_and_none_is_asked_twice() {
    let settings = [("SMSP__BREAKER__OPEN_FOR", "1s")];
    let mut ward = Ward::open(&settings, found).await;
    let children = numbers(120);
    // What the first many leave is the allocator's.
    let mut holds = [0; 2];
    for (wave, children) in children.chunks(60).enumerate() {
        ward.http = client();
        holds = ward.service.holds().await;
        half_of_them_fail(&ward, wave, children).await;
    }
    assert!(ward.asked().values().all(|queries| *queries == 1) && ward.asked().len() == children.len(), "{:?}", ward.asked());
    ward.assert_as_before(holds, "half of many failed").await;
}

/// Then the trouble is over, and those who were refused ask again, under the same id.
async fn half_of_them_fail(ward: &Ward, wave: usize, children: &[String]) {
    ward.smsp.follow(|query| if is_unlucky(&query.nhs_number) { fails(query) } else { found(query) });
    let (queries, id) = (ward.smsp.queries().len(), |n: usize| wave * 1000 + n);
    let looks = join_all(children.iter().enumerate().map(|(n, child)| ward.look(child, id(n)))).await;
    let (mut heard, mut left_alone) = (0, Vec::new());
    for (n, (child, got)) in children.iter().zip(&looks).enumerate() {
        match got.status {
            200 => assert!(!is_unlucky(child) && got.total() == 1, "{}", got.text),
            502 | 504 => assert!(is_unlucky(child), "{}", got.text),
            // Five failures came in a row.
            503 => {
                assert!(got.diagnostics().contains("CP-IS was not asked") && got.header("Retry-After").is_some(), "{}", got.text);
                left_alone.push(n);
                continue;
            }
            other => panic!("{other}: {}", got.text),
        }
        heard += 1;
    }
    assert_eq!(ward.smsp.queries().len() - queries, heard);
    ward.smsp.follow(found);
    for n in left_alone {
        let began = Instant::now();
        let mut got = ward.look(&children[n], id(n)).await;
        while got.status == 503 {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", got.text);
            tokio::time::sleep(Duration::from_millis(100)).await;
            got = ward.look(&children[n], id(n)).await;
        }
        assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    }
}
