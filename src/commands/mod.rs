//! The commands: `demo`, `serve`, `check`, `simulate`, `audit`.

mod audit;
mod check;
mod demo;
mod renewal;
mod serve;
mod service;
mod simulate;
mod systemd;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// FHIR R4 access to CP-IS.
///
/// Flag and EpisodeOfCare for children with a protection plan or in care, by one synchronous query to a CP-IS Spine mini
/// service over mutual TLS. Every query notifies the responsible local authority and cannot be taken back.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process on loopback, without preparation: simulator, certificates, service, commands to paste
    Demo(demo::DemoOptions),
    /// Run the service from settings
    Serve(serve::ServeOptions),
    /// Check what the service needs: settings, certificates, SMSP, issuers, trail. Never a CP-IS query
    #[command(after_help = check::EXIT_CODES)]
    Check(check::CheckOptions),
    /// Run only the SMSP simulator, for rehearsals and load tests
    Simulate(simulate::SimulateOptions),
    /// Search, export or verify the audit trail
    Audit(Box<audit::AuditOptions>),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    /// Wrong settings or arguments: exit code 2.
    #[error("{0}")]
    Settings(String),
    /// Failed while running: exit code 1.
    #[error("{0}")]
    Failed(String),
}

/// Parses the command line and runs the command.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Demo(options) => demo::run(&options),
        Command::Serve(options) => serve::run(&options),
        Command::Check(options) => match check::run(&options) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Simulate(options) => simulate::run(&options),
        Command::Audit(options) => audit::run(&options),
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    say_error(&error.to_string());
    match error {
        CommandError::Settings(_) => ExitCode::from(2),
        CommandError::Failed(_) => ExitCode::FAILURE,
    }
}

/// Prints to standard output.
#[allow(clippy::print_stdout)]
fn say(text: &str) {
    use std::io::Write as _;
    // A closed pipe is not a fault: its reader closed it.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn say_error(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The environment as text. Invalid UTF-8 is replaced, so that a setting is refused by its name instead of a panic.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}
