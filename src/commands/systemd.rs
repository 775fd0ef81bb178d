//! What systemd is told of the service (`Type=notify-reload`). Nothing is said where systemd does not listen.

use sd_notify::NotifyState;

/// The service serves, also after a reload.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The service reads its certificates and keys again. [`ready`] is to follow.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The service finishes what is in flight.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(kind = %error.kind(), "systemd was not told");
    }
}
