//! The parts of an identity, each named once.

use std::ops::{Index, IndexMut};

macro_rules! parts {
    ($($part:ident $name:literal $label:literal;)*) => {
        /// A part of an identity: one fact about the person in a token or a gateway's headers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum IdentityPart {
            $($part,)*
        }

        impl IdentityPart {
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$part),*];

            /// Its name in the settings.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$part => $name,)*
                }
            }

            /// Its name in a refusal.
            pub(super) const fn label(self) -> &'static str {
                match self {
                    $(Self::$part => $label,)*
                }
            }
        }
    };
}

parts! {
    UserId "user_id" "user id";
    SdsUserId "sds_user_id" "SDS user id";
    RoleProfileId "role_profile_id" "role profile id";
    RoleCode "role_code" "job role code";
    RoleName "role_name" "job role name";
    Activities "activities" "activities";
    Prefix "prefix" "name";
    Given "given" "name";
    Family "family" "name";
    OrganisationOds "organisation_ods" "organisation code";
    OrganisationName "organisation_name" "organisation name";
    CareSetting "care_setting" "care setting";
}

/// A `T` for each part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByPart<T>([T; IdentityPart::ALL.len()]);

impl<T> ByPart<T> {
    pub fn from_fn(of: impl FnMut(IdentityPart) -> T) -> Self {
        Self(IdentityPart::ALL.map(of))
    }
}

impl<T> ByPart<Option<T>> {
    /// Whether a person with these parts can be the author of a query (decisions.md 20).
    #[must_use]
    pub fn can_be_author(&self) -> bool {
        use IdentityPart::{Family, RoleCode, RoleName, SdsUserId};
        [SdsUserId, RoleCode, RoleName, Family].into_iter().all(|part| self[part].is_some())
    }
}

impl<T> Index<IdentityPart> for ByPart<T> {
    type Output = T;

    fn index(&self, part: IdentityPart) -> &T {
        &self.0[part as usize]
    }
}

impl<T> IndexMut<IdentityPart> for ByPart<T> {
    fn index_mut(&mut self, part: IdentityPart) -> &mut T {
        &mut self.0[part as usize]
    }
}
