//! The memory of the simulated register: the accesses to each child, and the notifications of each authority.

use crate::cpis::{Access, AccessTime, Author, NhsNumber};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// The number of accesses that CP-IS lists (wire.md 3.5, row 15).
const KEPT: usize = 25;
const ONCE_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// A load test may ask about any number of children. Beyond this number, new ones get no history.
const MOST_CHILDREN: usize = 50_000;
const IDS_PER_GENERATION: usize = 500_000;

/// The accesses and counts of each child.
#[derive(Default)]
pub(super) struct Histories {
    children: HashMap<NhsNumber, ChildHistory>,
    authorities: BTreeMap<String, u64>,
}

#[derive(Default)]
pub(super) struct ChildHistory {
    /// The oldest first, as CP-IS sends them.
    accesses: VecDeque<Access>,
    pub queries: u64,
    pub notifications: u64,
}

impl Histories {
    /// Sets the accesses from before the start. Only the newest 25 stay.
    pub fn seed(&mut self, child: &NhsNumber, mut accesses: Vec<Access>) {
        accesses.sort_by_key(|access| access.when.sort_key());
        let too_many = accesses.len().saturating_sub(KEPT);
        let history = self.children.entry(child.clone()).or_default();
        history.accesses = accesses.into_iter().skip(too_many).collect();
    }

    /// Records one query that CP-IS received. `authorities` are the notified ones: none if there is no record.
    pub fn record_query(&mut self, child: &NhsNumber, access: Access, now: Timestamp, once: bool, authorities: &[String]) {
        for authority in authorities {
            *self.authorities.entry(authority.clone()).or_default() += 1;
        }
        if self.children.len() >= MOST_CHILDREN && !self.children.contains_key(child) {
            return;
        }
        let history = self.children.entry(child.clone()).or_default();
        history.queries += 1;
        history.notifications += u64::from(!authorities.is_empty());
        if once && history.has_recent(&access.author, now) {
            return;
        }
        history.accesses.push_back(access);
        if history.accesses.len() > KEPT {
            history.accesses.pop_front();
        }
    }

    /// The accesses about a child, oldest first.
    pub fn accesses(&self, child: &NhsNumber) -> Vec<Access> {
        self.children.get(child).map(|history| history.accesses.iter().cloned().collect()).unwrap_or_default()
    }

    pub fn children(&self) -> impl Iterator<Item = (&NhsNumber, &ChildHistory)> {
        self.children.iter()
    }

    /// The notifications by the ODS code of the authority.
    pub fn authorities(&self) -> &BTreeMap<String, u64> {
        &self.authorities
    }
}

impl ChildHistory {
    fn has_recent(&self, author: &Author, now: Timestamp) -> bool {
        let recent = |access: &Access| matches!(access.when, AccessTime::At(at) if now.duration_since(at) < ONCE_WITHIN);
        self.accesses.iter().any(|access| recent(access) && same_author(&access.author, author))
    }
}

/// People are compared by user id, systems by all their data.
fn same_author(one: &Author, other: &Author) -> bool {
    match (one, other) {
        (Author::Person { user_id: Some(one), .. }, Author::Person { user_id: Some(other), .. }) => one == other,
        _ => one == other,
    }
}

/// The ids seen so far. A second use proves that a message was sent twice. Remembers at least the last half million.
#[derive(Default)]
pub(super) struct SeenIds {
    current: HashSet<u128>,
    previous: HashSet<u128>,
}

impl SeenIds {
    /// Remembers `id` and says whether it is new. Text that is not a UUID is always new.
    pub fn is_new(&mut self, id: &str) -> bool {
        let Ok(id) = uuid::Uuid::try_parse(id) else { return true };
        let id = id.as_u128();
        if self.current.len() >= IDS_PER_GENERATION {
            self.previous = std::mem::take(&mut self.current);
        }
        !self.previous.contains(&id) && self.current.insert(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpis::{Organisation, PersonName, Role, Text};

    fn child() -> NhsNumber {
        NhsNumber::parse("9990000018").unwrap()
    }

    fn access(user: &str, id: &str, at: Timestamp) -> Access {
        let author = Author::Person {
            user_id: Some(Text::from(user)),
            role_profile_id: None,
            role: Role::default(),
            name: PersonName::default(),
            organisation: Organisation::default(),
        };
        Access { id: id.into(), when: AccessTime::At(at), author, about: Some(child()) }
    }

    fn ids(histories: &Histories) -> Vec<String> {
        histories.accesses(&child()).iter().map(|access| access.id.as_str().to_owned()).collect()
    }

    #[test]
    fn the_newest_25_accesses_are_kept_in_order() {
        let mut histories = Histories::default();
        let now = Timestamp::now();
        for n in 0..30 {
            histories.record_query(&child(), access(&n.to_string(), &n.to_string(), now), now, true, &[]);
        }
        assert_eq!(ids(&histories), (5..30).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn the_same_author_within_24_hours_is_listed_once_but_counted_each_time() {
        let mut histories = Histories::default();
        let start = Timestamp::now();
        let day = SignedDuration::from_hours(24);
        let told = ["E1".to_owned()];
        for (id, at) in [("first", start), ("second", start + day - SignedDuration::from_secs(1)), ("third", start + day)] {
            histories.record_query(&child(), access("u", id, at), at, true, &told);
        }
        assert_eq!(ids(&histories), ["first", "third"]);
        let (_, history) = histories.children().next().unwrap();
        assert_eq!((history.queries, history.notifications), (3, 3));
        assert_eq!(histories.authorities()["E1"], 3);
    }

    #[test]
    fn the_rule_of_one_listing_can_be_switched_off() {
        let mut histories = Histories::default();
        let now = Timestamp::now();
        histories.record_query(&child(), access("u", "1", now), now, false, &[]);
        histories.record_query(&child(), access("u", "2", now), now, false, &[]);
        assert_eq!(ids(&histories), ["1", "2"]);
    }

    #[test]
    fn an_id_is_new_only_once_in_whatever_case() {
        let mut seen = SeenIds::default();
        assert!(seen.is_new("E3B0C442-98FC-4C14-9AFB-F4C8996FB924"));
        assert!(!seen.is_new("e3b0c442-98fc-4c14-9afb-f4c8996fb924"));
        assert!(seen.is_new("not a uuid") && seen.is_new("not a uuid"));
    }
}
