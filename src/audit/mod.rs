//! The trail: who asked about which child, when, in whose name, and with which outcome (decisions.md 34, 35; wire.md 5.9, 7.5).
//!
//! - [`open`]: opens it.
//! - [`entry`]: what an entry says. [`body`]: how it is stored, the NHS number sealed ([`seal`]).
//! - [`chain`]: every line carries a MAC over itself and the line before.
//! - [`trail`]: records entries; one is durable when [`Trail::record`] returns. [`store`]: what a database must do.
//! - [`question`]: what people ask of the trail. [`inquiry`]: the one way to an answer, by [`search`].
//! - [`verify`]: whether all of it is still there. [`archive`]: how older months leave the store.
//! - [`health`]: whether it takes lines and its end is whole, without writing to it.
//!
//! No trail, no query: a look waits for its first entry before it asks, and shows nothing before its second entry is durable.

pub mod archive;
mod body;
mod chain;
mod entry;
mod folder;
mod head;
pub mod health;
mod inquiry;
mod memory;
mod open;
mod options;
pub mod postgres;
mod question;
#[cfg(test)]
pub(crate) mod samples;
mod seal;
mod search;
pub mod sqlite;
mod store;
mod trail;
pub mod verify;

pub use body::{BodyError, StoredEntry, read as read_body};
pub use chain::{Chain, ChainFault, KeyId, Line, Mac, Tip};
pub use entry::{Entry, Event, Message, Outcome, RequestFacts, ShownCounts, Who};
pub use head::{Head, HeadFile};
pub use inquiry::{Inquirer, Inquiry, InquiryError, RecordedSearch};
pub use memory::{MemoryReader, MemoryStore};
pub use open::{EndFault, OpenError, OpenTrail, ReadOnlyTrail, Renewable, open, open_for_command, open_read_only};
pub use options::{Options, StoreLocation};
pub use question::{Question, QuestionError};
pub use seal::{ChildIndex, Seal, SealedNumber, keys_for};
pub use search::{Doubt, Hit, Page, Rest};
// Outside of tests a search goes through an inquiry, which puts it on the trail.
#[cfg(test)]
pub(crate) use search::{Search, Sources};
pub use store::{Draft, Filter, Reader, Room, Store, StoreError, StoreErrorKind};
pub use trail::{Trail, TrailError, TrailState, TrailUnavailable, WriterOptions};
pub use verify::{Fault, FaultKind, HeadVerdict, SearchFault, Verdict};

/// There must be at least one key of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the trail needs at least one key")]
pub struct NoKeys;

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Lower-case hex digits of exactly `N` bytes.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
