//! When to read again: a file changed, or somebody sent SIGHUP.
//!
//! Files are looked at, not listened to: what a secret's volume does on an update (a link that is swapped), what an administrator
//! does (a file moved into place, or written in two goes), and what a network file system does look the same that way.

use super::{Renewer, Trigger};
use crate::commands::systemd;
use crate::settings::FileVersion;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How often the files are looked at. A change is read when it has stood for this long, so that a certificate and its key are not
/// read when only one of them is there.
const EVERY: Duration = Duration::from_secs(1);

/// Watches until it is aborted. SIGHUP is heard from the moment in which this returns.
pub fn watch(renewer: Renewer, files: Vec<FileVersion>, runtime: &tokio::runtime::Handle) -> JoinHandle<()> {
    let _guard = runtime.enter();
    let hangup = signal(SignalKind::hangup());
    if let Err(error) = &hangup {
        tracing::error!(%error, "SIGHUP cannot be heard: files are read anew only when they change");
    }
    runtime.spawn(go(Arc::new(renewer), files, hangup.ok()))
}

async fn go(renewer: Arc<Renewer>, mut read: Vec<FileVersion>, mut hangup: Option<Signal>) {
    let mut seen = read.clone();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let trigger = tokio::select! {
            Some(()) = heard(&mut hangup) => Trigger::Hangup,
            _ = tick.tick() => {
                let now = versions(&read).await;
                let is_settled = now == seen;
                seen = now;
                if seen == read || !is_settled {
                    continue;
                }
                Trigger::FileChange
            }
        };
        // Taken before reading, so that what changes meanwhile is noticed.
        seen = versions(&read).await;
        if trigger == Trigger::Hangup {
            systemd::reloading();
        }
        read = renew(&renewer, trigger).await.unwrap_or_else(|| seen.clone());
        seen.clone_from(&read);
        if trigger == Trigger::Hangup {
            systemd::ready();
        }
    }
}

async fn heard(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

async fn versions(files: &[FileVersion]) -> Vec<FileVersion> {
    let files = files.to_vec();
    let reading = tokio::task::spawn_blocking(move || files.iter().map(FileVersion::now).collect::<Vec<_>>());
    reading.await.unwrap_or_default()
}

/// In a task of its own, so that a panic costs one renewal.
async fn renew(renewer: &Arc<Renewer>, trigger: Trigger) -> Option<Vec<FileVersion>> {
    let renewer = Arc::clone(renewer);
    tokio::spawn(async move { renewer.renew(trigger).await }).await.ok().flatten()
}
