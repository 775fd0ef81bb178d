//! Checks the table in which replicas share looks, and the file in which looks survive a restart.

use super::finding::Finding;
use crate::audit::health;
use crate::lookup;
use crate::lookup::remote::{RemoteTable, Retention};
use crate::settings::Settings;
use tokio::runtime::Handle;

const STORE: &str = "lookup.store";
const WINDOW: &str = "lookup.window_file";
/// The first call also connects, so it may exceed its short limit.
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

/// A fault is only a warning: the service creates the file at each start, and runs without it.
pub fn window(settings: &Settings) -> Finding {
    let Some(path) = &settings.lookup.window_file else {
        return Finding::skip(WINDOW, "none: looks do not survive a restart");
    };
    match health::folder_takes_files(path) {
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
