//! The table that replicas share their looks in, and the file in which they outlive a restart.

use super::finding::Finding;
use crate::audit::condition;
use crate::lookup;
use crate::lookup::remote::{RemoteTable, Retention};
use crate::settings::Settings;
use tokio::runtime::Handle;

const STORE: &str = "lookup.store";
const WINDOW: &str = "lookup.window_file";
/// A first call also connects, and may miss its short limit once.
const TRIES: usize = 3;

pub async fn check(settings: &Settings) -> Finding {
    let lookup::Options { rules, store, .. } = &settings.lookup;
    let lookup::StoreLocation::Redis(url) = &store.location else {
        return Finding::skip(STORE, "in memory: right for one replica, and for no more than one");
    };
    let shown = url.shown();
    let retention = Retention::new(rules.sharing.share_for, rules.patience.caller, rules.patience.late);
    let table = match RemoteTable::new(url, store.ca.as_deref(), &store.keys, retention, Handle::current()) {
        Ok(table) => table,
        Err(error) => return Finding::fail(STORE, format!("{error}")),
    };
    let mut answer = table.ready().await;
    for _ in 1..TRIES {
        if answer.is_ok() {
            break;
        }
        answer = table.ready().await;
    }
    match answer {
        Ok(()) => Finding::ok(STORE, format!("{shown} answers")),
        Err(away) => Finding::fail(
            STORE,
            format!("{shown}: {away}; without it replicas do not share their looks, and a child is asked about once in each"),
        ),
    }
}

/// The service makes the file anew at each start, and goes on without it.
pub fn window(settings: &Settings) -> Finding {
    let Some(path) = &settings.lookup.window_file else {
        return Finding::skip(WINDOW, "none: nothing is kept beside the trail for the next start");
    };
    match condition::folder_takes_files(path) {
        Ok(()) => Finding::ok(WINDOW, format!("{} can be written", path.display())),
        Err(error) => Finding::warn(
            WINDOW,
            format!(
                "{}: no file can be written in its folder ({}); after a restart answers are not shown again, and a repeated request is refused instead",
                path.display(),
                error.kind()
            ),
        ),
    }
}
