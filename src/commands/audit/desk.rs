//! The trail as a command has it before it: open, maybe beside a service that goes on writing.

use super::operator;
use crate::audit::archive::Retire;
use crate::audit::{self, Chain, Event, Found, Hit, Opened, Question, Reader, Seal, Search, Sources, Trail};
use crate::commands::CommandError;
use std::sync::Arc;
use tokio::runtime::Handle;

pub struct Desk {
    pub trail: Trail,
    pub reader: Arc<dyn Reader>,
    pub chain: Arc<Chain>,
    pub seal: Arc<Seal>,
    /// How lines leave the store, where they can.
    pub retire: Option<Arc<dyn Retire>>,
    /// What is wrong with the trail's end.
    pub end: Option<Found>,
}

/// A search that is on the trail, and may be shown.
pub struct Recorded<'a> {
    search: Search<'a>,
    /// Lines shown that are not to be relied on.
    pub doubtful: u64,
    /// The last line that is in an archive, and was not searched; 0 where there is none.
    archived: u64,
    end: Option<Found>,
}

impl Desk {
    /// Opens the trail that the settings name. There must be one already: an empty new one would answer every question with
    /// "nothing".
    ///
    /// # Errors
    /// [`CommandError::Settings`].
    pub async fn open(audit: &audit::Options) -> Result<Self, CommandError> {
        // Reading makes nothing, and says where there is nothing to read.
        audit::open_to_read(audit, Handle::current()).await.map_err(|error| cannot(&error))?;
        let opened = audit::open_beside(audit, Handle::current()).await;
        let Opened { trail, reader, chain, seal, retire, found: end, .. } = opened.map_err(|error| cannot(&error))?;
        Ok(Self { trail, reader, chain, seal, retire, end })
    }

    /// Puts the question on the trail, and begins to answer it as of the moment before.
    ///
    /// # Errors
    /// [`CommandError::Failed`], and nothing may be shown.
    pub async fn ask<'a>(&'a self, question: &'a Question, event: Event, manner: &str) -> Result<Recorded<'a>, CommandError> {
        let tip = self.reader.tip().await.map_err(|error| unreadable(&error))?;
        let archived = self.reader.base().await.map_err(|error| unreadable(&error))?.seq;
        let operator = operator::who()?;
        let manner = operator.manner(manner);
        let entry = question.entry(
            event,
            Some(operator.who),
            operator::request(if event == Event::Exported { "audit export" } else { "audit search" }),
            &manner,
        );
        self.trail
            .record(&entry)
            .await
            .map_err(|error| CommandError::Failed(format!("nothing is shown, since this cannot be put on the trail: {error}")))?;
        let sources = Sources { reader: &*self.reader, chain: &self.chain, seal: &self.seal };
        Ok(Recorded { search: Search::new(sources, question, tip.seq.checked_add(1)), doubtful: 0, archived, end: self.end })
    }
}

impl Recorded<'_> {
    /// The next line, newest first.
    ///
    /// # Errors
    /// [`CommandError::Failed`].
    pub async fn next(&mut self) -> Result<Option<Hit>, CommandError> {
        let hit = self.search.next().await.map_err(|error| unreadable(&error))?;
        self.doubtful += u64::from(hit.as_ref().is_some_and(|hit| hit.doubt.is_some()));
        Ok(hit)
    }

    /// What the answer cannot hold, as a sentence to put behind it.
    pub fn unsearched(&self) -> String {
        match self.archived {
            0 => String::new(),
            1 => " Line 1 is in an archive and was not searched.".to_owned(),
            last => format!(" Lines 1 to {last} are in archives and were not searched."),
        }
    }

    /// # Errors
    /// [`CommandError::Failed`] where a line was not as it was written, or the trail's end is not what it should be.
    pub fn verdict(&self) -> Result<(), CommandError> {
        let lines = match self.doubtful {
            0 => None,
            1 => Some("1 line that was asked for is not as written".to_owned()),
            lines => Some(format!("{lines} lines that were asked for are not as written")),
        };
        let problems: Vec<String> = lines.into_iter().chain(self.end.map(|end| end.to_string())).collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(CommandError::Failed(format!(
            "THE TRAIL WAS CHANGED: {}. Keep the store and the head file as they are, and run `cpis-fhir audit verify`",
            problems.join("; ")
        )))
    }
}

/// It cannot be checked, shown or moved.
pub fn cannot(error: &dyn std::fmt::Display) -> CommandError {
    CommandError::Settings(format!("the trail cannot be opened: {error}"))
}

fn unreadable(error: &dyn std::fmt::Display) -> CommandError {
    CommandError::Failed(format!("the trail cannot be read: {error}"))
}
