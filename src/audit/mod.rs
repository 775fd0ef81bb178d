//! The trail: who asked about which child, when, in whose name, and what came of it (decisions.md 34, 35; wire.md 5.9, 7.5).
//!
//! - [`entry`]: what is said. - [`body`]: how it is written, the NHS number sealed ([`seal`]). - [`chain`]: every line carries a MAC
//!   over itself and the line before. - [`trail`]: the way in; an entry is durable when [`Trail::record`] returns. - [`store`]: what
//!   a database must do.
//!
//! No trail, no query: whoever asks waits for the entry first, and shows nothing before its second entry is durable.

mod body;
mod chain;
mod entry;
mod memory;
pub mod postgres;
mod seal;
mod store;
mod trail;

pub use body::{BodyError, Told, read as read_body};
pub use chain::{Chain, ChainFault, KeyId, Line, Mac, Tip};
pub use entry::{Entry, Event, Message, RequestFacts, Shown, Upshot, Who};
pub use memory::{MemoryReader, MemoryStore};
pub use seal::{ChildIndex, Seal, Sealed};
pub use store::{Appending, Draft, Reader, Reading, Store, StoreError, StoreErrorKind, Wanted};
pub use trail::{Options, Trail, TrailError, TrailState};

/// There must be at least one key of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the trail needs at least one key")]
pub struct NoKeys;
