use crate::cpis::{CareSetting, NhsNumber, Question, Text, UserIdentity};

/// What makes two requests the same look (decisions.md 10): the child, the user, the role, the organisation and the care
/// setting. Never the author on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LookKey {
    nhs_number: NhsNumber,
    user: UserIdentity,
    role: Text,
    organisation: String,
    care_setting: CareSetting,
}

impl LookKey {
    pub fn of(question: &Question) -> Self {
        let requester = &question.requester;
        let role = match &requester.role_profile_id {
            Some(profile) => profile.as_str().into(),
            None => requester.role.code.clone(),
        };
        Self {
            nhs_number: question.nhs_number.clone(),
            user: requester.user.clone(),
            role,
            organisation: requester.organisation.code_upper(),
            care_setting: requester.care_setting,
        }
    }
}
