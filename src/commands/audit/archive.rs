//! `audit archive`: older months leave the store, with their proof.

use super::operator;
use super::results::cannot;
use crate::audit;
use crate::audit::archive;
use crate::audit::{Entry, Event, OpenTrail};
use crate::clock;
use crate::commands::CommandError;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct ArchiveOptions {
    /// Months that ended before the first of this one (YYYY-MM, UTC). Without it, those that are older than audit.online_for
    #[arg(long, value_name = "YYYY-MM")]
    pub before: Option<String>,
    /// The folder for the archives, one file of lines and one manifest a month
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
    /// Write the oldest month, and keep it in the store
    #[arg(long)]
    pub keep: bool,
}

/// Writes each month to the folder, checks it there, and then removes it from the store. The trail records who did it.
///
/// # Errors
/// [`CommandError::Settings`]: too young, no such folder. [`CommandError::Failed`]: everything not archived is still in the
/// store.
pub async fn run(
    opened: &OpenTrail,
    audit: &audit::Options,
    options: &ArchiveOptions,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let before = before(options.before.as_deref(), audit, clock::now())?;
    if !options.to.is_dir() {
        return Err(CommandError::Settings(format!("--to: {} is not a folder", options.to.display())));
    }
    let operator = operator::who()?;
    let detail = operator.manner(&format!("archive of months that ended before {before}"));
    let request = operator::request("audit archive");
    let entry = Entry { who: Some(operator.who), request, detail: Some(detail), ..Entry::of(Event::Exported) };
    opened.trail.record(&entry).await.map_err(|error| failed(&error))?;
    let mut months = 0;
    while let Some(manifest) = archive::archive(&*opened.reader, &opened.chain, &opened.seal, before, &options.to)
        .await
        .map_err(|error| failed(&error))?
    {
        months += 1;
        let removed = if options.keep { "still in the store" } else { "removed from the store" };
        if !options.keep {
            let retire = opened.retire.as_ref().ok_or_else(|| cannot(&"this store keeps everything; use --keep"))?;
            let done = archive::retire(&manifest, &*opened.reader, &**retire, &opened.trail, &opened.chain).await;
            done.map_err(|error| failed(&error))?;
        }
        let _ = writeln!(out, "{}: written, checked, {removed}", manifest.display());
        if options.keep {
            break;
        }
    }
    let _ = writeln!(
        out,
        "{months} months archived. Keep each manifest next to its file; `cpis-fhir audit verify --archive` checks them"
    );
    Ok(())
}

/// The moment before which a month must have ended.
pub(super) fn before(month: Option<&str>, audit: &audit::Options, now: Timestamp) -> Result<Timestamp, CommandError> {
    let latest = now - audit.online_for;
    let Some(month) = month else { return Ok(latest) };
    let first = (month.len() == 7).then(|| format!("{month}-01").parse::<Date>().ok()).flatten();
    let first = first.and_then(|first| first.to_zoned_datetime(TimeZone::UTC).ok()).map(|first| first.timestamp());
    let wanted = first.ok_or_else(|| CommandError::Settings("--before: wanted a month such as 2023-10".to_owned()))?;
    if wanted > latest {
        return Err(CommandError::Settings(format!(
            "--before: entries stay in the store for audit.online_for; months that ended before {latest} may be archived"
        )));
    }
    Ok(wanted)
}

fn failed(error: &dyn std::fmt::Display) -> CommandError {
    CommandError::Failed(format!("nothing further is archived: {error}"))
}
