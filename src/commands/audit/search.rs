//! `audit search`.

use super::criteria::Criteria;
use super::results::Results;
use super::{entries, table};
use crate::audit::{EndFault, Event, Inquiry, Question};
use crate::commands::{CommandError, say_error};
use crate::export::{self, LABEL, Numbers};
use std::io::Write;

#[derive(Debug, clap::Args)]
pub struct SearchOptions {
    #[command(flatten)]
    pub criteria: Criteria,
    /// Show at most this many entries
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "all")]
    pub limit: u32,
    /// Show every entry
    #[arg(long)]
    pub all: bool,
    /// One JSON object a line, times in UTC, every field
    #[arg(long)]
    pub json: bool,
    /// Also show the NHS numbers of children that were not asked for
    #[arg(long)]
    pub show_nhs_numbers: bool,
}

/// Puts the search on the trail, and then writes what it finds to `out`.
///
/// # Errors
/// [`CommandError::Failed`]: nothing, or not all, was shown; or a shown line was changed.
pub async fn run(
    inquiry: &Inquiry,
    end: Option<EndFault>,
    question: &Question,
    options: &SearchOptions,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let limit = if options.all { u64::MAX } else { u64::from(options.limit) };
    let mut results = Results::of(inquiry, end, question, Event::Searched, &manner(options)).await?;
    let numbers = if options.show_nhs_numbers { Numbers::All } else { Numbers::Only(question.child.as_ref()) };
    if !options.json && write(out, &format!("{LABEL}\n{}", table::head())).is_err() {
        return Ok(());
    }
    let (mut shown, mut last) = (0, 0);
    while let Some(hit) = results.next().await? {
        if shown == limit {
            results.doubtful -= u64::from(hit.doubt.is_some());
            say_error(&format!("{}, newest first. THERE ARE MORE: add --all, or --seq ..{}", entries(shown), last - 1));
            return results.verdict();
        }
        let line = if options.json { export::line(&hit, numbers) } else { table::row(&hit, numbers) };
        // A closed pipe is the reader's choice, not a fault.
        if write(out, &line).is_err() {
            return results.verdict();
        }
        (shown, last) = (shown + 1, hit.line.seq);
    }
    say_error(&format!("{}, newest first. There are no more.{}", entries(shown), results.unsearched().await?));
    results.verdict()
}

fn write(out: &mut dyn Write, text: &str) -> std::io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// For the entry of the search.
fn manner(options: &SearchOptions) -> String {
    let limit = if options.all { "all entries".to_owned() } else { format!("limit {}", options.limit) };
    let numbers = if options.show_nhs_numbers { "every NHS number shown" } else { "no other NHS number shown" };
    format!("{limit}; {numbers}")
}
