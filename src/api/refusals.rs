//! What of the refusals stands on the trail as an entry of its own (decisions.md 55).
//!
//! Each entry is synced to a disk that is full one day, and then nobody can look. So whoever is refused again and again, for want of
//! an identity or of a permission, gets a few entries at once, then a few a while; what is beyond stands there counted, one entry a minute.

use crate::audit::{Entry, Event, Trail, Upshot, Who};
use crate::cpis::Delivery;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Entries at once, and how long until one more may be written.
#[derive(Debug, Clone, Copy)]
struct Budget {
    burst: u32,
    every: Duration,
}

/// For all callers without an identity together, over all addresses.
const OF_NOBODY: Budget = Budget { burst: 60, every: Duration::from_secs(1) };
/// For one person.
const OF_A_PERSON: Budget = Budget { burst: 20, every: Duration::from_secs(10) };

/// How often those that have no entry of their own are written together.
const TOGETHER: Duration = Duration::from_mins(1);

/// The outcome of the entry that counts the others.
const COUNTED: &str = "further-refusals";

/// Which refusals have entries of their own.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<HashMap<Option<Person>, Account>>>);

/// Issuer and user id; nobody otherwise.
type Person = (String, String);

/// What one caller has taken, and what was withheld of theirs.
struct Account {
    who: Option<Who>,
    /// When the account is whole again: it is in debt by as many entries as fit between now and then.
    whole_at: Instant,
    /// By the name of the refusal.
    withheld: BTreeMap<String, u64>,
}

impl Refusals {
    /// Puts a refusal on the trail, or counts it.
    ///
    /// Nothing was asked or shown, so the answer goes out also where the trail cannot be written: the entry is then kept for it.
    pub async fn record(&self, trail: &Trail, entry: Entry) {
        if self.takes(trail, &entry) {
            write(trail, &entry).await;
        }
    }

    /// Writes what was counted since the last minute.
    pub async fn flush(&self, trail: &Trail) {
        for entry in self.counted() {
            write(trail, &entry).await;
        }
    }

    /// Whether the entry is to be written; it is counted otherwise.
    fn takes(&self, trail: &Trail, entry: &Entry) -> bool {
        let person = entry.who.as_ref().and_then(person);
        let budget = if person.is_some() { OF_A_PERSON } else { OF_NOBODY };
        let now = Instant::now();
        let mut accounts = self.accounts();
        let nothing_withheld = accounts.values().all(|account| account.withheld.is_empty());
        let account = accounts.entry(person).or_insert_with(|| Account::new(entry.who.clone(), now));
        let whole_at = account.whole_at.max(now) + budget.every;
        if whole_at <= now + budget.every * budget.burst {
            account.whole_at = whole_at;
            // Whoever owes nothing need not be remembered.
            accounts.retain(|_, account| account.whole_at > now || !account.withheld.is_empty());
            return true;
        }
        let name = entry.upshot.as_ref().map_or("", |upshot| upshot.outcome.as_str());
        *account.withheld.entry(name.to_owned()).or_default() += 1;
        if nothing_withheld {
            let (refusals, trail) = (self.clone(), trail.clone());
            tokio::spawn(async move {
                tokio::time::sleep(TOGETHER).await;
                refusals.flush(&trail).await;
            });
        }
        false
    }

    /// One entry for each caller of whom something was withheld.
    fn counted(&self) -> Vec<Entry> {
        let mut accounts = self.accounts();
        let withheld = accounts.values_mut().filter(|account| !account.withheld.is_empty());
        withheld.map(|account| counted(account.who.clone(), &std::mem::take(&mut account.withheld))).collect()
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<Option<Person>, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn new(who: Option<Who>, now: Instant) -> Self {
        Self { who, whole_at: now, withheld: BTreeMap::new() }
    }
}

fn person(who: &Who) -> Option<Person> {
    let text = |text: &Option<crate::cpis::Text>| text.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default();
    who.user_id.as_ref().map(|id| (text(&who.issuer), id.as_str().to_owned()))
}

fn counted(who: Option<Who>, withheld: &BTreeMap<String, u64>) -> Entry {
    let total: u64 = withheld.values().sum();
    let mut detail = format!("{total} further requests were refused within a minute and have no entries of their own:");
    for (name, count) in withheld {
        let _ = write!(detail, " {name} {count}");
    }
    let upshot = Upshot {
        outcome: COUNTED.into(),
        delivery: Some(Delivery::NotDelivered),
        notification_expected: Some(false),
        ..Upshot::default()
    };
    Entry { who, upshot: Some(upshot), detail: Some(detail), ..Entry::of(Event::Refused) }
}

async fn write(trail: &Trail, entry: &Entry) {
    if let Err(error) = trail.record(entry).await {
        tracing::error!(target: "cpis_fhir::trail", %error, "a refusal could not be put on the trail in time");
        if trail.can_owe_more() {
            trail.record_when_possible(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Chain, MemoryReader, MemoryStore, Options, Reader as _, Seal, read_body};
    use crate::settings::KeyMaterial;

    struct Desk {
        refusals: Refusals,
        trail: Trail,
        reader: MemoryReader,
        seal: Arc<Seal>,
    }

    fn desk() -> Desk {
        let keys = [KeyMaterial::new([1; 32])];
        let ((store, reader), seal) = (MemoryStore::new(), Arc::new(Seal::new(&keys).unwrap()));
        let (chain, runtime) = (Chain::new(&keys).unwrap(), tokio::runtime::Handle::current());
        let trail = Trail::start(Box::new(store), chain, Arc::clone(&seal), Options::default(), runtime).unwrap();
        Desk { refusals: Refusals::default(), trail, reader, seal }
    }

    impl Desk {
        async fn refuse(&self, who: Option<&str>, name: &str, times: usize) {
            for _ in 0..times {
                let who = who.map(|id| Who { issuer: Some("gateway".into()), user_id: Some(id.into()), ..Who::default() });
                let upshot = Upshot { outcome: name.into(), ..Upshot::default() };
                let entry = Entry { who, upshot: Some(upshot), ..Entry::of(Event::Refused) };
                self.refusals.record(&self.trail, entry).await;
            }
        }

        /// Outcome and detail of each entry.
        async fn told(&self) -> Vec<(String, Option<String>)> {
            let lines = self.reader.lines(0, 100_000).await.unwrap();
            let told = lines.iter().map(|line| read_body(&line.body, &self.seal).unwrap().entry);
            told.map(|entry| (entry.upshot.unwrap().outcome.as_str().to_owned(), entry.detail)).collect()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_of_nobodys_refusals_is_a_burst_and_one_that_counts_the_rest() {
        let desk = desk();
        desk.refuse(None, "no-token", 500).await;
        desk.refuse(None, "token-expired", 100).await;
        let written = desk.told().await.len();
        // A slow machine takes a second or more, in each of which there is one more.
        assert!((60..100).contains(&written), "{written}");
        desk.refusals.flush(&desk.trail).await;
        desk.refusals.flush(&desk.trail).await;
        let told = desk.told().await;
        assert_eq!(told.len(), written + 1, "nothing is counted twice");
        let (outcome, detail) = told.last().unwrap();
        let detail = detail.as_deref().unwrap();
        assert_eq!(outcome, "further-refusals");
        assert!(detail.starts_with(&format!("{} further", 600 - written)) && detail.contains("token-expired 100"), "{detail}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_person_has_a_budget_of_their_own_beside_nobodys() {
        let desk = desk();
        desk.refuse(None, "no-token", 70).await;
        desk.refuse(Some("asha"), "not-permitted", 30).await;
        desk.refuse(Some("ben"), "not-permitted", 20).await;
        let told = desk.told().await;
        let of = |name: &str| told.iter().filter(|(outcome, _)| outcome == name).count();
        assert!((60..70).contains(&of("no-token")) && of("not-permitted") == 40, "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_comes_back_with_time_and_who_owes_nothing_is_forgotten() {
        let desk = desk();
        let entry = |who: Option<&str>| Entry {
            who: who.map(|id| Who { user_id: Some(id.into()), ..Who::default() }),
            ..Entry::of(Event::Refused)
        };
        let taken =
            |who: Option<&str>, times: usize| (0..times).filter(|_| desk.refusals.takes(&desk.trail, &entry(who))).count();
        assert_eq!(taken(None, 100), 60);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(taken(None, 100), 5);
        assert_eq!(desk.refusals.counted().len(), 1);
        for at in 0..1000 {
            let id = format!("user-{at}");
            assert_eq!(taken(Some(&id), 1), 1);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(desk.refusals.accounts().len() <= 12, "{}", desk.refusals.accounts().len());
    }
}
