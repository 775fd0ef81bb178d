//! Reads back the looks from before a restart, before any request is answered (decisions.md 42).
//!
//! The trail says which looks there were, whose they are and how they ended ([`trail`]); the window's file holds the answers. An
//! answer counts only if the trail says that its look was answered. A look remains the look of its requests even if its end is
//! missing or unknown, if it failed after it may have been delivered, or if its answer is lost: the requests get an error, and
//! nothing is asked.
//!
//! **Ages** come from two clocks: the time since boot, which nobody sets, if the machine has not booted since; and the wall clock.
//! The older age decides whether an answer is shared, and an answer from the future is not shared at all. The younger age decides
//! how long a look is remembered.

mod query_end;
mod trail;

use super::table::{RecalledLook, Table};
use super::window::{EarlierWindow, FrameContent, FrameHead, FrameKind, Stamp, Window, WindowError, wall_age};
use super::{LookError, Patience, Sharing};
use crate::audit::{Chain, Reader, Seal, StoreError, StoreErrorKind};
use crate::secret::KeyMaterial;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use trail::{LookEnd, TrailLook, TrailLooks};
use uuid::Uuid;

/// Where the looks from before the restart are read from.
pub struct RecallSource {
    pub reader: Arc<dyn Reader>,
    pub chain: Arc<Chain>,
    pub seal: Arc<Seal>,
    /// `lookup.window_file` and its keys; `None`: answers do not outlive a restart.
    pub window: Option<(PathBuf, Vec<KeyMaterial>)>,
}

/// How long looks and answers count.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecallLimits {
    pub share_for: Duration,
    pub remember_for: Duration,
    /// The longest time for which a look may be in flight.
    pub longest: Duration,
}

impl RecallLimits {
    pub(super) fn new(sharing: Sharing, remember_for: Duration, patience: Patience) -> Self {
        // A first attempt that never connects may take the caller's time, the second one the caller's time and the late time.
        let longest = patience.caller + patience.caller + patience.late;
        Self { share_for: sharing.share_for, remember_for, longest }
    }

    /// The age beyond which nothing counts.
    fn window(self) -> Duration {
        self.remember_for + self.longest
    }
}

/// Opens the window's file. The service goes on without it.
pub(super) fn open_window(source: &RecallSource, limits: RecallLimits) -> Option<EarlierWindow> {
    let (path, keys) = source.window.as_ref()?;
    let opened = EarlierWindow::open(path, keys, limits.window());
    opened.inspect_err(|error| log_without_window(*error)).ok()
}

fn log_without_window(error: WindowError) {
    tracing::error!(%error, "lookup.window_file is not used: answers do not outlive the next restart");
}

/// Reads the looks into `table`, and returns the window's file, ready to be written to.
///
/// # Errors
/// The trail cannot be reached just now. `earlier` is unchanged; nothing may be asked before this has succeeded.
pub(super) async fn recall(
    source: &RecallSource,
    earlier: &mut Option<EarlierWindow>,
    limits: RecallLimits,
    table: &Table,
) -> Result<Option<Window>, StoreError> {
    let began = Instant::now();
    let now = Stamp::now();
    let mut stamps = HashMap::new();
    if let Some(earlier) = &*earlier {
        stamps = heads(earlier, now, limits);
    }
    let from = stamps.values().copied().min().map_or(now.wall, |oldest| oldest.min(now.wall));
    let read = trail::read(source, before(from, limits.window())).await;
    let looks = match read {
        Err(error) if is_temporary(error.kind) => return Err(error),
        // A page that can never be read must not stop the service for ever.
        Err(error) => {
            tracing::error!(%error, "the trail's last looks cannot be read: what was asked before the restart is not remembered");
            TrailLooks::default()
        }
        Ok(looks) => looks,
    };
    let earlier = earlier.take();
    let (past_looks, answers) = merge(&looks, earlier.as_ref(), now, limits);
    let kept: std::collections::HashSet<Uuid> = past_looks.iter().map(|past| past.look).collect();
    let remembered = past_looks.len();
    let left_out = table.restore(past_looks);
    if left_out > 0 || looks.is_incomplete {
        tracing::warn!(left_out, "there were more looks before the restart than are kept: the oldest are not remembered");
    }
    tracing::info!(looks = remembered, answers, lines = looks.lines, took = ?began.elapsed(), "looks from before the restart are remembered");
    let window = earlier.and_then(|earlier| {
        let mut keeps = |head: &FrameHead| kept.contains(&head.look) || is_kept(head, now, limits);
        earlier.into_writer(&mut keeps).inspect_err(|error| log_without_window(*error)).ok()
    });
    Ok(window)
}

/// Whether the store may recover by itself.
fn is_temporary(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::Gone | StoreErrorKind::Slow | StoreErrorKind::Locked)
}

fn before(moment: jiff::Timestamp, age: Duration) -> jiff::Timestamp {
    let age = jiff::SignedDuration::try_from(age).unwrap_or(jiff::SignedDuration::MAX);
    moment.checked_sub(age).unwrap_or(jiff::Timestamp::MIN)
}

/// For each look of the file that may still count, the wall clock when it was written. The trail is read from there on, even if the
/// clock was set forward since.
fn heads(earlier: &EarlierWindow, now: Stamp, limits: RecallLimits) -> HashMap<Uuid, jiff::Timestamp> {
    let mut walls = HashMap::new();
    let heads = earlier.heads(&mut |head| {
        if head.at.true_age(now).is_some_and(|age| age <= limits.window()) {
            walls.entry(head.look).or_insert(head.at.wall);
        }
    });
    log_damage(heads);
    walls
}

fn log_damage(is_whole: Result<bool, WindowError>) {
    match is_whole {
        Ok(true) => {}
        Ok(false) => tracing::warn!("the window's file is damaged: what follows the damage is not read"),
        Err(error) => tracing::warn!(%error, "the window's file cannot be read: answers from before the restart are lost"),
    }
}

/// Whether a frame of an unknown look, perhaps another service's, stays in the file.
fn is_kept(head: &FrameHead, now: Stamp, limits: RecallLimits) -> bool {
    let age = head.at.true_age(now).or_else(|| wall_age(now.wall, head.at.wall));
    age.is_some_and(|age| age <= limits.window())
}

/// What the file says of one look.
#[derive(Default)]
struct FileRecord {
    ids: Vec<Box<str>>,
    /// The earliest time at which it was known to be in flight.
    began: Option<Stamp>,
    outcome: Option<(Stamp, super::table::Outcome)>,
}

/// The looks to remember, in the order in which they began, and how many of them have an answer.
fn merge(looks: &TrailLooks, earlier: Option<&EarlierWindow>, now: Stamp, limits: RecallLimits) -> (Vec<RecalledLook>, usize) {
    let mut file_record: HashMap<Uuid, FileRecord> = HashMap::new();
    if let Some(earlier) = earlier {
        let key = |head: &FrameHead| looks.by_look.get(&head.look).map(|look| &look.key);
        let closed = earlier.open_each(&key, &mut |head, content| {
            let of = file_record.entry(head.look).or_default();
            match (head.kind, content) {
                (FrameKind::Request, FrameContent::Request(id)) => {
                    of.began.get_or_insert(head.at);
                    of.ids.extend(id);
                }
                (FrameKind::Outcome, FrameContent::Outcome(outcome)) => of.outcome = Some((head.at, outcome)),
                _ => {}
            }
        });
        match closed {
            Ok((0, true)) => {}
            Ok((0, false)) => log_damage(Ok(false)),
            Ok((closed, _)) => {
                tracing::warn!(
                    closed,
                    "the window's file holds frames that do not open: another key, another version, or changed bytes"
                );
            }
            Err(error) => log_damage(Err(error)),
        }
    }
    let mut ordered: Vec<(&Uuid, &TrailLook)> = looks.by_look.iter().collect();
    ordered.sort_by_key(|(_, look)| look.first_seq);
    let past: Vec<RecalledLook> =
        ordered.into_iter().filter_map(|(id, look)| recalled_look(*id, look, file_record.remove(id), now, limits)).collect();
    let answers = past.iter().filter(|past| past.outcome.is_ok()).count();
    (past, answers)
}

/// How long ago a look ended.
struct Ages {
    /// By the time since boot, or else by the wall clock. Decides how long it is remembered.
    remembered: Duration,
    /// The older of both ages. Decides how long it is shared. `None` if it comes from the future, so that its age is not known.
    shared: Option<Duration>,
}

impl Ages {
    /// `written`: the stamp of its outcome, if the file has one. `began`: its beginning, at the earliest.
    fn of(
        look: &TrailLook,
        look_end: LookEnd,
        written: Option<Stamp>,
        began: Option<Stamp>,
        now: Stamp,
        limits: RecallLimits,
    ) -> Self {
        // If only its beginning is known, it may have ended this much later.
        let ended = |begun: Duration| begun.saturating_sub(limits.longest);
        let by_the_machine = match written {
            Some(written) => written.true_age(now),
            None => began.and_then(|began| began.true_age(now)).map(ended),
        };
        let by_the_wall = wall_age(now.wall, look.at).map(|age| if look_end == LookEnd::Open { ended(age) } else { age });
        Self {
            remembered: by_the_machine.or(by_the_wall).unwrap_or(Duration::ZERO),
            shared: by_the_wall.map_or(by_the_machine, |wall| Some(by_the_machine.map_or(wall, |age| age.max(wall)))),
        }
    }
}

/// `None` if it was certainly not delivered, or is too old.
fn recalled_look(
    id: Uuid,
    look: &TrailLook,
    file_record: Option<FileRecord>,
    now: Stamp,
    limits: RecallLimits,
) -> Option<RecalledLook> {
    let look_end = look.look_end()?;
    let FileRecord { ids: joined, began, outcome } = file_record.unwrap_or_default();
    let mut ids = look.ids.clone();
    ids.extend(joined.into_iter().map(|id| id.to_ascii_lowercase().into()).filter(|id| !look.ids.contains(id)));
    let outcome = outcome.filter(|(_, outcome)| outcome.is_ok() == (look_end == LookEnd::Answered));
    let ages = Ages::of(look, look_end, outcome.as_ref().map(|(written, _)| *written), began, now, limits);
    if ages.remembered > limits.remember_for {
        return None;
    }
    let not_held = || Err(Arc::new(LookError::BeforeRestart));
    let outcome = match (look_end, outcome, ages.shared) {
        (LookEnd::Answered, Some((_, answer)), Some(_)) => answer,
        (LookEnd::Answered, ..) => not_held(),
        (_, Some((_, failure)), _) => failure,
        (_, None, _) => Err(Arc::new(look.failure())),
    };
    let shared = ages.shared.filter(|age| outcome.is_ok() && *age < limits.share_for);
    let came = Instant::now().checked_sub(shared.unwrap_or(ages.remembered))?;
    Some(RecalledLook {
        look: id,
        key: look.key.clone(),
        ids,
        outcome,
        came,
        is_shared: shared.is_some(),
        is_unsettled: !look.was_shown,
        message: look.message.clone(),
    })
}

#[cfg(test)]
mod tests;
