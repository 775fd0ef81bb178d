//! Triggers a renewal when a file changes or SIGHUP arrives.
//!
//! Files are polled, without inotify: polling sees every kind of update in the same way, whether a secret's volume swaps a link, an
//! administrator moves a file into place or writes it in two steps, or the file is on a network file system.

use super::{Renewer, Trigger};
use crate::commands::systemd;
use crate::settings::FileVersion;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How often the files are polled. A change is read when nothing has changed for this long, so that a new certificate is not read
/// without its new key.
const EVERY: Duration = Duration::from_secs(1);

/// Watches until the task is aborted. SIGHUP is handled as soon as this returns.
pub fn watch(renewer: Renewer, files: Vec<FileVersion>, runtime: &tokio::runtime::Handle) -> JoinHandle<()> {
    let _guard = runtime.enter();
    let hangup = signal(SignalKind::hangup());
    if let Err(error) = &hangup {
        tracing::error!(%error, "SIGHUP cannot be handled: files are read again only when they change");
    }
    runtime.spawn(go(Arc::new(renewer), files, hangup.ok()))
}

async fn go(renewer: Arc<Renewer>, mut read: Vec<FileVersion>, mut hangup: Option<Signal>) {
    let mut seen = read.clone();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let trigger = tokio::select! {
            Some(()) = received(&mut hangup) => Trigger::Hangup,
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
        // Taken before reading, so that later changes are noticed.
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

async fn received(signal: &mut Option<Signal>) -> Option<()> {
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

/// Runs in a separate task, so that a panic fails only one renewal.
async fn renew(renewer: &Arc<Renewer>, trigger: Trigger) -> Option<Vec<FileVersion>> {
    let renewer = Arc::clone(renewer);
    tokio::spawn(async move { renewer.renew(trigger).await }).await.ok().flatten()
}
