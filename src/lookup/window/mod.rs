//! The sharing window on disk, for this service's next start (decisions.md 42, docs/adr/0014).
//!
//! A file next to the trail holds which requests belong to a look, and its outcome: sealed, and bound to the look's key and number.
//! It need not be synced: a process that ends loses nothing that it has written. A power cut loses answers, but the trail still
//! says which looks there were. A separate thread writes. A look waits for it before its outcome is shown, for [`WRITE_LIMIT`] at
//! most.
//!
//! The file alone proves nothing: an answer counts only if the trail says that its look was answered (`recall`).

mod file;
mod frame;
mod stamp;
#[cfg(test)]
mod tests;

pub use file::WindowError;
pub(super) use frame::{FrameHead, FrameKind};
pub(super) use stamp::{Stamp, wall_age};

use super::remote::keys::{KeyNumber, Purpose, StoreKeys};
use super::remote::outcome::{RedisTime, StoredOutcome, StoredResult};
use super::table::{self, Flight};
use super::{LookError, LookKey};
use crate::cpis::Answer;
use crate::secret::KeyMaterial;
use file::WindowFile;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Jobs that may wait to be written. Jobs beyond it are lost.
const MAX_QUEUED: usize = 4096;
/// After this many bytes a batch is written.
const BATCH_BYTES: usize = 1 << 20;
/// How often an idle service deletes what has expired.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(30);
/// A slower file delays nobody longer than this. An answer that it does not hold is not shown again after a restart.
const WRITE_LIMIT: Duration = Duration::from_millis(50);
/// Failures are logged at most this often.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// The window's file as the previous run left it.
pub(super) struct EarlierWindow {
    file: WindowFile,
    keys: StoreKeys,
}

/// Sends jobs to the thread that writes the window's file.
pub(super) struct Window {
    jobs: SyncSender<WriteJob>,
    lost: Arc<AtomicU64>,
}

enum WriteJob {
    Request { flight: Arc<Flight>, id: Option<Box<str>> },
    Outcome { flight: Arc<Flight>, outcome: table::Outcome, came: Instant, done: oneshot::Sender<()> },
    Flush(oneshot::Sender<()>),
}

/// An outcome that is being written to the file.
pub(super) struct PendingWrite(oneshot::Receiver<()>);

impl PendingWrite {
    /// Waits until it is in the file with all that was sent before it, or [`WRITE_LIMIT`] has passed.
    pub(super) async fn wait(self) {
        let _ = tokio::time::timeout(WRITE_LIMIT, self.0).await;
    }
}

impl EarlierWindow {
    /// Takes the file at `path` for this service. Everything in it expires within `keep_for`. `keys`: the first one writes, all read.
    pub(super) fn open(path: &Path, keys: &[KeyMaterial], keep_for: Duration) -> Result<Self, WindowError> {
        let keys = StoreKeys::new(keys).ok_or(WindowError::NoKey)?;
        Ok(Self { file: WindowFile::open(path, keep_for)?, keys })
    }

    /// Passes the head of every frame to `each`. True if the whole file could be read.
    pub(super) fn heads(&self, each: &mut dyn FnMut(&FrameHead)) -> Result<bool, WindowError> {
        self.file.each(
            &mut |head| {
                each(head);
                false
            },
            &mut |_, _| {},
        )
    }

    /// Opens every frame of a look that `key` knows, and passes it to `each`. Returns how many did not open, and whether the whole
    /// file could be read.
    pub(super) fn open_each<'a>(
        &self,
        key: &dyn Fn(&FrameHead) -> Option<&'a LookKey>,
        each: &mut dyn FnMut(&FrameHead, FrameContent),
    ) -> Result<(u64, bool), WindowError> {
        let mut closed = 0;
        let is_whole = self.file.each(&mut |head| key(head).is_some(), &mut |head, sealed| match key(&head)
            .and_then(|key| self.content(&head, key, &sealed))
        {
            Some(content) => each(&head, content),
            None => closed += 1,
        })?;
        Ok((closed, is_whole))
    }

    fn content(&self, head: &FrameHead, key: &LookKey, sealed: &[u8]) -> Option<FrameContent> {
        let words = head.bytes();
        let purpose = Purpose::Window(&words);
        self.keys.numbers().find_map(|number| match head.kind {
            FrameKind::Request => {
                let id = self.keys.open(number, key, purpose, sealed).ok()?;
                Some(FrameContent::Request(std::str::from_utf8(&id).ok().filter(|id| !id.is_empty()).map(Into::into)))
            }
            FrameKind::Outcome => match StoredOutcome::open(&self.keys, number, key, purpose, sealed).ok()?.result {
                StoredResult::Answer(answer) => Some(FrameContent::Outcome(Ok(answer))),
                StoredResult::Failure(failure) => Some(FrameContent::Outcome(Err(failure))),
            },
        })
    }

    /// Keeps the frames that `keeps` selects, and starts the thread that writes.
    pub(super) fn into_writer(mut self, keeps: &mut dyn FnMut(&FrameHead) -> bool) -> Result<Window, WindowError> {
        self.file.tidy(keeps)?;
        let (jobs, queue) = sync_channel(MAX_QUEUED);
        let lost = Arc::<AtomicU64>::default();
        let writer = WriterThread { file: self.file, keys: self.keys, lost: Arc::clone(&lost), logged: None };
        std::thread::Builder::new()
            .name("cpis-window".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| WindowError::Thread(error.kind()))?;
        Ok(Window { jobs, lost })
    }
}

/// The content of an opened frame.
pub(super) enum FrameContent {
    Request(Option<Box<str>>),
    Outcome(table::Outcome),
}

impl Window {
    /// Writes that a request belongs to a look in flight.
    pub(super) fn write_request(&self, flight: &Arc<Flight>, id: Option<&str>) {
        self.send(WriteJob::Request { flight: Arc::clone(flight), id: id.map(Into::into) });
    }

    /// Writes the outcome of a look. It counts once the trail says so too.
    pub(super) fn write_outcome(&self, flight: &Arc<Flight>, outcome: Result<Answer, LookError>) -> PendingWrite {
        let (flight, outcome) = (Arc::clone(flight), outcome.map(Arc::new).map_err(Arc::new));
        let (done, written) = oneshot::channel();
        self.send(WriteJob::Outcome { flight, outcome, came: Instant::now(), done });
        PendingWrite(written)
    }

    /// Waits until everything that was sent is written, `limit` at most.
    pub(super) async fn flush(&self, limit: Duration) {
        let (done, written) = oneshot::channel();
        self.send(WriteJob::Flush(done));
        // If it fails, what is not written is lost. That causes no further query.
        let _ = tokio::time::timeout(limit, written).await;
    }

    fn send(&self, job: WriteJob) {
        match self.jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

struct WriterThread {
    file: WindowFile,
    keys: StoreKeys,
    /// Jobs that were lost since the last line in the log.
    lost: Arc<AtomicU64>,
    logged: Option<Instant>,
}

impl WriterThread {
    fn run(mut self, queue: &Receiver<WriteJob>) {
        loop {
            match queue.recv_timeout(EXPIRE_INTERVAL) {
                Ok(first) => self.write(first, queue),
                Err(RecvTimeoutError::Timeout) => {
                    let swept = self.file.expire();
                    self.note(swept, 0);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes `first` and the jobs that already wait behind it.
    fn write(&mut self, first: WriteJob, queue: &Receiver<WriteJob>) {
        let now = Stamp::now();
        let (mut frames, mut count, mut waiting) = (Vec::new(), 0, Vec::new());
        let mut next = Some(first);
        while let Some(job) = next {
            if self.frame(&job, now, &mut frames).is_some() {
                count += u64::from(!matches!(job, WriteJob::Flush(_)));
            } else {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            if let WriteJob::Outcome { done, .. } | WriteJob::Flush(done) = job {
                waiting.push(done);
            }
            next = if frames.len() < BATCH_BYTES { queue.try_recv().ok() } else { None };
        }
        if !frames.is_empty() {
            let written = self.file.append(&frames);
            self.note(written, count);
        }
        for done in waiting {
            // The receiver may have stopped waiting.
            let _ = done.send(());
        }
    }

    fn frame(&self, job: &WriteJob, now: Stamp, out: &mut Vec<u8>) -> Option<()> {
        let (kind, flight, at) = match job {
            WriteJob::Request { flight, .. } => (FrameKind::Request, flight, now),
            WriteJob::Outcome { flight, came, .. } => (FrameKind::Outcome, flight, now.minus(came.elapsed())),
            WriteJob::Flush(_) => return Some(()),
        };
        let head = FrameHead { kind, look: flight.look, at };
        let words = head.bytes();
        let purpose = Purpose::Window(&words);
        let sealed = match job {
            WriteJob::Outcome { outcome, .. } => {
                let result = match outcome {
                    Ok(answer) => StoredResult::Answer(Arc::clone(answer)),
                    Err(failure) => StoredResult::Failure(Arc::clone(failure)),
                };
                let came = RedisTime(at.wall.as_millisecond());
                StoredOutcome { came, origin: None, result }.seal(&self.keys, KeyNumber::FIRST, flight.key(), purpose)
            }
            WriteJob::Request { id, .. } => {
                let id = id.as_deref().unwrap_or_default().as_bytes().to_vec();
                self.keys.seal(KeyNumber::FIRST, flight.key(), purpose, id.into())
            }
            WriteJob::Flush(_) => return Some(()),
        };
        frame::write(&head, &sealed.ok()?, out)
    }

    fn note(&mut self, written: Result<(), WindowError>, count: u64) {
        let error = written.err();
        if error.is_some() {
            self.lost.fetch_add(count, Ordering::Relaxed);
        }
        let lost = self.lost.load(Ordering::Relaxed);
        if (error.is_none() && lost == 0) || self.logged.is_some_and(|logged| logged.elapsed() < LOG_INTERVAL) {
            return;
        }
        self.logged = Some(Instant::now());
        self.lost.fetch_sub(lost, Ordering::Relaxed);
        let error = error.map_or_else(|| "it is too slow".to_owned(), |error| error.to_string());
        tracing::warn!(error, lost, "the window's file cannot be written: answers do not outlive a restart");
    }
}
