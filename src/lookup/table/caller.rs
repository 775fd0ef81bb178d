//! Whether the request that started a flight still waits for it, so that the trail can say what that request was shown
//! (decisions.md 49).

use super::Flight;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why the request that started a flight no longer waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lookup) enum Absence {
    /// It got a timeout.
    TimedOut,
    /// Its connection was closed.
    HungUp,
}

/// The request that started a flight, as the flight sees it.
#[derive(Default)]
pub(super) struct Caller(AtomicU8);

const WAITS: u8 = 0;
const TIMED_OUT: u8 = 1;
const HUNG_UP: u8 = 2;
/// The outcome has come, and is being recorded as shown to it.
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
    /// The outcome has come. Unless the caller has left before, it now waits for the entry that says that it is shown.
    pub(in crate::lookup) fn mark_answering(&self) -> Result<(), Absence> {
        let _ = self.caller.advance(ANSWERED);
        self.caller.absence().map_or(Ok(()), Err)
    }

    /// While this guard is held, the request that started the flight waits for it.
    pub(in crate::lookup) fn wait_guard(self: &Arc<Self>) -> WaitGuard {
        WaitGuard(Arc::clone(self))
    }
}

/// Held by the request that started a flight while it waits for it.
pub(in crate::lookup) struct WaitGuard(Arc<Flight>);

impl WaitGuard {
    /// The caller's time is over. False: its answer is being recorded as shown, so the caller must wait for that.
    pub(in crate::lookup) fn give_up(&self) -> bool {
        self.0.caller.leave(Absence::TimedOut)
    }
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.0.caller.leave(Absence::HungUp);
    }
}
