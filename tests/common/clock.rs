//! The clock of a service under test, which a test sets and moves while the service runs and over its restarts.

use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

/// The wall clock of every service that is started with [`MovedClock::setting`].
pub struct MovedClock {
    folder: tempfile::TempDir,
    ahead_ms: AtomicI64,
}

impl MovedClock {
    /// As the machine's, until it is moved.
    pub fn new() -> Self {
        let clock = Self { folder: tempfile::tempdir().unwrap(), ahead_ms: AtomicI64::new(0) };
        clock.write(0);
        clock
    }

    /// A clock that shows `moment` now, such as `2026-11-29T23:59:50Z`, and goes on from there.
    pub fn at(moment: &str) -> Self {
        let clock = Self::new();
        clock.set(moment);
        clock
    }

    /// For `TestApp::with` and `Service::start`.
    pub fn setting(&self) -> (&'static str, String) {
        (cpis_fhir::clock::OFFSET_FILE, self.file().display().to_string())
    }

    /// It shows `moment` from now on.
    pub fn set(&self, moment: &str) {
        let moment: Timestamp = moment.parse().unwrap();
        self.write(moment.as_millisecond() - Timestamp::now().as_millisecond());
    }

    /// Moves it, back where `by` is negative.
    pub fn jump(&self, by: SignedDuration) {
        self.write(self.ahead_ms.load(Ordering::SeqCst) + i64::try_from(by.as_millis()).unwrap());
    }

    /// Written aside and renamed, so that the service never reads half of it.
    fn write(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::SeqCst);
        let aside = self.folder.path().join("aside");
        std::fs::write(&aside, ahead_ms.to_string()).unwrap();
        std::fs::rename(aside, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}
