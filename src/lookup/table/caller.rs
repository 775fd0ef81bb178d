//! Whether the request that began a flight still waits for it, so that the trail can say what that request was shown (decisions.md 49).

use super::Flight;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why the request that began a flight waits no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lookup) enum Absent {
    /// It was told that there was no answer in time.
    TimedOut,
    /// Its connection was closed.
    HungUp,
}

/// The request that began a flight, as the flight sees it.
#[derive(Default)]
pub(super) struct Caller(AtomicU8);

const WAITS: u8 = 0;
const TIMED_OUT: u8 = 1;
const HUNG_UP: u8 = 2;
/// The outcome is there, and is being recorded as shown to it.
const IS_ANSWERED: u8 = 3;

impl Caller {
    fn moves_on(&self, to: u8) -> Result<(), u8> {
        self.0.compare_exchange(WAITS, to, Ordering::SeqCst, Ordering::SeqCst).map(|_| ())
    }

    /// False: it is being answered.
    fn leaves(&self, why: Absent) -> bool {
        let to = match why {
            Absent::TimedOut => TIMED_OUT,
            Absent::HungUp => HUNG_UP,
        };
        self.moves_on(to) != Err(IS_ANSWERED)
    }

    pub(super) fn absent(&self) -> Option<Absent> {
        match self.0.load(Ordering::SeqCst) {
            TIMED_OUT => Some(Absent::TimedOut),
            HUNG_UP => Some(Absent::HungUp),
            _ => None,
        }
    }
}

impl Flight {
    /// The outcome is there. From now on the caller waits for its entry, which says that it is shown, unless it has left before.
    pub(in crate::lookup) fn answers_its_caller(&self) -> Result<(), Absent> {
        let _ = self.caller.moves_on(IS_ANSWERED);
        self.caller.absent().map_or(Ok(()), Err)
    }

    /// The request that began it waits for it as long as this is held.
    pub(in crate::lookup) fn is_waited_for(self: &Arc<Self>) -> Waiting {
        Waiting(Arc::clone(self))
    }
}

/// The request that began a flight waits for it.
pub(in crate::lookup) struct Waiting(Arc<Flight>);

impl Waiting {
    /// Its time is over. False: its answer is there, and is being recorded as shown, so that it waits on for that.
    pub(in crate::lookup) fn gives_up(&self) -> bool {
        self.0.caller.leaves(Absent::TimedOut)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.caller.leaves(Absent::HungUp);
    }
}
