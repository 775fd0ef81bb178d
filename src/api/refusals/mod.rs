//! Which refusals have their own entries on the trail (decisions.md 55).
//!
//! Each entry is synced to a disk that is full one day, and then nobody can look. So a caller who is refused again and again, for
//! want of an identity or of a permission, gets a few entries at once, then a few a while; what is beyond stands there counted,
//! one entry a minute. While the disk is nearly full, refusals without an identity are only counted, until there is room again.

use crate::audit::{Entry, Event, Outcome, Trail, Who};
use crate::clock;
use crate::cpis::Delivery;
use jiff::{Timestamp, Unit};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many entries may be written at once, and how long until the next.
#[derive(Debug, Clone, Copy)]
struct Budget {
    burst: u32,
    every: Duration,
}

/// For all callers without an identity together, over all addresses.
const OF_NOBODY: Budget = Budget { burst: 60, every: Duration::from_secs(1) };
/// For one person.
const OF_A_PERSON: Budget = Budget { burst: 20, every: Duration::from_secs(10) };

/// How often the refusals without their own entries are written together.
const TOGETHER: Duration = Duration::from_mins(1);

/// The outcome of the entry that counts the others.
const COUNTED: &str = "further-refusals";

/// Decides which refusals have their own entries.
#[derive(Clone)]
pub struct Refusals {
    accounts: Arc<Mutex<HashMap<Option<Person>, Account>>>,
    /// See [`TOGETHER`].
    together: Duration,
}

/// Issuer and user id; nobody otherwise.
type Person = (String, String);

/// The budget that one caller has used, and the refusals without entries.
struct Account {
    who: Option<Who>,
    /// When the budget is full again: as many entries are used as fit between now and then.
    whole_at: Instant,
    /// By the name of the refusal.
    withheld: BTreeMap<String, u64>,
    /// When the first of them was refused.
    since: Timestamp,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { accounts: Arc::default(), together: TOGETHER }
    }
}

impl Refusals {
    /// Puts a refusal on the trail, or counts it.
    ///
    /// Nothing was asked or shown, so the answer goes out even if the trail cannot be written: the entry is then kept for it.
    pub async fn record(&self, trail: &Trail, entry: Entry) {
        if self.takes(trail, &entry) {
            write(trail, &entry).await;
        }
    }

    /// Writes what is counted and not written yet, whether or not there is room: the service is stopping.
    pub async fn settle(&self, trail: &Trail) {
        for entry in self.counted(true).0 {
            write(trail, &entry).await;
        }
    }

    /// Writes what is counted, once a minute until nothing is.
    async fn write_together(&self, trail: &Trail) {
        loop {
            tokio::time::sleep(self.together).await;
            let (entries, some_remain) = self.counted(!trail.is_nearly_full());
            for entry in entries {
                write(trail, &entry).await;
            }
            if !some_remain {
                break;
            }
        }
    }

    /// Whether the entry is to be written; it is counted otherwise.
    fn takes(&self, trail: &Trail, entry: &Entry) -> bool {
        let person = entry.who.as_ref().and_then(person);
        let lacks_room = person.is_none() && trail.is_nearly_full();
        let budget = if person.is_some() { OF_A_PERSON } else { OF_NOBODY };
        let now = Instant::now();
        let mut accounts = self.accounts();
        let nothing_withheld = accounts.values().all(|account| account.withheld.is_empty());
        let account = accounts.entry(person).or_insert_with(|| Account::new(entry.who.clone(), now));
        let whole_at = account.whole_at.max(now) + budget.every;
        let is_in_budget = whole_at <= now + budget.every * budget.burst;
        if is_in_budget && !lacks_room {
            account.whole_at = whole_at;
            // A caller with a full budget need not be remembered.
            accounts.retain(|_, account| account.whole_at > now || !account.withheld.is_empty());
            return true;
        }
        if account.withheld.is_empty() {
            account.since = clock::now();
            if lacks_room {
                tracing::warn!(target: "cpis_fhir::trail", "the trail's disk is nearly full: refusals without an identity are only counted");
            }
        }
        let name = entry.outcome.as_ref().map_or("", |outcome| outcome.name.as_str());
        *account.withheld.entry(name.to_owned()).or_default() += 1;
        if nothing_withheld {
            let (refusals, trail) = (self.clone(), trail.clone());
            tokio::spawn(async move { refusals.write_together(&trail).await });
        }
        false
    }

    /// One entry for each caller of whom something was withheld, but for nobody unless theirs may be written too; and whether
    /// something is withheld still.
    fn counted(&self, nobodys_too: bool) -> (Vec<Entry>, bool) {
        let mut accounts = self.accounts();
        let (mut entries, mut some_remain) = (Vec::new(), false);
        for (person, account) in accounts.iter_mut().filter(|(_, account)| !account.withheld.is_empty()) {
            if person.is_some() || nobodys_too {
                entries.push(account.counted());
            } else {
                some_remain = true;
            }
        }
        (entries, some_remain)
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<Option<Person>, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn new(who: Option<Who>, now: Instant) -> Self {
        Self { who, whole_at: now, withheld: BTreeMap::new(), since: clock::now() }
    }

    /// The entry that counts the refusals without entries, and resets their count.
    fn counted(&mut self) -> Entry {
        let withheld = std::mem::take(&mut self.withheld);
        let total: u64 = withheld.values().sum();
        let since = self.since.round(Unit::Second).unwrap_or(self.since);
        let mut detail = format!("{total} further requests were refused since {since} and have no entries of their own:");
        for (name, count) in withheld {
            let _ = write!(detail, " {name} {count}");
        }
        let outcome = Outcome {
            name: COUNTED.into(),
            delivery: Some(Delivery::NotDelivered),
            notification_expected: Some(false),
            ..Outcome::default()
        };
        Entry { who: self.who.clone(), outcome: Some(outcome), detail: Some(detail), ..Entry::of(Event::Refused) }
    }
}

fn person(who: &Who) -> Option<Person> {
    let text = |text: &Option<crate::cpis::Text>| text.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default();
    who.user_id.as_ref().map(|id| (text(&who.issuer), id.as_str().to_owned()))
}

async fn write(trail: &Trail, entry: &Entry) {
    if let Err(error) = trail.record(entry).await {
        tracing::error!(target: "cpis_fhir::trail", %error, "a refusal could not be put on the trail in time");
        if trail.has_backlog_room() {
            trail.record_when_possible(entry);
        }
    }
}

#[cfg(test)]
mod tests;
