//! A restart remembers (decisions.md 42): the looks of before it are read back, before anybody is answered.
//!
//! The trail says which looks there were, whose they are and how they ended ([`trail`]); the window's file holds what was
//! answered. An answer counts only where the trail says that its look was answered. A look whose end is missing or unknown, that failed after
//! it may have been heard, or whose answer is lost stays the look of its requests: they are told so, and nothing is asked.
//!
//! **How old something is** goes by the clock that nobody sets where the machine has not been started anew since, and by the wall clock. An answer
//! is shared by the older age of the two, and not at all where it comes from the future; a look is remembered by the younger one.

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

/// Where the looks of before the restart are read from.
pub struct RecallSource {
    pub reader: Arc<dyn Reader>,
    pub chain: Arc<Chain>,
    pub seal: Arc<Seal>,
    /// `lookup.window_file` and its keys; `None`: answers do not outlive a restart.
    pub window: Option<(PathBuf, Vec<KeyMaterial>)>,
}

/// How long what counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecallLimits {
    pub share_for: Duration,
    pub remember_for: Duration,
    /// The longest that a look may be on its way.
    pub longest: Duration,
}

impl RecallLimits {
    pub(super) fn new(sharing: Sharing, remember_for: Duration, patience: Patience) -> Self {
        // A first attempt that never connected may take up to the caller's time, the second one both.
        let longest = patience.caller + patience.caller + patience.late;
        Self { share_for: sharing.share_for, remember_for, longest }
    }

    /// Nothing that is older counts.
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

/// Reads the past into `table`, and gives the window's file to be written to.
///
/// # Errors
/// The trail cannot be reached just now. `earlier` is as it was; nothing may be asked before this has been done.
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
        // Who asks must not stand still for ever for a page that cannot be read.
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
    tracing::info!(looks = remembered, answers, lines = looks.lines, took = ?began.elapsed(), "looks of before the restart are remembered");
    let window = earlier.and_then(|earlier| {
        let mut keeps = |head: &FrameHead| kept.contains(&head.look) || is_kept(head, now, limits);
        earlier.into_writer(&mut keeps).inspect_err(|error| log_without_window(*error)).ok()
    });
    Ok(window)
}

/// The store may be back without anybody's doing.
fn is_temporary(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::Gone | StoreErrorKind::Slow | StoreErrorKind::Locked)
}

fn before(moment: jiff::Timestamp, age: Duration) -> jiff::Timestamp {
    let age = jiff::SignedDuration::try_from(age).unwrap_or(jiff::SignedDuration::MAX);
    moment.checked_sub(age).unwrap_or(jiff::Timestamp::MIN)
}

/// What the wall clock said when each look of the file that may still count was written, so that the trail is read from there on although
/// the clock was set forward since.
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
        Ok(false) => tracing::warn!("the window's file is damaged: what stands behind the damage is not read"),
        Err(error) => tracing::warn!(%error, "the window's file cannot be read: answers of before the restart are lost"),
    }
}

/// Whether a frame of an unknown look, maybe another service's, is left in the file.
fn is_kept(head: &FrameHead, now: Stamp, limits: RecallLimits) -> bool {
    let age = head.at.true_age(now).or_else(|| wall_age(now.wall, head.at.wall));
    age.is_some_and(|age| age <= limits.window())
}

/// What the file says of one look.
#[derive(Default)]
struct FileRecord {
    ids: Vec<Box<str>>,
    /// When it was on its way, at the earliest.
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
                tracing::warn!(closed, "the window's file holds what does not open: another key, another version, or changed");
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
    /// By the clock that nobody sets, or else by the wall clock: it is remembered by this.
    remembered: Duration,
    /// The older one of both clocks: it is shared by this. `None` where it comes from the future, so that nobody knows.
    shared: Option<Duration>,
}

impl Ages {
    /// `written`: the stamp of its outcome, where the file has that. `began`: its beginning, at the earliest.
    fn of(
        look: &TrailLook,
        look_end: LookEnd,
        written: Option<Stamp>,
        began: Option<Stamp>,
        now: Stamp,
        limits: RecallLimits,
    ) -> Self {
        // What is only known to have begun may have ended this much later.
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

/// `None` where it has certainly not been heard, or is over.
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
