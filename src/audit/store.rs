//! What a database must do to hold the trail.

use super::archive::Manifest;
use super::verify::SearchFault;
use super::{Chain, ChildIndex, Event, Line, Tip};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use uuid::Uuid;

/// An entry ready for the chain: its body is written, its NHS number sealed. `Debug` shows nothing of a person.
#[derive(Clone)]
pub struct Draft {
    pub id: Uuid,
    pub at: Timestamp,
    pub event: Event,
    pub look: Option<Uuid>,
    pub user_id: Option<String>,
    pub child: Option<ChildIndex>,
    pub message_id: Option<String>,
    pub request_id: Option<String>,
    pub body: Vec<u8>,
    /// An earlier attempt may have succeeded: then the store already has a line of this `id`, and keeps that one.
    pub again: bool,
}

/// The writing side. One owner at a time in a process; several processes may write to a shared database.
pub trait Store: Send + 'static {
    /// Appends the drafts in one transaction that is durable (synced to disk) when the future completes: reads the tip under a
    /// lock that keeps other writers out, links with `chain`, writes. A draft that is written [`Draft::again`] and already has a
    /// line is left out. Returns the new tip. No two drafts have the same `id`.
    ///
    /// After an error, all or none of it is in the store.
    fn append<'a>(&'a mut self, drafts: &'a [Draft], chain: &'a Chain) -> BoxFuture<'a, Result<Tip, StoreError>>;

    /// How much more the store can take. A database on another machine does not say.
    fn room(&self) -> Room {
        Box::new(|| None)
    }

    /// No more lines are expected: brings everything that a copy of the store needs into one place, as far as possible.
    fn settle(&mut self) {}
}

/// Bytes that a store can still take, callable from any thread; `None` if unknown.
pub type Room = Box<dyn Fn() -> Option<u64> + Send + Sync>;

/// The reading side, while a writer continues.
pub trait Reader: Send + Sync + 'static {
    /// The end of the chain; [`Tip::NONE`] if nothing was ever written.
    fn tip(&self) -> BoxFuture<'_, Result<Tip, StoreError>>;

    /// What the chain begins after: [`Tip::NONE`], or the last line that was moved to an archive.
    fn base(&self) -> BoxFuture<'_, Result<Tip, StoreError>>;

    /// What was moved to archives, oldest first; [`Reader::base`] is where the last one ends.
    fn archived(&self) -> BoxFuture<'_, Result<Vec<Manifest>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// At most `limit` lines with a number above `after`, in their order.
    fn lines(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Line>, StoreError>>;

    /// At most `limit` lines that match, newest first, with a number below `before` if given. Its cost must not grow with the
    /// length of the trail.
    fn find<'a>(&'a self, wanted: &'a Filter, before: Option<u64>, limit: usize) -> BoxFuture<'a, Result<Vec<Line>, StoreError>>;

    /// Which of these existing lines [`Reader::find`] would miss: number and key (decisions.md 65).
    fn missed<'a>(&'a self, lines: &'a [Line]) -> BoxFuture<'a, Result<Vec<(u64, &'static str)>, StoreError>> {
        let _ = lines;
        Box::pin(async { Ok(Vec::new()) })
    }

    /// What [`Reader::find`] reads and is damaged or not as this program made it (decisions.md 65).
    fn search_faults(&self) -> BoxFuture<'_, Result<Vec<SearchFault>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Draft({}, {})", self.event.name(), self.id)
    }
}

/// Which lines: all given fields must match.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub user_id: Option<String>,
    /// One for each encryption key; any of them matches. Empty: lines with any child or none.
    pub child: Vec<ChildIndex>,
    pub message_id: Option<String>,
    pub request_id: Option<String>,
    pub look: Option<Uuid>,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
}

/// The store failed. The text contains nothing of an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the trail's store {kind}: {detail}")]
pub struct StoreError {
    pub kind: StoreErrorKind,
    /// The database's message, if it cannot contain data.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StoreErrorKind {
    #[error("is full")]
    Full,
    #[error("is locked by another")]
    Locked,
    #[error("cannot be written")]
    ReadOnly,
    #[error("is gone")]
    Gone,
    #[error("is too slow")]
    Slow,
    #[error("is damaged")]
    Damaged,
    #[error("failed")]
    Other,
}

impl StoreError {
    #[must_use]
    pub fn new(kind: StoreErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl Line {
    /// Whether this line matches `wanted`.
    #[must_use]
    pub fn is(&self, wanted: &Filter) -> bool {
        fn same(wanted: Option<&String>, has: Option<&String>) -> bool {
            wanted.is_none_or(|wanted| has == Some(wanted))
        }
        same(wanted.user_id.as_ref(), self.user_id.as_ref())
            && same(wanted.message_id.as_ref(), self.message_id.as_ref())
            && same(wanted.request_id.as_ref(), self.request_id.as_ref())
            && wanted.look.is_none_or(|look| self.look == Some(look))
            && (wanted.child.is_empty() || self.child.is_some_and(|child| wanted.child.contains(&child)))
            && wanted.from.is_none_or(|from| self.at >= from)
            && wanted.to.is_none_or(|to| self.at < to)
    }
}
