//! `limits.*`: what callers may use up, and what memory there is.

use super::reader::Reader;
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

pub(super) fn read(reader: &Reader, is_demo: bool) -> Option<Limits> {
    const RATE: &str = "limits.requests_per_second";
    const SHARE: &str = "limits.connections_per_address";
    let rate: u32 = reader.count(RATE)?;
    Some(Limits {
        requests_per_second: (!is_demo || reader.is_set(RATE)).then_some(rate),
        children_per_user: reader.count("limits.children_per_user")?,
        children_window: reader.duration("limits.children_window")?,
        body: reader.count("limits.body")?,
        header_timeout: reader.duration("limits.header_timeout")?,
        write_timeout: reader.duration("limits.write_timeout")?,
        connections: reader.count("limits.connections")?,
        connections_per_address: reader.is_set(SHARE).then(|| reader.count(SHARE)).flatten(),
        memory: if reader.is_set("limits.memory") { Some(reader.count("limits.memory")?) } else { None },
    })
}
