//! Whether the request that began a flight still waits for it, so that the trail can say what that request was shown (decisions.md 49).

use super::Flight;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why the request that began a flight waits no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lookup) enum Absence {
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
const ANSWERED: u8 = 3;

impl Caller {
    fn advance(&self, to: u8) -> Result<(), u8> {
        self.0.compare_exchange(WAITS, to, Ordering::SeqCst, Ordering::SeqCst).map(|_| ())
    }

    /// False: it is being answered.
    fn leave(&self, why: Absence) -> bool {
        let to = match why {
            Absence::TimedOut => TIMED_OUT,
            Absence::HungUp => HUNG_UP,
        };
        self.advance(to) != Err(ANSWERED)
    }

    pub(super) fn absence(&self) -> Option<Absence> {
        match self.0.load(Ordering::SeqCst) {
            TIMED_OUT => Some(Absence::TimedOut),
            HUNG_UP => Some(Absence::HungUp),
            _ => None,
        }
    }
}

impl Flight {
    /// The outcome is there. From now on the caller waits for its entry, which says that it is shown, unless it has left before.
    pub(in crate::lookup) fn mark_answering(&self) -> Result<(), Absence> {
        let _ = self.caller.advance(ANSWERED);
        self.caller.absence().map_or(Ok(()), Err)
    }

    /// The request that began it waits for it as long as this is held.
    pub(in crate::lookup) fn wait_guard(self: &Arc<Self>) -> WaitGuard {
        WaitGuard(Arc::clone(self))
    }
}

/// The request that began a flight waits for it.
pub(in crate::lookup) struct WaitGuard(Arc<Flight>);

impl WaitGuard {
    /// Its time is over. False: its answer is there, and is being recorded as shown, so that it waits on for that.
    pub(in crate::lookup) fn give_up(&self) -> bool {
        self.0.caller.leave(Absence::TimedOut)
    }
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.0.caller.leave(Absence::HungUp);
    }
}
