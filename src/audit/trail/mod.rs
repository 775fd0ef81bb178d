//! The way into the trail: many callers, one writer, one transaction for all who wait (group commit).

use super::body::{self, BodyError};
use super::{Chain, Draft, Entry, Room, Seal, Store, StoreError, StoreErrorKind, Tip};
use crate::telemetry::{self, spans};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// The trail, open for writing. Clones share one writer.
#[derive(Clone)]
pub struct Trail {
    jobs: mpsc::Sender<Job>,
    seal: Arc<Seal>,
    shared: Arc<WriterState>,
    room: Arc<Room>,
    commit_timeout: Duration,
}

/// How the writer works.
pub struct WriterOptions {
    /// How long a caller waits for its entry to be durable.
    pub commit_timeout: Duration,
    /// Called after each commit with the new tip: the head file.
    pub after_commit: Box<dyn FnMut(Tip) + Send>,
}

/// Why an entry may not be on the trail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrailError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Body(#[from] BodyError),
    /// Too many entries wait.
    #[error("the trail's queue is full")]
    Overloaded,
    /// Not durable in time. It may still become durable.
    #[error("the trail is too slow")]
    Slow,
    /// The writer is gone.
    #[error("the trail is closed")]
    Closed,
}

/// The trail cannot be written: nothing is asked, and nothing is shown, until it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail cannot be written")]
pub struct TrailUnavailable;

impl From<TrailError> for TrailUnavailable {
    fn from(_: TrailError) -> Self {
        Self
    }
}

/// The trail's state: for health, metrics and alerts.
#[derive(Debug, Clone, Default)]
pub struct TrailState {
    /// The store's last failure, if nothing was written since.
    pub failing: Option<StoreErrorKind>,
    /// Entries of what has already happened that still wait for the store.
    pub backlog: usize,
    pub tip: Option<Tip>,
    pub commits: u64,
    pub entries: u64,
    /// How long the last commit took.
    pub last_commit: Duration,
}

enum Job {
    Append { draft: Draft, done: oneshot::Sender<Result<(), TrailError>> },
    Flush(oneshot::Sender<()>),
    Settle(oneshot::Sender<()>),
}

#[derive(Default)]
struct WriterState {
    state: Mutex<TrailState>,
    /// Entries of what has already happened that still wait for the store; kept until it takes them.
    backlog: Mutex<VecDeque<Draft>>,
}

/// Callers that may wait at once; further ones are refused at once.
const QUEUE: usize = 4096;
/// Entries of one transaction.
const MOST_AT_ONCE: usize = 256;
/// Entries in the backlog. Each is of a query that has gone out: beyond this, none goes out.
const MOST_BACKLOG: usize = 10_000;
/// Bytes that are kept for looks, some 30,000 of them: only entries of looks are written to these.
const RESERVE: u64 = 64 << 20;
/// How often a failing store is tried again for its backlog.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How often the tip is logged (decisions.md 34).
const LOG_TIP_EVERY: Duration = Duration::from_mins(1);

impl Default for WriterOptions {
    fn default() -> Self {
        Self { commit_timeout: Duration::from_secs(5), after_commit: Box::new(|_| {}) }
    }
}

impl Trail {
    /// Starts the writer in its own thread, which may block; `runtime` drives what the store awaits.
    ///
    /// # Errors
    /// The I/O error if no thread can be started.
    pub fn start(
        store: Box<dyn Store>,
        chain: impl Into<Arc<Chain>>,
        seal: Arc<Seal>,
        options: WriterOptions,
        runtime: Handle,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let shared = Arc::new(WriterState::default());
        let (room, commit_timeout) = (Arc::new(store.room()), options.commit_timeout);
        let writer = Writer {
            store,
            chain: chain.into(),
            queue,
            shared: Arc::clone(&shared),
            after_commit: options.after_commit,
            tip_logged: None,
        };
        std::thread::Builder::new().name("cpis-trail".to_owned()).spawn(move || runtime.block_on(writer.run()))?;
        Ok(Self { jobs, seal, shared, room, commit_timeout })
    }

    /// Puts `entry` on the trail. It is durable when this is `Ok`.
    ///
    /// # Errors
    /// [`TrailError`]: the entry must not be relied on, though after [`TrailError::Slow`] and some failures of a store it may
    /// have been written.
    pub async fn record(&self, entry: &Entry) -> Result<(), TrailError> {
        let draft = body::write(entry, &self.seal)?;
        spans::trail(entry.event.name()).around(self.append(draft)).await
    }

    /// As [`Trail::record`], for an entry that an earlier attempt may have written: it is on the trail only once.
    ///
    /// # Errors
    /// As [`Trail::record`].
    pub async fn record_again(&self, entry: &Entry) -> Result<(), TrailError> {
        let draft = Draft { again: true, ..body::write(entry, &self.seal)? };
        spans::trail(entry.event.name()).around(self.append(draft)).await
    }

    async fn append(&self, draft: Draft) -> Result<(), TrailError> {
        let (done, durable) = oneshot::channel();
        self.jobs.try_send(Job::Append { draft, done }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => TrailError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => TrailError::Closed,
        })?;
        match tokio::time::timeout(self.commit_timeout, durable).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(TrailError::Closed),
            Err(_) => Err(TrailError::Slow),
        }
    }

    /// Keeps `entry`, of something that has happened and cannot be undone, until the store takes it, once. Until then it is not
    /// durable.
    pub fn record_when_possible(&self, entry: &Entry) {
        match body::write(entry, &self.seal) {
            Ok(draft) => self.shared.backlog().push_back(Draft { again: true, ..draft }),
            Err(error) => tracing::error!(event = entry.event.name(), %error, "an entry of the trail is lost"),
        }
        self.shared.note_backlog();
    }

    /// Whether a further query may go out: not while the backlog is full.
    pub fn has_backlog_room(&self) -> bool {
        self.shared.backlog().len() < MOST_BACKLOG
    }

    /// Whether the store has room only for looks. False if the store does not know.
    pub fn is_nearly_full(&self) -> bool {
        (self.room)().is_some_and(|left| left < RESERVE)
    }

    pub fn state(&self) -> TrailState {
        self.shared.state().clone()
    }

    /// Opens what is sealed in the trail.
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// After the last entry: see [`Store::settle`]. Waits for it, `limit` at most.
    pub async fn settle(&self, limit: Duration) {
        let (done, settled) = oneshot::channel();
        if self.jobs.send(Job::Settle(done)).await.is_ok() {
            let _ = tokio::time::timeout(limit, settled).await;
        }
    }

    /// Waits until everything recorded and the backlog are durable, `limit` at most. True when it is.
    pub async fn flush(&self, limit: Duration) -> bool {
        let flushed = async {
            loop {
                let (done, flushed) = oneshot::channel();
                if self.jobs.send(Job::Flush(done)).await.is_err() || flushed.await.is_err() {
                    return false;
                }
                if self.shared.backlog().is_empty() {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(limit, flushed).await.unwrap_or(false)
    }
}

impl WriterState {
    fn backlog(&self) -> MutexGuard<'_, VecDeque<Draft>> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, TrailState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_backlog(&self) {
        let backlog = self.backlog().len();
        self.state().backlog = backlog;
    }
}

struct Writer {
    store: Box<dyn Store>,
    chain: Arc<Chain>,
    queue: mpsc::Receiver<Job>,
    shared: Arc<WriterState>,
    after_commit: Box<dyn FnMut(Tip) + Send>,
    tip_logged: Option<Instant>,
}

/// Who waits for a batch.
#[derive(Default)]
struct Waiters {
    entries: Vec<oneshot::Sender<Result<(), TrailError>>>,
    flushes: Vec<oneshot::Sender<()>>,
    settling: Option<oneshot::Sender<()>>,
}

impl Writer {
    async fn run(mut self) {
        loop {
            let has_backlog = !self.shared.backlog().is_empty();
            let first = tokio::select! {
                job = self.queue.recv() => match job { Some(job) => Some(job), None => break },
                () = tokio::time::sleep(TRY_AGAIN), if has_backlog => None,
            };
            self.write(first).await;
        }
        self.write(None).await;
    }

    /// Writes the backlog, `first`, and whatever else waits, in one transaction.
    async fn write(&mut self, first: Option<Job>) {
        let mut drafts: Vec<Draft> = self.shared.backlog().iter().take(MOST_AT_ONCE).cloned().collect();
        let of_backlog = drafts.len();
        let mut waiting = Waiters::default();
        let mut next = first;
        while let Some(job) = next {
            match job {
                // A caller that no longer waits was told that nothing is recorded.
                Job::Append { done, .. } if done.is_closed() => {}
                Job::Append { draft, done } => {
                    if !drafts.iter().any(|other| draft.again && other.id == draft.id) {
                        drafts.push(draft);
                    }
                    waiting.entries.push(done);
                }
                Job::Flush(done) => waiting.flushes.push(done),
                Job::Settle(done) => waiting.settling = Some(done),
            }
            next = if waiting.entries.len() < MOST_AT_ONCE { self.queue.try_recv().ok() } else { None };
        }
        let outcome = if drafts.is_empty() { Ok(()) } else { self.commit(&drafts).await };
        if outcome.is_ok() {
            self.shared.backlog().drain(..of_backlog);
            self.shared.note_backlog();
        }
        for done in waiting.entries {
            // The caller may be gone; the entry stays on the trail.
            let _ = done.send(outcome.clone().map_err(TrailError::Store));
        }
        for done in waiting.flushes {
            let _ = done.send(());
        }
        if let Some(done) = waiting.settling {
            self.store.settle();
            let _ = done.send(());
        }
    }

    async fn commit(&mut self, drafts: &[Draft]) -> Result<(), StoreError> {
        let began = Instant::now();
        let appended = self.store.append(drafts, &self.chain).await;
        telemetry::metrics().trail_commit(began.elapsed());
        let mut state = self.shared.state();
        match appended {
            Ok(tip) => {
                if state.failing.take().is_some() {
                    tracing::warn!(target: "cpis_fhir::trail", "the trail can be written again");
                }
                state.tip = Some(tip);
                state.commits += 1;
                state.entries += drafts.len() as u64;
                state.last_commit = began.elapsed();
                drop(state);
                (self.after_commit)(tip);
                self.log_tip(tip);
                Ok(())
            }
            Err(error) => {
                if state.failing.replace(error.kind) != Some(error.kind) {
                    tracing::error!(target: "cpis_fhir::trail", %error, "the trail cannot be written: no query goes out");
                }
                Err(error)
            }
        }
    }

    /// Logs the tip once a minute, out of reach of anybody who can change the store.
    fn log_tip(&mut self, tip: Tip) {
        if self.tip_logged.is_none_or(|at| at.elapsed() >= LOG_TIP_EVERY) {
            self.tip_logged = Some(Instant::now());
            tracing::info!(target: "cpis_fhir::trail", sequence = tip.seq, mac = %tip.mac, "the trail's head");
        }
    }
}

#[cfg(test)]
mod tests;
