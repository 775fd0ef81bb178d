//! `cpis.*`: questions about CP-IS itself.

use super::reader::{Noted, Reader};
use super::table::cpis;

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
    /// 403 too, since no way to CP-IS that is built can read without a notification (decisions.md 62); first for the missing permission.
    SilentRead,
}

pub(super) fn read(reader: &Reader) -> Result<Cpis, Noted> {
    Ok(Cpis { scheduled_care: reader.get(cpis::SCHEDULED_CARE)? })
}
