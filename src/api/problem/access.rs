//! What a refused caller sees: 401 with a challenge, 403, 429, or 503 if it cannot be found out who asks (fhir.md 5).

use super::{Denial, Problem, RETRY_AFTER, forbidden};
use crate::access::{Refusal, RefusalKind};
use crate::fhir::outcome::{HttpCode, IssueType, SpineCode};
use std::time::Duration;

impl Problem {
    /// The problem for a refusal. `takes_bearer`: tokens are accepted, so a challenge asks for one.
    pub fn of_refusal(refusal: Refusal, takes_bearer: bool) -> Self {
        let name = refusal.name();
        let text = format!("{refusal} CP-IS was not asked.");
        let mut problem = match refusal.kind() {
            RefusalKind::Unauthenticated => unauthorized(name, IssueType::Login, text),
            RefusalKind::Expired => unauthorized(name, IssueType::Expired, text),
            RefusalKind::Forbidden => forbidden(name, text),
            RefusalKind::Unavailable => unavailable(name, text),
        };
        problem.issue.expression = expression(&refusal).map(str::to_owned);
        let is_challenge = problem.status == 401 || matches!(refusal, Refusal::OutOfScope(_));
        let challenge = is_challenge.then(|| challenge(&refusal, takes_bearer));
        problem.denial = Some(Box::new(Denial { refusal, challenge }));
        problem
    }

    /// A caller over the rate; `wait` until the next request is served.
    pub fn throttled(wait: Duration) -> Self {
        let mut problem = Self::new(
            "throttled",
            429,
            IssueType::Throttled,
            SpineCode::TooManyRequests,
            HttpCode::TooManyRequests,
            "More requests a second than one caller may make. CP-IS was not asked: wait as Retry-After says.",
        );
        problem.retry_after = Some(whole_seconds(wait));
        problem
    }

    /// A user who has looked at as many children as one may in a while; `wait` until another may be looked at.
    pub fn too_many_children(wait: Duration) -> Self {
        let mut problem = Self::new(
            "too-many-children",
            429,
            IssueType::Throttled,
            SpineCode::TooManyRequests,
            HttpCode::TooManyRequests,
            "This user has looked at as many different children as one may in a while, since each look notifies an authority. CP-IS was \
             not asked about this child: wait as Retry-After says, and look only at children who are being seen. Children looked at already \
             can be looked at again.",
        );
        problem.retry_after = Some(whole_seconds(wait));
        problem
    }
}

/// The names of all answers 401, 403 and 429: those of refusals by the access room, and the others.
pub fn names_of_refusals() -> impl Iterator<Item = &'static str> {
    let of_access = Refusal::EACH.iter().filter(|refusal| refusal.kind() != RefusalKind::Unavailable).map(Refusal::name);
    of_access.chain(["throttled", "too-many-children", "author-credentials", "trail-refused"])
}

/// At least one, and never less than `wait`.
fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(u32::from(wait.subsec_nanos() > 0)).max(1)
}

fn unauthorized(name: &'static str, issue: IssueType, text: String) -> Problem {
    Problem::new(name, 401, issue, SpineCode::AccessDenied, HttpCode::Unauthorized, text)
}

fn unavailable(name: &'static str, text: String) -> Problem {
    let mut problem = Problem::new(name, 503, IssueType::Transient, SpineCode::ServiceUnavailable, HttpCode::Unavailable, text);
    problem.retry_after = Some(RETRY_AFTER);
    problem
}

/// The header at fault, where it is one of a fixed name.
fn expression(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::CareSettingNotAllowed => Some("CPIS-Care-Setting"),
        Refusal::ScheduledCare | Refusal::SilentReadNotPermitted => Some("IsUnscheduledAccessEvent"),
        Refusal::NoToken | Refusal::SeveralTokens | Refusal::NotBearer => Some("Authorization"),
        _ => None,
    }
}

/// RFC 6750 section 3. The description is one of our own sentences, without a quotation mark in it.
fn challenge(refusal: &Refusal, takes_bearer: bool) -> String {
    if !takes_bearer {
        return "Gateway realm=\"cpis-fhir\"".to_owned();
    }
    match refusal.bearer_error() {
        None => "Bearer realm=\"cpis-fhir\"".to_owned(),
        Some(error) => format!("Bearer realm=\"cpis-fhir\", error=\"{error}\", error_description=\"{refusal}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_that_cp_is_was_not_asked_and_keeps_what_was_refused() {
        for refusal in Refusal::EACH {
            let problem = Problem::of_refusal(refusal.clone(), true);
            assert!(problem.issue.diagnostics.ends_with("CP-IS was not asked."), "{refusal}");
            assert_eq!(&problem.denial.unwrap().refusal, refusal);
            assert_eq!(problem.retry_after.is_some(), problem.status == 503, "{refusal}");
        }
    }

    #[test]
    fn a_401_and_a_lack_of_scope_come_with_a_challenge() {
        for refusal in Refusal::EACH {
            let problem = Problem::of_refusal(refusal.clone(), true);
            let challenged = problem.status == 401 || problem.name == "scope";
            let challenge = problem.denial.unwrap().challenge;
            assert_eq!(challenge.is_some(), challenged, "{refusal}");
            // The description must not end the quoted string early.
            if let Some(challenge) = challenge {
                assert!(challenge.is_ascii() && challenge.matches('"').count() % 2 == 0, "{challenge}");
                assert!(challenge.matches('"').count() <= 6, "{challenge}");
            }
        }
    }

    #[test]
    fn the_challenge_has_the_codes_of_rfc_6750() {
        let challenge = |refusal: Refusal| Problem::of_refusal(refusal, true).denial.unwrap().challenge.unwrap();
        assert_eq!(challenge(Refusal::NoToken), "Bearer realm=\"cpis-fhir\"");
        assert!(challenge(Refusal::TokenExpired).contains("error=\"invalid_token\""));
        assert!(challenge(Refusal::SeveralTokens).contains("error=\"invalid_request\""));
        assert!(challenge(Refusal::OutOfScope("Flag")).contains("error=\"insufficient_scope\""));
        let gateway = Problem::of_refusal(Refusal::NotAGateway, false).denial.unwrap().challenge.unwrap();
        assert_eq!(gateway, "Gateway realm=\"cpis-fhir\"");
    }

    #[test]
    fn a_throttled_caller_is_told_whole_seconds() {
        for (wait, seconds) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (5000, 5)] {
            assert_eq!(Problem::throttled(Duration::from_millis(wait)).retry_after, Some(seconds), "{wait}");
        }
    }
}
