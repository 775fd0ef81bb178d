//! `cpis-fhir audit`: the trail, for those who are accountable for it.
//!
//! A search or export is itself recorded on the trail before anything is shown (MSCA-AUD-05).

mod archive;
mod criteria;
mod export;
mod operator;
mod results;
mod search;
mod table;
mod verify;

use super::CommandError;
use crate::audit::Inquiry;
use crate::settings;
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct AuditOptions {
    /// Settings file (TOML). Environment variables CPIS_FHIR__... win over it. Only audit.* is needed
    #[arg(long, env = "CPIS_FHIR_CONFIG", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Show who asked about which child, when, and the outcome. The search is itself recorded on the trail
    ///
    /// All given criteria must hold; without any, everything is shown. Newest first. Exit code 1 if a shown line was changed.
    Search(search::SearchOptions),
    /// Write what a search finds to a file: FHIR AuditEvents, a report of accesses, or lines of JSON
    ///
    /// The file holds NHS numbers. Only you may read it. The export is itself recorded on the trail.
    Export(export::ExportOptions),
    /// Check whether the trail is whole, and which looks have no known outcome
    ///
    /// Exit code 0: whole. 1: not whole. 2: it cannot be checked. Nothing is written; works on a copy of the store too.
    Verify(verify::VerifyOptions),
    /// Move older months out of the store, into files with their proof
    Archive(archive::ArchiveOptions),
}

/// Runs one of them.
pub fn run(options: &AuditOptions) -> Result<(), CommandError> {
    let audit = settings::load_audit(options.config.as_deref(), super::environment())
        .map_err(|error| CommandError::Settings(error.to_string()))?;
    let runtime = super::service::core_runtime()?;
    runtime.block_on(async {
        match &options.command {
            AuditCommand::Search(options) => {
                let question = options.criteria.question(std::io::stdin())?;
                let opened = results::open(&audit).await?;
                search::run(&Inquiry::from(&opened), opened.end_fault, &question, options, &mut std::io::stdout().lock()).await
            }
            AuditCommand::Export(options) => {
                let question = options.criteria.question(std::io::stdin())?;
                let opened = results::open(&audit).await?;
                super::say(&export::run(&Inquiry::from(&opened), opened.end_fault, &question, options).await?);
                Ok(())
            }
            AuditCommand::Verify(options) => verify::run(&audit, options, &mut std::io::stdout().lock()).await,
            AuditCommand::Archive(options) => {
                let opened = results::open(&audit).await?;
                archive::run(&opened, &audit, options, &mut std::io::stdout().lock()).await
            }
        }
    })
}

fn entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

#[cfg(test)]
mod tests;
