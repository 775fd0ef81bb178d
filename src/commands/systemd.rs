//! Notifies systemd of the service's state (`Type=notify-reload`). Does nothing without systemd.

use sd_notify::NotifyState;

/// The service is ready, at the start or after a reload.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The service reads its certificates and keys again. [`ready`] must follow.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// The service finishes work in flight.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(kind = %error.kind(), "systemd could not be notified");
    }
}
