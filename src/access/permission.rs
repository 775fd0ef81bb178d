//! What a person may do (wire.md 7.2): by job role, by RBAC activity, by organisation.

use super::Allow;
use super::Refusal;
use crate::cpis::Requester;

/// "View CP-IS Flag (without sending ASN)".
const SILENT_READ: &str = "B0170";

pub(super) fn may_look(allow: &Allow, requester: &Requester) -> Result<(), Refusal> {
    let by_activity = allow.activities.iter().any(|allowed| has_activity(requester, allowed));
    if !by_activity && !has_role(requester, &allow.roles) {
        return Err(Refusal::NotPermitted);
    }
    let code = requester.organisation.code_upper();
    if !allow.organisations.is_empty() && !allow.organisations.iter().any(|allowed| allowed.eq_ignore_ascii_case(&code)) {
        return Err(Refusal::OrganisationNotAllowed);
    }
    Ok(())
}

pub(super) fn may_read_silently(requester: &Requester) -> Result<(), Refusal> {
    if has_activity(requester, SILENT_READ) { Ok(()) } else { Err(Refusal::SilentReadNotPermitted) }
}

pub(super) fn may_search_trail(allow: &Allow, requester: &Requester) -> bool {
    has_role(requester, &allow.audit_roles)
}

fn has_activity(requester: &Requester, activity: &str) -> bool {
    requester.activities.iter().any(|held| held.as_str() == activity)
}

/// `S0010:G0020:R0050` matches itself and `R0050`.
fn has_role(requester: &Requester, roles: &[String]) -> bool {
    let held = requester.role.code.as_str();
    let last = held.rsplit(':').next().unwrap_or(held);
    !held.is_empty() && roles.iter().any(|role| role == held || role == last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::demo_requester;
    use crate::cpis::CareSetting;

    fn allow(roles: &[&str], activities: &[&str], organisations: &[&str]) -> Allow {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Allow {
            roles: owned(roles),
            activities: owned(activities),
            organisations: owned(organisations),
            audit_roles: owned(&["R0001"]),
        }
    }

    /// With the activity B0107.
    fn requester(role: &str) -> Requester {
        let mut requester = demo_requester("RX1", CareSetting::default());
        requester.role.code = role.into();
        requester
    }

    #[test]
    fn an_activity_or_a_role_is_enough() {
        assert_eq!(may_look(&allow(&[], &["B0107"], &[]), &requester("R0260")), Ok(()));
        assert_eq!(may_look(&allow(&["R0260"], &[], &[]), &requester("R0260")), Ok(()));
        assert_eq!(may_look(&allow(&["R0050"], &["B9999"], &[]), &requester("R0260")), Err(Refusal::NotPermitted));
        assert_eq!(may_look(&allow(&[""], &[], &[]), &requester("")), Err(Refusal::NotPermitted));
    }

    #[test]
    fn a_role_in_the_form_of_a_path_is_meant_by_its_last_part_too() {
        let path = requester("S0010:G0020:R0050");
        for role in ["R0050", "S0010:G0020:R0050"] {
            assert_eq!(may_look(&allow(&[role], &[], &[]), &path), Ok(()), "{role}");
        }
        for role in ["G0020", "S0010", "0050", "G0020:R0050"] {
            assert!(may_look(&allow(&[role], &[], &[]), &path).is_err(), "{role}");
        }
        assert!(may_look(&allow(&["S0010:G0020:R0050"], &[], &[]), &requester("R0050")).is_err());
    }

    #[test]
    fn an_organisation_is_allowed_in_any_letter_case() {
        assert_eq!(may_look(&allow(&[], &["B0107"], &["rx1"]), &requester("R0260")), Ok(()));
        let refused = may_look(&allow(&[], &["B0107"], &["RX2"]), &requester("R0260"));
        assert_eq!(refused, Err(Refusal::OrganisationNotAllowed));
    }

    #[test]
    fn looking_and_searching_the_trail_are_two_permissions() {
        let allow = allow(&["R0001"], &[], &[]);
        assert!(may_search_trail(&allow, &requester("R0001")));
        assert!(!may_search_trail(&allow, &requester("R0260")));
        assert_eq!(may_read_silently(&requester("R0260")), Err(Refusal::SilentReadNotPermitted));
    }
}
