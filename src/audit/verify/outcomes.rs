//! Looks without a known outcome: the authority may have been notified (decisions.md 19).

use crate::audit::Event;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Looks without a known outcome, each by the number of its line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcomes {
    /// Asked long enough ago, with no outcome: the service ended in between.
    pub open: LineList,
    /// The outcome was recorded as unknown, and no later entry gives it.
    pub unknown: LineList,
    /// Asked a moment ago: an outcome may still come.
    pub pending: u64,
    /// Too many looks were open at once to follow all: there may be more than are listed.
    pub is_incomplete: bool,
    looks: HashMap<Uuid, PendingLook>,
}

/// Lines of one kind: all counted, the first of them listed in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineList {
    pub count: u64,
    pub first: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct PendingLook {
    seq: u64,
    at: Timestamp,
    is_unknown: bool,
}

/// Looks without an outcome that are followed at once: some 20 MB.
const MOST: usize = 200_000;
/// Lines that are listed.
const LISTED: usize = 1000;

impl Outcomes {
    pub(super) fn note(&mut self, seq: u64, event: Event, look: Option<Uuid>, at: Timestamp) {
        let Some(id) = look else { return };
        match event {
            Event::Answered | Event::Failed => {
                self.looks.remove(&id);
            }
            Event::Asked | Event::Unknown if self.looks.len() >= MOST && !self.looks.contains_key(&id) => {
                self.is_incomplete = true;
            }
            Event::Asked | Event::Unknown => {
                self.looks.insert(id, PendingLook { seq, at, is_unknown: event == Event::Unknown });
            }
            _ => {}
        }
    }

    pub(super) fn settle(&mut self, settled: Timestamp) {
        let (mut open, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        for look in self.looks.drain().map(|(_, look)| look) {
            match look {
                PendingLook { is_unknown: true, seq, .. } => unknown.insert(seq),
                PendingLook { seq, at, .. } if at < settled => open.insert(seq),
                PendingLook { .. } => {
                    self.pending += 1;
                    true
                }
            };
        }
        (self.open, self.unknown) = (LineList::of(&open), LineList::of(&unknown));
    }
}

impl LineList {
    fn of(lines: &BTreeSet<u64>) -> Self {
        Self { count: lines.len() as u64, first: lines.iter().take(LISTED).copied().collect() }
    }
}
