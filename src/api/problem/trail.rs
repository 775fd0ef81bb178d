//! The errors of a search of the trail.

use super::{Problem, RETRY_AFTER, forbidden};
use crate::audit::QuestionError;
use crate::fhir::outcome::{HttpCode, IssueType, SpineCode};

impl Problem {
    /// A question that cannot be understood. Its values are not repeated.
    pub fn of_question(error: QuestionError) -> Self {
        Self::new("trail-question", 400, IssueType::Value, SpineCode::InvalidValue, HttpCode::BadRequest, error.to_string())
    }

    /// How much is asked for cannot be understood.
    pub fn trail_manner() -> Self {
        Self::new(
            "trail-question",
            400,
            IssueType::Value,
            SpineCode::InvalidValue,
            HttpCode::BadRequest,
            "limit is a number from 1 to 1000, before a sequence number, show-nhs-numbers true or false.",
        )
    }

    /// The caller may not search the trail, or is not known.
    pub fn trail_refused() -> Self {
        forbidden(
            "trail-refused",
            "The trail is searched here by those with a role of access.allow.audit_roles; where none is set, from this machine only \
             and without a proxy. This attempt is on the trail.",
        )
    }

    /// The search cannot be put on the trail, or the trail cannot be read: nothing is shown.
    pub fn trail_unavailable() -> Self {
        let mut problem = Self::new(
            "trail-unavailable",
            503,
            IssueType::Transient,
            SpineCode::ServiceUnavailable,
            HttpCode::Unavailable,
            "The trail cannot be written or read at the moment. Nothing is shown.",
        );
        problem.retry_after = Some(RETRY_AFTER);
        problem
    }
}
