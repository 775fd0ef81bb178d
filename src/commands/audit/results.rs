//! What a search or an export found, and what is wrong with it.

use super::operator;
use crate::audit::{self, EndFault, Event, Hit, Inquirer, Inquiry, InquiryError, OpenTrail, Question, RecordedSearch};
use crate::commands::CommandError;
use tokio::runtime::Handle;

/// What was found, newest first.
pub struct Results<'a> {
    search: RecordedSearch<'a>,
    /// Shown lines that are not reliable.
    pub doubtful: u64,
    /// What is wrong with the trail's end.
    end: Option<EndFault>,
}

/// Opens the trail that the settings name, possibly while a service writes to it. It must already exist: a new one would answer
/// every question with "nothing".
///
/// # Errors
/// [`CommandError::Settings`].
pub async fn open(audit: &audit::Options) -> Result<OpenTrail, CommandError> {
    // Opening it read-only creates nothing, and fails if there is no trail.
    audit::open_read_only(audit, Handle::current()).await.map_err(|error| cannot(&error))?;
    audit::open_for_command(audit, Handle::current()).await.map_err(|error| cannot(&error))
}

impl<'a> Results<'a> {
    /// Records the question on the trail, and begins to answer it as of just before.
    ///
    /// # Errors
    /// [`CommandError::Failed`], and nothing may be shown.
    pub async fn of(
        inquiry: &'a Inquiry,
        end: Option<EndFault>,
        question: &'a Question,
        event: Event,
        manner: &str,
    ) -> Result<Self, CommandError> {
        let operator = operator::who()?;
        let manner = operator.manner(manner);
        let request = operator::request(if event == Event::Exported { "audit export" } else { "audit search" });
        let inquirer = Inquirer { who: operator.who, request, manner };
        let search = inquiry.search(question, event, inquirer, None).await.map_err(|error| failed(&error))?;
        Ok(Self { search, doubtful: 0, end })
    }

    /// The next line, newest first.
    ///
    /// # Errors
    /// [`CommandError::Failed`].
    pub async fn next(&mut self) -> Result<Option<Hit>, CommandError> {
        let hit = self.search.next().await.map_err(|error| failed(&error))?;
        self.doubtful += u64::from(hit.as_ref().is_some_and(|hit| hit.doubt.is_some()));
        Ok(hit)
    }

    /// A sentence for the end of the answer on what it cannot hold.
    ///
    /// # Errors
    /// [`CommandError::Failed`].
    pub async fn unsearched(&self) -> Result<String, CommandError> {
        Ok(match self.search.archived_to().await.map_err(|error| failed(&error))? {
            0 => String::new(),
            1 => " Line 1 is in an archive and was not searched.".to_owned(),
            last => format!(" Lines 1 to {last} are in archives and were not searched."),
        })
    }

    /// # Errors
    /// [`CommandError::Failed`] if a line was changed, or the trail's end is not what it should be.
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

/// The trail cannot be opened, and so not checked, shown or archived.
pub fn cannot(error: &dyn std::fmt::Display) -> CommandError {
    CommandError::Settings(format!("the trail cannot be opened: {error}"))
}

fn failed(error: &InquiryError) -> CommandError {
    CommandError::Failed(error.to_string())
}
