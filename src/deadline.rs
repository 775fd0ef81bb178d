//! Deadlines that hold against the world, but not against this process itself (decisions.md 67).
//!
//! A process can be frozen: a paused or moved virtual machine, a debugger, SIGSTOP. When it continues, every deadline of that
//! time has passed, and what arrived meanwhile is still in the sockets. So a timer that fires much too late decides nothing yet:
//! what has already arrived gets a moment to be read.

use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// A timer that fires this late means that the process was frozen, or the machine is far too busy.
const LATE: Duration = Duration::from_millis(100);
/// Enough to read an answer that has arrived, and to put it on the trail.
const GRACE: Duration = Duration::from_secs(1);

/// The work was not done in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The process was frozen meanwhile, so this says nothing about the other side.
    pub stood_still: bool,
}

/// The result of `work`, if it is there at `deadline`.
///
/// # Errors
/// [`Missed`].
pub async fn by<F: Future>(deadline: Instant, work: F) -> Result<F::Output, Missed> {
    let mut work = std::pin::pin!(work);
    let (mut until, mut stood_still) = (deadline, false);
    loop {
        if let Ok(done) = tokio::time::timeout_at(until, &mut work).await {
            return Ok(done);
        }
        let now = Instant::now();
        if now.saturating_duration_since(until) < LATE {
            return Err(Missed { stood_still });
        }
        (until, stood_still) = (now + GRACE, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_kept_to_the_moment_where_nobody_stood_still() {
        let began = Instant::now();
        let missed = by(began + Duration::from_secs(5), std::future::pending::<()>()).await.unwrap_err();
        assert_eq!((began.elapsed(), missed.stood_still), (Duration::from_secs(5), false));
        assert_eq!(by(began, async { 7 }).await, Ok(7), "what is there beats a deadline that has passed");
    }

    /// The work needs a few more steps once the process continues, as an answer in a socket does.
    #[tokio::test(start_paused = true)]
    async fn after_a_freeze_what_is_there_gets_a_moment_to_be_read() {
        let began = Instant::now();
        let steps = |after: Duration| async move {
            tokio::time::sleep_until(began + Duration::from_secs(3)).await;
            tokio::time::sleep(after).await;
            "read"
        };
        let reading = tokio::spawn(by(began + Duration::from_secs(5), steps(Duration::from_millis(300))));
        let never = tokio::spawn(by(began + Duration::from_secs(5), steps(Duration::from_mins(1))));
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(reading.await.unwrap(), Ok("read"));
        assert_eq!(never.await.unwrap(), Err(Missed { stood_still: true }));
        assert_eq!(began.elapsed(), Duration::from_secs(8), "and no more than a moment");
    }
}
