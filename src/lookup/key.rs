use crate::cpis::{CareSetting, NhsNumber, Question, Text, UserIdentity};
use zeroize::Zeroizing;

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

    /// Made of its parts, as the trail holds them.
    pub(super) fn from_parts(
        nhs_number: NhsNumber,
        issuer: Text,
        user_id: Text,
        role: Text,
        organisation: &str,
        care_setting: CareSetting,
    ) -> Self {
        let user = UserIdentity { issuer, id: user_id };
        Self { nhs_number, user, role, organisation: organisation.trim().to_ascii_uppercase(), care_setting }
    }

    /// The child.
    pub fn nhs_number(&self) -> &NhsNumber {
        &self.nhs_number
    }

    /// Who asks.
    pub fn user(&self) -> &UserIdentity {
        &self.user
    }

    /// Bytes of its parts.
    pub(super) fn weight(&self) -> usize {
        self.user.issuer.as_str().len() + self.user.id.as_str().len() + self.role.as_str().len() + self.organisation.len()
    }

    /// Every part, each after its length: equal only for equal looks. Only for a keyed hash or as associated data; never store or
    /// log it.
    pub(super) fn canonical(&self) -> Zeroizing<Vec<u8>> {
        let parts = [
            self.nhs_number.digits(),
            self.user.issuer.as_str(),
            self.user.id.as_str(),
            self.role.as_str(),
            &self.organisation,
            self.care_setting.code(),
        ];
        let mut bytes = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum()));
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}
