//! Puts the looks from before a restart back into the table (decisions.md 42).

use super::{Completion, Flight, Outcome, RememberAs, Source, Stage, Table};
use crate::audit::Message;
use crate::lookup::{LookKey, Origin, weight};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

/// A look from before the restart that may have been delivered.
pub(in crate::lookup) struct RecalledLook {
    /// Its number on the trail.
    pub look: Uuid,
    pub key: LookKey,
    /// In lower case: of the request that started it, and of those that joined it.
    pub ids: Vec<Box<str>>,
    pub outcome: Outcome,
    pub came: Instant,
    /// Further requests share its answer.
    pub is_shared: bool,
    /// Its caller got no answer, so requests without an id get this look too (decisions.md 45).
    pub is_unsettled: bool,
    /// The ids of its query.
    pub message: Option<Message>,
}

impl Table {
    /// The id under which a request's look is found: its own, or one of the forms in which the trail may hold it.
    pub(in crate::lookup) fn known_as(&self, key: &LookKey, id: String, on_record: &[String]) -> String {
        if on_record.iter().all(|form| form.eq_ignore_ascii_case(&id)) {
            return id;
        }
        let state = self.lock();
        let Some(looks) = state.looks.get(key) else { return id };
        let mut forms = on_record.iter().map(|form| form.to_ascii_lowercase());
        let known =
            if looks.ids.contains_key(id.as_str()) { None } else { forms.find(|form| looks.ids.contains_key(form.as_str())) };
        known.unwrap_or(id)
    }

    /// Remembers `looks`, in the order in which they began, as if they had completed here. Returns how many did not fit.
    pub(in crate::lookup) fn restore(&self, looks: Vec<RecalledLook>) -> usize {
        let (bounds, mut state) = (self.0.bounds, self.lock());
        let mut left_out = looks.len().saturating_sub(bounds.looks.saturating_sub(state.completed.len()));
        let mut back: Vec<(Arc<Flight>, Completion, RememberAs)> = Vec::new();
        // If there is not room for all, the newest count most.
        for recalled in looks.into_iter().skip(left_out) {
            let (_, done) = watch::channel(());
            let first = recalled.ids.first().map(AsRef::as_ref);
            let flight = state.begin_as(recalled.look, &recalled.key, first, done, recalled.came);
            flight.mark_sent();
            flight.shown.store(!recalled.is_unsettled, Ordering::Relaxed);
            for id in &recalled.ids {
                if state.remember(Some(id), &flight, bounds).is_err() {
                    left_out += 1;
                }
            }
            let origin = Some(Arc::new(Origin { look: recalled.look, message: recalled.message }));
            let remember_as =
                RememberAs { shared: recalled.is_shared && recalled.outcome.is_ok(), unsettled: Some(recalled.is_unsettled) };
            let completion =
                Completion { outcome: recalled.outcome, came: recalled.came, pending_entry: None, source: Source::Here, origin };
            back.push((flight, completion, remember_as));
        }
        // The oldest are forgotten first.
        back.sort_by_key(|(_, completion, _)| completion.came);
        for (flight, completion, remember_as) in back {
            let bytes = completion.outcome.as_ref().ok().map(|answer| weight::weight(answer));
            *flight.stage() = Stage::Complete(completion);
            if let Some(order) = state.complete(&flight, Some(remember_as))
                && let Some(bytes) = bytes
            {
                state.hold(&flight, order, bytes);
            }
        }
        state.make_room_for_bytes(bounds.bytes);
        left_out
    }
}
