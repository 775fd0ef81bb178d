//! Questions to the trail that are themselves on the trail (MSCA-AUD-05): no search begins before its entry is durable.

use super::search::{Search, Sources};
use super::{Chain, Event, Hit, OpenTrail, Page, Question, Reader, RequestFacts, StoreError, Trail, TrailError, Who};
use std::sync::Arc;

/// The one way to search the trail for a person or a program.
#[derive(Clone)]
pub struct Inquiry {
    trail: Trail,
    pub(super) reader: Arc<dyn Reader>,
    chain: Arc<Chain>,
}

/// Who searches, for the entry about it.
#[derive(Debug, Clone)]
pub struct Inquirer {
    pub who: Who,
    pub request: RequestFacts,
    /// What else matters, such as the format of an export.
    pub manner: String,
}

/// Why nothing is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InquiryError {
    #[error("the trail cannot be read: {0}")]
    Read(#[from] StoreError),
    #[error("nothing is shown because this cannot be recorded on the trail: {0}")]
    Record(TrailError),
}

/// A search that is on the trail, and may be shown.
pub struct RecordedSearch<'a> {
    search: Search<'a>,
    reader: &'a dyn Reader,
}

impl Inquiry {
    #[must_use]
    pub fn new(trail: Trail, reader: Arc<dyn Reader>, chain: Arc<Chain>) -> Self {
        Self { trail, reader, chain }
    }

    #[must_use]
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Puts the question on the trail as an `event`, and then begins to answer it below line `before`; by default as of now, without
    /// the entry about it.
    ///
    /// # Errors
    /// [`InquiryError`].
    pub async fn search<'a>(
        &'a self,
        question: &'a Question,
        event: Event,
        inquirer: Inquirer,
        before: Option<u64>,
    ) -> Result<RecordedSearch<'a>, InquiryError> {
        let before = match before {
            Some(before) => before,
            None => self.reader.tip().await?.seq.saturating_add(1),
        };
        let entry = question.entry(event, inquirer);
        self.trail.record(&entry).await.map_err(InquiryError::Record)?;
        let sources = Sources { reader: &*self.reader, chain: &self.chain, seal: self.trail.seal() };
        Ok(RecordedSearch { search: Search::new(sources, question, Some(before)), reader: &*self.reader })
    }
}

impl From<&OpenTrail> for Inquiry {
    fn from(opened: &OpenTrail) -> Self {
        Self::new(opened.trail.clone(), Arc::clone(&opened.reader), Arc::clone(&opened.chain))
    }
}

impl RecordedSearch<'_> {
    /// As [`Search::next`].
    ///
    /// # Errors
    /// [`InquiryError::Read`].
    pub async fn next(&mut self) -> Result<Option<Hit>, InquiryError> {
        Ok(self.search.next().await?)
    }

    /// As [`Search::page`].
    ///
    /// # Errors
    /// [`InquiryError::Read`].
    pub async fn page(&mut self, limit: usize, most_read: usize) -> Result<Page, InquiryError> {
        Ok(self.search.page(limit, most_read).await?)
    }

    /// The last line that is in an archive, and was not searched; 0 where there is none. Ask after all hits were read: lines may
    /// leave the store during a search.
    ///
    /// # Errors
    /// [`InquiryError::Read`].
    pub async fn archived_to(&self) -> Result<u64, InquiryError> {
        Ok(self.reader.base().await?.seq)
    }
}

#[cfg(test)]
mod tests;
