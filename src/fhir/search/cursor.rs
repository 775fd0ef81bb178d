//! The token of a `next` link: everything that the next page needs but the shared look itself (decisions.md 24). It is sealed,
//! so that nobody can make one or read one, and holds no state of the server's.

use super::pairs::{self, Pair};
use super::registry::Searchable;
use super::{Handling, Search, SearchError};
use crate::cpis::NhsNumber;
use crate::fhir::graph::ResourceType;
use crate::fhir::id::{IdKeys, Part};

/// Bytes before the query: form, type, NHS number, offset.
const HEAD: usize = 1 + 1 + 5 + 4;
const FORM: u8 = 1;

/// Where a page begins, of which search, about whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor {
    pub nhs_number: NhsNumber,
    pub resource: ResourceType,
    /// The parameters of the search, form-urlencoded, without the child.
    pub query: String,
    pub offset: usize,
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cursor({}, ..)", self.resource.name())
    }
}

impl Cursor {
    /// The page of `search` that begins at `offset` ([`super::Selection::next_offset`]).
    #[must_use]
    pub fn of(search: &Search, offset: usize) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(search.used());
        Self { nhs_number: search.child.nhs_number.clone(), resource: search.resource, query: query.finish(), offset }
    }

    /// The token: URL-safe, of the letters `A-Za-z0-9-.`.
    #[must_use]
    pub fn seal(&self, ids: &IdKeys) -> String {
        let mut plain = Vec::with_capacity(HEAD + self.query.len());
        plain.extend_from_slice(&[FORM, self.resource.id_byte()]);
        plain.extend_from_slice(&self.nhs_number.to_u64().to_be_bytes()[3..]);
        plain.extend_from_slice(&u32::try_from(self.offset).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(self.query.as_bytes());
        ids.seal_text(plain)
    }

    /// What a token says; `None` where it is not ours.
    #[must_use]
    pub fn open(token: &str, ids: &IdKeys) -> Option<Self> {
        let plain = ids.open_text(token)?;
        let (head, query) = plain.split_at_checked(HEAD)?;
        let (&[FORM, kind, ref number @ .., _, _, _, _], Some(offset)) = (head, head.last_chunk::<4>()) else { return None };
        let number = number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Some(Self {
            nhs_number: NhsNumber::from_u64(number).ok()?,
            resource: ResourceType::from_id_byte(kind)?,
            query: std::str::from_utf8(query).ok()?.to_owned(),
            offset: usize::try_from(u32::from_be_bytes(*offset)).ok()?,
        })
    }

    /// The search again, at this page.
    ///
    /// # Errors
    /// [`SearchError`] where this version no longer understands what an older one wrote.
    pub fn search(&self, ids: &IdKeys) -> Result<Search, SearchError> {
        let view = Searchable::of(self.resource).ok_or(SearchError::Undecodable { reason: "there is no such search" })?;
        let patient = ids.seal(ResourceType::Patient, &self.nhs_number, &Part::EMPTY);
        let mut pairs = vec![Pair { name: "patient".to_owned(), value: patient }];
        pairs::decode(self.query.as_bytes(), &mut pairs)?;
        let mut search = Search::parse(view, &pairs, Handling::Strict, ids)?;
        search.page.offset = self.offset;
        Ok(search)
    }
}

#[cfg(test)]
#[path = "tests/cursor.rs"]
mod tests;
