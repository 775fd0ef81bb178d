//! One thing that was looked at, and what was found.

/// How it is; the worse, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Not looked at, and why is said.
    Skip,
    Ok,
    /// It works, and somebody should know.
    Warn,
    /// It does not work.
    Fail,
}

/// What is said in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: a key of the settings where there is one.
    pub check: String,
    pub status: Status,
    /// In plain words, with what to do where something is to be done. No secret.
    pub message: String,
    /// Of a certificate, in whole days; negative once it has expired.
    pub days_left: Option<i64>,
}

impl Status {
    /// As it stands in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Finding {
    pub fn new(check: impl Into<String>, status: Status, message: impl Into<String>) -> Self {
        Self { check: check.into(), status, message: message.into(), days_left: None }
    }

    pub fn ok(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, message)
    }

    pub fn warn(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(check, Status::Warn, message)
    }

    pub fn fail(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(check, Status::Fail, message)
    }

    pub fn skip(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(check, Status::Skip, message)
    }
}
