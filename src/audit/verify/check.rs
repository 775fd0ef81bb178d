//! Checks the lines of a chain in order, from a store or from an archive.

use super::{BackwardTimes, Fault, FaultKind, HeadVerdict, Outcomes, Verdict};
use crate::audit::{Chain, ChainFault, Event, Head, KeyId, Line, Mac, Seal, StoredEntry, Tip, read_body};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// What is known so far.
pub(in crate::audit) struct Checker<'a> {
    chain: &'a Chain,
    seal: &'a Seal,
    base: Tip,
    tip: Tip,
    /// The previous line's; unknown after one that could not be read.
    previous: Option<Mac>,
    head: Head,
    /// The MAC of the line with the head's number.
    at_head: Option<Mac>,
    lines: u64,
    faults: Vec<Fault>,
    fault_count: u64,
    outcomes: Outcomes,
    latest: Option<Timestamp>,
    backwards: Option<BackwardTimes>,
    software: BTreeMap<String, u64>,
    keys: BTreeMap<KeyId, u64>,
    sealed: u64,
}

/// Faults that are listed; further ones are only counted.
const LISTED: usize = 100;
/// Entries of one commit may be in another order, and a commit may take long.
const DISORDER: SignedDuration = SignedDuration::from_secs(10);

impl<'a> Checker<'a> {
    pub(in crate::audit) fn new(chain: &'a Chain, seal: &'a Seal, base: Tip, head: Head) -> Self {
        Self {
            chain,
            seal,
            base,
            tip: base,
            previous: Some(base.mac),
            at_head: matches!(head, Head::Is(head) if head.seq == base.seq).then_some(base.mac),
            head,
            lines: 0,
            faults: Vec::new(),
            fault_count: 0,
            outcomes: Outcomes::default(),
            latest: None,
            backwards: None,
            software: BTreeMap::new(),
            keys: BTreeMap::new(),
            sealed: 0,
        }
    }

    /// The next line of the store. After a fault the check continues from the line as it is, so that one bad line is one fault.
    pub(in crate::audit) fn line(&mut self, line: &Line) {
        self.lines += 1;
        let expected = self.tip.seq + 1;
        if line.seq != expected {
            self.fault(expected, ChainFault::Missing.into());
        } else if self.previous.is_some_and(|previous| previous != line.previous) {
            self.fault(line.seq, ChainFault::Broken.into());
        }
        if let Err(fault) = self.chain.check_alone(line) {
            self.fault(line.seq, fault.into());
        }
        self.tip = Tip { seq: line.seq, mac: line.mac };
        self.previous = Some(line.mac);
        if matches!(self.head, Head::Is(head) if head.seq == line.seq) {
            self.at_head = Some(line.mac);
        }
        *self.keys.entry(line.key).or_default() += 1;
        self.time(line);
        match read_body(&line.body, self.seal) {
            Ok(stored) => self.stored(line, stored),
            Err(_) => self.fault(line.seq, FaultKind::NotUnderstood),
        }
    }

    /// The store cannot read the line of this number.
    pub(in crate::audit) fn unreadable(&mut self, seq: u64) {
        self.fault(seq, FaultKind::Unreadable);
        (self.tip.seq, self.previous) = (seq, None);
    }

    /// A fault of this line. Its consequences for the same line are not counted again.
    pub(in crate::audit) fn fault(&mut self, seq: u64, what: FaultKind) {
        if self.faults.last().is_some_and(|last| last.seq == seq) {
            return;
        }
        self.fault_count += 1;
        if self.faults.len() < LISTED {
            self.faults.push(Fault { seq, what });
        }
    }

    pub(in crate::audit) fn found_nothing(&self) -> bool {
        self.fault_count == 0
    }

    fn stored(&mut self, line: &Line, stored: StoredEntry) {
        if let Some(column) = differing_column(line, &stored, self.seal) {
            self.fault(line.seq, FaultKind::Column(column));
        }
        self.sealed += u64::from(stored.child_is_sealed);
        // As in the body, not in a column.
        self.outcomes.note(line.seq, stored.entry.event, stored.entry.look, stored.entry.at);
        *self.software.entry(stored.software).or_default() += 1;
    }

    fn time(&mut self, line: &Line) {
        let latest = *self.latest.get_or_insert(line.at);
        let back = latest.duration_since(line.at);
        if back > DISORDER {
            let backwards = self.backwards.get_or_insert(BackwardTimes { count: 0, first: line.seq, most: back });
            backwards.count += 1;
            backwards.most = backwards.most.max(back);
        }
        self.latest = Some(latest.max(line.at));
    }

    /// The end of the chain: looks asked before `settled` that have no outcome will get none.
    pub(in crate::audit) fn verdict(mut self, settled: Timestamp) -> Verdict {
        self.outcomes.settle(settled);
        Verdict {
            head: self.head_verdict(),
            base: self.base,
            tip: self.tip,
            lines: self.lines,
            faults: self.faults,
            fault_count: self.fault_count,
            searches: Vec::new(),
            outcomes: self.outcomes,
            backwards: self.backwards,
            software: self.software,
            keys: self.keys,
            sealed: self.sealed,
        }
    }

    fn head_verdict(&self) -> HeadVerdict {
        let head = match self.head {
            Head::Absent => return HeadVerdict::Absent,
            Head::Unreadable => return HeadVerdict::Unreadable,
            Head::Is(head) => head,
        };
        let by = self.tip.seq.saturating_sub(head.seq);
        match self.at_head {
            _ if head.seq > self.tip.seq => HeadVerdict::Truncated { head: head.seq },
            // Its line is in an archive.
            _ if head.seq < self.base.seq => HeadVerdict::Behind { by },
            Some(mac) if mac == head.mac && by == 0 => HeadVerdict::Same,
            Some(mac) if mac == head.mac => HeadVerdict::Behind { by },
            _ => HeadVerdict::Replaced { seq: head.seq },
        }
    }
}

/// The first column that differs from the body.
pub(in crate::audit) fn differing_column(line: &Line, stored: &StoredEntry, seal: &Seal) -> Option<&'static str> {
    let entry = &stored.entry;
    let is_text =
        |column: &Option<String>, stored: Option<&crate::cpis::Text>| column.as_deref() == stored.map(crate::cpis::Text::as_str);
    let child_is_same = match (&entry.child, stored.child_is_sealed) {
        // Any key's index finds the line.
        (Some(number), _) => line.child.is_some_and(|child| seal.indexes(number).contains(&child)),
        (None, true) => line.child.is_some(),
        (None, false) => line.child.is_none(),
    };
    let columns = [
        ("id", line.id == entry.id),
        // With the precision that the database keeps.
        ("at", line.at.as_microsecond() == entry.at.as_microsecond()),
        ("event", Event::parse(&line.event) == Some(entry.event)),
        ("look", line.look == entry.look),
        ("user_id", is_text(&line.user_id, entry.who.as_ref().and_then(|who| who.user_id.as_ref()))),
        ("child", child_is_same),
        ("message_id", is_text(&line.message_id, entry.message.as_ref().map(|message| &message.message_id))),
        ("request_id", is_text(&line.request_id, entry.request.request_id.as_ref())),
    ];
    columns.into_iter().find(|(_, is_same)| !is_same).map(|(column, _)| column)
}
