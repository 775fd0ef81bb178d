//! `limits.*`: what callers may use up, and what memory there is.

use super::reader::{Noted, Reader};
use super::table::limits;
use std::time::Duration;

/// What a caller may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Per caller; at least 1. `None`: no limit, in a demonstration, whose callers are all one person.
    pub requests_per_second: Option<u32>,
    /// Different children whom one user may look at within `children_window`; at least 1.
    pub children_per_user: usize,
    pub children_window: Duration,
    /// Longest request body, in bytes.
    pub body: usize,
    /// For a head, and for a body.
    pub header_timeout: Duration,
    /// For taking an answer.
    pub write_timeout: Duration,
    pub connections: usize,
    /// Of callers who have not said who they are, from one address. `None`: a quarter of them.
    pub connections_per_address: Option<usize>,
    /// In bytes; `None`: as the machine has it.
    pub memory: Option<usize>,
}

pub(super) fn read(reader: &Reader, is_demo: bool) -> Result<Limits, Noted> {
    let rate = reader.get(limits::REQUESTS_PER_SECOND)?;
    Ok(Limits {
        requests_per_second: (!is_demo || reader.is_set(limits::REQUESTS_PER_SECOND)).then_some(rate),
        children_per_user: reader.get(limits::CHILDREN_PER_USER)?,
        children_window: reader.get(limits::CHILDREN_WINDOW)?,
        body: reader.get(limits::BODY)?,
        header_timeout: reader.get(limits::HEADER_TIMEOUT)?,
        write_timeout: reader.get(limits::WRITE_TIMEOUT)?,
        connections: reader.get(limits::CONNECTIONS)?,
        connections_per_address: reader.get(limits::CONNECTIONS_PER_ADDRESS)?,
        memory: reader.get(limits::MEMORY)?,
    })
}
