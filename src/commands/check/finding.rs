//! The result of one check.

/// The status of a finding. A worse status is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Not checked; the message says why.
    Skip,
    Ok,
    /// It works, but an operator should know of something.
    Warn,
    /// It does not work.
    Fail,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked: a key of the settings if there is one.
    pub check: String,
    pub status: Status,
    /// A description, with the action to take if one is needed. No secret.
    pub message: String,
    /// For a certificate: whole days left; negative once it has expired.
    pub days_left: Option<i64>,
}

impl Status {
    /// Its name in JSON.
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
