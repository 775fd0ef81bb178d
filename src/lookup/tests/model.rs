//! Any interleaving of requests, answers, failures and faults of the trail keeps the promises.

use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// One request: when it comes, and with what.
#[derive(Debug, Clone)]
struct Arrival {
    at_ms: u64,
    user: u8,
    id: Option<u8>,
    freshness: Freshness,
    /// Hangs up after this long.
    hangs_up_ms: Option<u64>,
}

/// What the register does with its n-th query.
#[derive(Debug, Clone)]
struct RegisterStep {
    takes_ms: u64,
    outcome: u8,
}

/// The trail does not take entries of one event for a while.
#[derive(Debug, Clone)]
struct Outage {
    from_ms: u64,
    for_ms: u64,
    event: Event,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let freshness = prop_oneof![
        5 => Just(Freshness::Shared),
        2 => Just(Freshness::NoCache),
        2 => Just(Freshness::NewLook),
    ];
    let one =
        (0..120_000_u64, 0..2_u8, prop::option::weighted(0.8, 0..4_u8), freshness, prop::option::weighted(0.2, 0..25_000_u64));
    let one = one.prop_map(|(at_ms, user, id, freshness, hangs_up_ms)| Arrival { at_ms, user, id, freshness, hangs_up_ms });
    prop::collection::vec(one, 1..40)
}

fn steps() -> impl Strategy<Value = Vec<RegisterStep>> {
    let takes = prop_oneof![3 => 0..500_u64, 2 => 500..25_000_u64, 1 => 25_000..100_000_u64];
    prop::collection::vec((takes, 0..6_u8).prop_map(|(takes_ms, outcome)| RegisterStep { takes_ms, outcome }), 1..12)
}

fn outages() -> impl Strategy<Value = Vec<Outage>> {
    let event = prop::sample::select(vec![Event::Asked, Event::Answered, Event::Unknown, Event::Failed, Event::Shared]);
    let one = (0..120_000_u64, 0..30_000_u64, event);
    prop::collection::vec(one.prop_map(|(from_ms, for_ms, event)| Outage { from_ms, for_ms, event }), 0..4)
}

/// What the register was asked: the message id of each query, and whether it may have been delivered.
struct RecordingRegister {
    steps: Vec<RegisterStep>,
    asked: Mutex<Vec<(String, bool)>>,
    book: Arc<FakeTrail>,
}

impl Register for RecordingRegister {
    neither_probed_nor_renewed!();

    fn author(&self, requester: &Requester) -> Result<AuthorAsSent, RegisterError> {
        Ok(author(requester))
    }

    fn ask<'a>(&'a self, _: &'a Question, ids: &'a MessageIds) -> AskFuture<'a> {
        Box::pin(async move {
            assert!(self.book.has_asked(ids), "a query was sent that is not on the trail");
            let n = self.asked.lock().unwrap().len();
            let step = self.steps[n % self.steps.len()].clone();
            let (delivered, outcome) = match step.outcome {
                0 => (false, Err(not_connected())),
                1 => (true, Err(lost())),
                2 => (true, Err(RegisterError::understanding(rejected(Rejection::CpisFailed)))),
                3 => (true, Ok(samples::large())),
                _ => (true, Ok(no_record())),
            };
            self.asked.lock().unwrap().push((ids.message.clone(), delivered));
            tokio::time::sleep(Duration::from_millis(step.takes_ms)).await;
            outcome
        })
    }
}

/// What one request got.
struct Observation {
    arrival: Arrival,
    outcome: Option<Result<Look, Arc<LookError>>>,
}

async fn run(
    share_for: Duration,
    arrivals: Vec<Arrival>,
    steps: Vec<RegisterStep>,
    outages: Vec<Outage>,
) -> (Arc<RecordingRegister>, Vec<Observation>) {
    let book: Arc<FakeTrail> = Arc::default();
    let register = Arc::new(RecordingRegister { steps, asked: Mutex::default(), book: Arc::clone(&book) });
    let rules = Rules { breaker: BreakerRules { failures: 1000, open_for: Duration::from_secs(1) }, ..rules(share_for) };
    let lookups = Lookups::with_ledger(register.clone(), book.clone(), rules, Bounds::of_memory(), Handle::current());
    let weather = outages.into_iter().map(|outage| {
        let book = Arc::clone(&book);
        async move {
            tokio::time::sleep(Duration::from_millis(outage.from_ms)).await;
            book.fails.lock().unwrap().push(outage.event);
            tokio::time::sleep(Duration::from_millis(outage.for_ms)).await;
            let mut fails = book.fails.lock().unwrap();
            let at = fails.iter().position(|event| *event == outage.event).unwrap();
            fails.remove(at);
        }
    });
    let requests = arrivals.into_iter().map(|arrival| {
        let lookups = lookups.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(arrival.at_ms)).await;
            let mut by = arrival.id.map_or_else(anonymous, |id| request(&format!("request-{id}")));
            by.facts.freshness = (arrival.freshness == Freshness::NewLook).then(|| "new-look".into());
            let look = lookups.look(question(&arrival.user.to_string()), arrival.freshness, by);
            let limit = Duration::from_millis(arrival.hangs_up_ms.unwrap_or(u64::from(u32::MAX)));
            let outcome = tokio::time::timeout(limit, look).await.ok();
            Observation { arrival, outcome }
        }
    });
    let (observations, _) = tokio::join!(futures_util::future::join_all(requests), futures_util::future::join_all(weather));
    assert!(lookups.drain(Duration::from_mins(10)).await);
    (register, observations)
}

fn check(register: &RecordingRegister, observations: &[Observation]) -> Result<(), TestCaseError> {
    let lines = register.book.lines();
    let asked = register.asked.lock().unwrap().clone();
    let delivered: HashSet<&String> = asked.iter().filter(|(_, delivered)| *delivered).map(|(id, _)| id).collect();
    let mut queries_of_id: HashMap<(String, String), usize> = HashMap::new();
    let mut queries_of_look: HashMap<Uuid, usize> = HashMap::new();
    for line in lines.iter().filter(|line| line.event == Event::Asked) {
        if delivered.contains(&line.message.as_ref().unwrap().message_id.as_str().to_owned()) {
            *queries_of_look.entry(line.look.unwrap()).or_default() += 1;
            if let Some(id) = &line.request.request_id {
                let user = line.who.as_ref().unwrap().user_id.as_ref().unwrap().as_str().to_owned();
                *queries_of_id.entry((user, id.as_str().to_owned())).or_default() += 1;
            }
        }
    }
    prop_assert!(queries_of_look.values().all(|queries| *queries == 1), "one complete request per look");
    // All requests come within two minutes, and a look that may have been delivered is remembered for five.
    prop_assert!(queries_of_id.values().all(|queries| *queries == 1), "one complete request per request id: {queries_of_id:?}");
    nobody_asks_again_without_an_id(&lines, &delivered)?;
    for (id, _) in &asked {
        let of_it = |entry: &&Entry| entry.message.as_ref().is_some_and(|message| message.message_id.as_str() == id);
        let owed = register.book.owed();
        let ends: HashSet<Uuid> = lines
            .iter()
            .chain(&owed)
            .filter(of_it)
            .filter(|entry| !matches!(entry.event, Event::Asked | Event::Shared))
            .map(|entry| entry.id)
            .collect();
        prop_assert_eq!(ends.len(), 1, "every query has one end, on the trail or owed to it");
    }
    for Observation { arrival, outcome } in observations {
        let Some(outcome) = outcome else { continue };
        match outcome {
            Ok(look) => {
                prop_assert!(look.age.is_none() || look.shared);
                let recorded = lines.iter().any(|line| matches!(line.event, Event::Answered | Event::Shared));
                prop_assert!(recorded, "something was shown, and nothing is on the trail");
            }
            Err(failure) if failure.is_undelivered() => {
                prop_assert!(matches!(failure.outcome(), "not-connected" | "trail-unavailable"), "{failure} to {arrival:?}");
            }
            Err(_) => {}
        }
    }
    let shown = observations.iter().filter(|observation| matches!(&observation.outcome, Some(Ok(_)))).count();
    let showings = lines.iter().filter(|line| matches!(line.event, Event::Answered | Event::Shared)).count();
    prop_assert!(shown <= showings, "{shown} were shown, {showings} are on the trail");
    Ok(())
}

/// After a query that may have been delivered and was not answered, or not shown to its request, the next query of that look
/// never comes from a request without an id, unless it wants a new look. The second attempt of a query that never had a
/// connection belongs to a look that was asked for before.
fn nobody_asks_again_without_an_id(lines: &[Entry], delivered: &HashSet<&String>) -> Result<(), TestCaseError> {
    let user = |line: &Entry| line.who.as_ref().unwrap().user_id.as_ref().unwrap().as_str().to_owned();
    // The order of the looks; of each user the latest that has ended, and whether in doubt.
    let mut order: HashMap<Uuid, usize> = HashMap::new();
    let mut latest: HashMap<String, (usize, bool)> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        match line.event {
            Event::Asked => {
                let is_nameless = line.request.request_id.is_none() && line.request.freshness.is_none();
                let is_second_attempt = order.contains_key(&line.look.unwrap());
                let again = is_nameless && !is_second_attempt && latest.get(&user(line)).is_some_and(|(_, in_doubt)| *in_doubt);
                prop_assert!(!again, "asked again without an id: {line:?}");
                order.entry(line.look.unwrap()).or_insert(at);
            }
            Event::Answered | Event::Failed | Event::Unknown => {
                let number = order[&line.look.unwrap()];
                let is_delivered = delivered.contains(&line.message.as_ref().unwrap().message_id.as_str().to_owned());
                if is_delivered && latest.get(&user(line)).is_none_or(|(other, _)| *other < number) {
                    latest.insert(user(line), (number, line.event != Event::Answered || line.detail.is_some()));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_history_keeps_the_promises(
        arrivals in arrivals(),
        steps in steps(),
        outages in outages(),
        shares in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let share_for = if shares { WINDOW } else { Duration::ZERO };
        let (register, observations) = runtime.block_on(run(share_for, arrivals, steps, outages));
        check(&register, &observations)?;
    }
}
