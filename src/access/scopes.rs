//! SMART scopes, version 1 (`user/Flag.read`) and 2 (`user/Flag.rs`), as limits on resource types.
//!
//! A token without a SMART resource scope is not limited: its issuer does not use SMART to limit what a user may see. A token with
//! one is limited to the types in its scopes. A scope that cannot be honoured grants nothing: one narrowed by a query
//! (`user/Flag.rs?category=x`), a misspelt one, or one with letters of another version. `patient/`, `user/` and `system/` count the
//! same: only the issuer knows the patient with whom an app was launched, and this service does not know the issuer's patient ids.

/// The interaction with a resource type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interaction {
    /// `r`: one resource by its id, or a resource that is included.
    Read,
    /// `s`.
    Search,
}

/// What the scopes of a token allow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes {
    /// `None`: no limit.
    grants: Option<Vec<Grant>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    /// `None`: every type.
    resource: Option<String>,
    read: bool,
    search: bool,
}

impl Scopes {
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Reads the scopes of a token, one by one.
    pub fn read<'s>(scopes: impl Iterator<Item = &'s str>) -> Self {
        let mut grants: Option<Vec<Grant>> = None;
        for scope in scopes {
            if let Some(rest) = resource_scope(scope) {
                grants.get_or_insert_default().extend(grant(rest));
            }
        }
        Self { grants }
    }

    /// Whether `interaction` with the resource type named `resource` is within the scopes.
    #[must_use]
    pub fn allow(&self, resource: &str, interaction: Interaction) -> bool {
        let Some(grants) = &self.grants else { return true };
        grants.iter().any(|grant| {
            grant.resource.as_deref().is_none_or(|granted| granted == resource)
                && match interaction {
                    Interaction::Read => grant.read,
                    Interaction::Search => grant.search,
                }
        })
    }

    /// Approximate size of the grants in bytes.
    pub(super) fn size(&self) -> usize {
        let resource = |grant: &Grant| grant.resource.as_ref().map_or(0, String::len);
        self.grants.iter().flatten().map(|grant| size_of::<Grant>() + resource(grant)).sum()
    }

    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.grants.is_some()
    }
}

/// The text after the context, if this is a SMART resource scope, well-formed or not.
fn resource_scope(scope: &str) -> Option<&str> {
    ["patient/", "user/", "system/"].into_iter().find_map(|context| scope.strip_prefix(context))
}

/// What a scope such as `Flag.rs` or `*.read` grants, if anything.
fn grant(scope: &str) -> Option<Grant> {
    let (resource, permissions) = scope.split_once('.')?;
    let resource = match resource {
        "*" => None,
        name if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic()) => Some(name.to_owned()),
        _ => return None,
    };
    let (read, search) = match permissions {
        "read" | "*" => (true, true),
        "write" => (false, false),
        letters => of_letters(letters)?,
    };
    (read || search).then_some(Grant { resource, read, search })
}

/// Letters of `cruds`, each once and in this order, as SMART 2 requires.
fn of_letters(letters: &str) -> Option<(bool, bool)> {
    let mut allowed = "cruds".chars();
    let in_order = letters.chars().all(|letter| allowed.any(|next| next == letter));
    (in_order && !letters.is_empty()).then(|| (letters.contains('r'), letters.contains('s')))
}

#[cfg(test)]
mod tests {
    use super::Interaction::{Read, Search};
    use super::*;
    use proptest::prelude::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::read(text.split(' '))
    }

    #[test]
    fn a_token_without_smart_scopes_is_not_limited() {
        for text in ["", "openid profile fhirUser launch", "https://example/user/Flag.rs", "offline_access"] {
            assert!(!scopes(text).is_limited(), "{text}");
            assert!(scopes(text).allow("Flag", Search));
        }
    }

    #[test]
    fn letters_of_version_2_say_what_is_allowed() {
        let both = scopes("openid user/Flag.rs");
        assert!(both.allow("Flag", Read) && both.allow("Flag", Search));
        assert!(!both.allow("CareTeam", Read) && !both.allow("FlagX", Search) && !both.allow("flag", Search));
        let search = scopes("user/Flag.s");
        assert!(!search.allow("Flag", Read) && search.allow("Flag", Search));
        let all = scopes("system/*.cruds");
        assert!(all.allow("AuditEvent", Read) && all.allow("Patient", Search));
    }

    #[test]
    fn words_of_version_1_say_what_is_allowed() {
        for text in ["patient/Flag.read", "user/Flag.*", "user/*.read", "system/*.*"] {
            assert!(scopes(text).allow("Flag", Read) && scopes(text).allow("Flag", Search), "{text}");
        }
        let write = scopes("user/Flag.write");
        assert!(write.is_limited() && !write.allow("Flag", Read) && !write.allow("Flag", Search));
    }

    #[test]
    fn scopes_add_up() {
        let two = scopes("user/Flag.s user/Patient.r");
        assert!(two.allow("Flag", Search) && two.allow("Patient", Read) && !two.allow("Patient", Search));
    }

    #[test]
    fn what_cannot_be_honoured_limits_and_grants_nothing() {
        for text in [
            "user/Flag.rs?category=safety",
            "user/Flag.sr",
            "user/Flag.rr",
            "user/Flag.",
            "user/Flag",
            "user/.rs",
            "user/",
            "user/Flag.Read",
            "user/Fl*g.rs",
            "user/**.rs",
            "user/Flag.rs.rs",
        ] {
            assert!(scopes(text).is_limited(), "{text}");
            assert!(!scopes(text).allow("Flag", Read) && !scopes(text).allow("Flag", Search), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic_or_lifts_a_limit(text in ".{0,80}", more in "[a-zA-Z/.*? ]{0,60}") {
            let limited = scopes(&format!("user/Nothing.r {text} {more}"));
            prop_assert!(limited.is_limited());
        }

        #[test]
        fn a_scope_grants_its_own_type_and_what_its_letters_say(
            context in "patient|user|system", name in "[A-Z][a-zA-Z]{2,12}", other in "[A-Z][a-zA-Z]{2,12}", c in any::<bool>(),
            r in any::<bool>(), u in any::<bool>(), d in any::<bool>(), s in any::<bool>(),
        ) {
            let letters: String = [(c, 'c'), (r, 'r'), (u, 'u'), (d, 'd'), (s, 's')]
                .into_iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect();
            let read = scopes(&format!("{context}/{name}.{letters}"));
            prop_assert_eq!(read.allow(&name, Read), r);
            prop_assert_eq!(read.allow(&name, Search), s);
            prop_assert!(name == other || !read.allow(&other, Read) && !read.allow(&other, Search));
        }
    }
}
