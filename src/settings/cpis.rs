//! `cpis.*`: questions about CP-IS itself.

use super::reader::Reader;

/// Questions about CP-IS itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpis {
    pub scheduled_care: ScheduledCare,
}

/// What happens to a lookup for scheduled care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduledCare {
    /// 403, no query (decisions.md 17).
    Refuse,
    /// A query that makes no notification, for an SMSP that is known to support it.
    SilentRead,
}

pub(super) fn read(reader: &Reader) -> Option<Cpis> {
    const WORDS: [(&str, ScheduledCare); 2] = [("refuse", ScheduledCare::Refuse), ("silent-read", ScheduledCare::SilentRead)];
    Some(Cpis { scheduled_care: reader.choice("cpis.scheduled_care", &WORDS)? })
}
