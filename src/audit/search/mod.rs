//! Searches the trail: newest first, a batch at a time, every line checked before it is shown.

use super::body::read;
use super::question::Question;
use super::verify::differing_column;
use super::{Chain, ChainFault, Filter, Line, Reader, Seal, StoreError, StoredEntry};
use std::collections::VecDeque;

/// Finds what a [`Question`] asks for, newest first. Holds one batch of lines, however long the trail is.
pub struct Search<'a> {
    sources: Sources<'a>,
    question: &'a Question,
    wanted: Vec<Filter>,
    /// The next batch has numbers below this.
    before: Option<u64>,
    batch: VecDeque<Line>,
    batch_size: usize,
    is_exhausted: bool,
}

/// What a search reads from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    pub reader: &'a dyn Reader,
    pub chain: &'a Chain,
    pub seal: &'a Seal,
}

/// A line that was asked for. `Debug` shows nothing of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// As it is in the store: reliable only if there is no doubt.
    pub line: Line,
    /// What it says; only of an unchanged line.
    pub stored: Option<StoredEntry>,
    pub doubt: Option<Doubt>,
}

/// Why a line, or the columns by which it was found, must not be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Nothing of it is shown.
    #[error(transparent)]
    Chain(#[from] ChainFault),
    /// It is unchanged, but an unknown version wrote it.
    #[error("the line is as it was written, but this version cannot read it")]
    Unreadable,
    /// Its body is unchanged, but the columns by which it is found were changed.
    #[error("the column {0}, by which the line is found, does not say what the line says")]
    Column(&'static str),
}

/// Some of what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub hits: Vec<Hit>,
    pub rest: Rest,
}

/// What a page left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing: this is all.
    None,
    /// There is more, below this number.
    Before(u64),
    /// The limit of lines was read. There may be more below this number.
    UnreadBefore(u64),
}

/// Lines that are fetched at once if not all of them are shown.
const SIFTING: usize = 500;

impl<'a> Search<'a> {
    /// Begins below `before`, or at the end of the trail.
    #[must_use]
    pub fn new(sources: Sources<'a>, question: &'a Question, before: Option<u64>) -> Self {
        let last = question.last.and_then(|last| last.checked_add(1));
        let before = match (before, last) {
            (Some(before), Some(last)) => Some(before.min(last)),
            (before, last) => before.or(last),
        };
        let wanted = question.wanted(sources.seal);
        Self { sources, question, wanted, before, batch: VecDeque::new(), batch_size: SIFTING, is_exhausted: false }
    }

    /// The next line that was asked for, or `None` at the end.
    ///
    /// # Errors
    /// The store's.
    pub async fn next(&mut self) -> Result<Option<Hit>, StoreError> {
        loop {
            let Some(line) = self.read().await? else { return Ok(None) };
            if let Some(hit) = self.judge(line) {
                return Ok(Some(hit));
            }
        }
    }

    /// At most `limit` of what was asked for, having read at most `most_read` lines.
    ///
    /// # Errors
    /// The store's.
    pub async fn page(&mut self, limit: usize, most_read: usize) -> Result<Page, StoreError> {
        self.batch_size = if self.question.sifts() { SIFTING } else { limit.saturating_add(1).min(SIFTING) };
        let mut hits: Vec<Hit> = Vec::new();
        let mut at = None;
        for _ in 0..most_read {
            let Some(line) = self.read().await? else { return Ok(Page { hits, rest: Rest::None }) };
            let seq = line.seq;
            let Some(hit) = self.judge(line) else {
                at = Some(seq);
                continue;
            };
            if hits.len() >= limit {
                return Ok(Page { hits, rest: Rest::Before(seq + 1) });
            }
            at = Some(seq);
            hits.push(hit);
        }
        // Nothing was read only if nothing may be read.
        Ok(Page { hits, rest: Rest::UnreadBefore(at.or(self.before).unwrap_or(u64::MAX)) })
    }

    async fn read(&mut self) -> Result<Option<Line>, StoreError> {
        if self.batch.is_empty() && !self.is_exhausted {
            let lines = self.find().await?;
            self.is_exhausted = lines.len() < self.batch_size;
            self.before = lines.last().map_or(self.before, |line| Some(line.seq));
            self.batch = lines.into();
        }
        let line = self.batch.pop_front();
        if line.as_ref().is_some_and(|line| self.question.first.is_some_and(|first| line.seq < first)) {
            self.is_exhausted = true;
            self.batch.clear();
            return Ok(None);
        }
        Ok(line)
    }

    /// The newest lines that match any of the filters.
    async fn find(&self) -> Result<Vec<Line>, StoreError> {
        let mut lines = Vec::new();
        for wanted in &self.wanted {
            lines.extend(self.sources.reader.find(wanted, self.before, self.batch_size).await?);
        }
        if self.wanted.len() > 1 {
            lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.seq));
            lines.truncate(self.batch_size);
        }
        Ok(lines)
    }

    /// The checked line, if it is asked for. One in doubt is always shown: its content decides nothing.
    fn judge(&self, line: Line) -> Option<Hit> {
        let hit = Hit::check(line, self.sources.chain, self.sources.seal);
        let is_asked_for = hit.stored.as_ref().is_some_and(|stored| self.question.asks_for(stored));
        (hit.doubt.is_some() || is_asked_for).then_some(hit)
    }
}

impl Hit {
    /// Checks a line by itself, and reads it if it is unchanged.
    #[must_use]
    pub fn check(line: Line, chain: &Chain, seal: &Seal) -> Self {
        if let Err(fault) = chain.check_alone(&line) {
            return Self { line, stored: None, doubt: Some(Doubt::Chain(fault)) };
        }
        match read(&line.body, seal) {
            Err(_) => Self { line, stored: None, doubt: Some(Doubt::Unreadable) },
            Ok(stored) => {
                let doubt = differing_column(&line, &stored, seal).map(Doubt::Column);
                Self { line, stored: Some(stored), doubt }
            }
        }
    }
}

#[cfg(test)]
mod tests;
