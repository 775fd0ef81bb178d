//! The token of a `next` link: everything that the next page needs, except the shared look itself (decisions.md 24). It is sealed, so
//! nobody else can make or read one, and the server keeps no state for it.
//!
//! A page belongs to one look and one day (decisions.md 43), because the order of the matches depends on both. So the token names the look,
//! and the day that ordered the first page and set its statuses.

use super::pairs::{self, Pair};
use super::registry::{ParameterKind, Searchable};
use super::{Handling, Search, SearchError};
use crate::cpis::{Answer, NhsNumber};
use crate::fhir::graph::ResourceType;
use crate::fhir::id::{AnswerPart, IdKeys};
use aws_lc_rs::digest::{SHA256, digest};
use jiff::civil::Date;

/// Bytes before the query: form, type, NHS number, offset, day, look.
const HEAD: usize = 1 + 1 + 5 + 4 + 4 + LookFingerprint::LENGTH;
/// Form 1 had neither look nor day.
const FORM: u8 = 2;

/// By which a page recognises its look.
///
/// It is a hash of the id of our query. Each query has a new id, and the answer keeps it, in other replicas and after a restart. The look's
/// number in the table of this process would not survive that, and the SMSP might repeat the id of a response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LookFingerprint([u8; Self::LENGTH]);

impl LookFingerprint {
    const LENGTH: usize = 16;

    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        let hash = digest(&SHA256, answer.query_id.as_str().to_ascii_uppercase().as_bytes());
        let mut mark = [0; Self::LENGTH];
        mark.iter_mut().zip(hash.as_ref()).for_each(|(byte, hashed)| *byte = *hashed);
        Self(mark)
    }
}

/// Where a page begins, with its search, child, look and day.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor {
    pub nhs_number: NhsNumber,
    pub resource: ResourceType,
    /// The parameters of the search, form-urlencoded, without the child and without the form of the answer, which the link has.
    pub query: String,
    pub offset: usize,
    pub look: LookFingerprint,
    pub day: Date,
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cursor({}, ..)", self.resource.name())
    }
}

impl Cursor {
    /// The page of `search` over `answer` that begins at `offset` ([`super::Selection::next_offset`]), as of `day`.
    #[must_use]
    pub fn of(search: &Search, offset: usize, answer: &Answer, day: Date) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(search.used().filter(|(name, _)| !is_presentation(search.view, name)));
        Self {
            nhs_number: search.nhs_number.clone(),
            resource: search.resource,
            query: query.finish(),
            offset,
            look: LookFingerprint::of(answer),
            day,
        }
    }

    /// The path of the page under the base: the token, and the form of the answer if the caller asked for it by a parameter. A caller that
    /// used `Accept` sends it again.
    #[must_use]
    pub fn link(&self, search: &Search, ids: &IdKeys) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(search.used().filter(|(name, _)| is_presentation(search.view, name)));
        let form = form.finish();
        let mark = if form.is_empty() { "" } else { "?" };
        format!("_page/{}{mark}{form}", self.seal(ids))
    }

    /// The token: URL-safe, of the letters `A-Za-z0-9-.`.
    #[must_use]
    pub fn seal(&self, ids: &IdKeys) -> String {
        let mut plain = Vec::with_capacity(HEAD + self.query.len());
        plain.extend_from_slice(&[FORM, self.resource.id_byte()]);
        plain.extend_from_slice(&self.nhs_number.to_u64().to_be_bytes()[3..]);
        plain.extend_from_slice(&u32::try_from(self.offset).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(&self.day.year().to_be_bytes());
        plain.extend_from_slice(&[self.day.month().unsigned_abs(), self.day.day().unsigned_abs()]);
        plain.extend_from_slice(&self.look.0);
        plain.extend_from_slice(self.query.as_bytes());
        ids.seal_text(plain)
    }

    /// What a token holds; `None` if it is not ours.
    #[must_use]
    pub fn open(token: &str, ids: &IdKeys) -> Option<Self> {
        let plain = ids.open_text(token)?;
        let (head, query) = plain.split_at_checked(HEAD)?;
        let (&[FORM, kind], head) = head.split_first_chunk()? else { return None };
        let (number, head) = head.split_first_chunk::<5>()?;
        let (offset, head) = head.split_first_chunk::<4>()?;
        let (&[century, year, month, day], look) = head.split_first_chunk()?;
        let number = number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Some(Self {
            nhs_number: NhsNumber::from_u64(number).ok()?,
            resource: ResourceType::from_id_byte(kind)?,
            query: std::str::from_utf8(query).ok()?.to_owned(),
            offset: usize::try_from(u32::from_be_bytes(*offset)).ok()?,
            look: LookFingerprint(look.try_into().ok()?),
            day: Date::new(i16::from_be_bytes([century, year]), month, day).ok()?,
        })
    }

    /// The search again, at this page. `form`: the parameters of the page's own URL, which may only choose the form of the answer.
    ///
    /// # Errors
    /// [`SearchError`] for any other parameter in `form`, or if this version no longer understands what an older one wrote.
    pub fn search(&self, form: &[Pair], ids: &IdKeys) -> Result<Search, SearchError> {
        let view = Searchable::of(self.resource).ok_or(SearchError::Undecodable { reason: "there is no such search" })?;
        let patient = ids.seal(ResourceType::Patient, &self.nhs_number, &AnswerPart::EMPTY);
        let mut pairs = vec![Pair { name: "patient".to_owned(), value: patient }];
        pairs::decode(self.query.as_bytes(), &mut pairs)?;
        if let Some(other) = form.iter().find(|pair| !is_presentation(view, &pair.name)) {
            return Err(SearchError::unknown(&other.name, view.resource));
        }
        pairs.extend_from_slice(form);
        let mut search = Search::parse(view, &pairs, Handling::Strict, ids)?;
        search.page.offset = self.offset;
        Ok(search)
    }
}

/// Whether a parameter chooses the form of the answer.
fn is_presentation(view: &Searchable, name: &str) -> bool {
    view.parameter(name).is_some_and(|parameter| parameter.kind == ParameterKind::Presentation)
}

#[cfg(test)]
mod tests;
