//! What can be typed: `demo`, `serve`, `check`, `simulate`, `audit`.

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

/// A FHIR R4 door onto CP-IS.
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
    /// Everything in one process on loopback, nothing to prepare: simulator, certificates, service, commands to paste
    Demo(demo::DemoOptions),
    /// The service, from settings
    Serve(serve::ServeOptions),
    /// Whether everything is right that the service needs: settings, certificates, SMSP, token issuers, trail. Never a CP-IS query
    #[command(after_help = check::EXIT_CODES)]
    Check(check::CheckOptions),
    /// The SMSP simulator alone, for rehearsals and load tests
    Simulate(simulate::SimulateOptions),
    /// The audit trail: searched, exported, verified
    Audit(Box<audit::Options>),
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

/// Reads the command line and does what it says.
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

/// To the person at the terminal, on standard output.
#[allow(clippy::print_stdout)]
fn say(text: &str) {
    use std::io::Write as _;
    // A closed pipe is the reader's choice, not a fault.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn say_error(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The environment as text. What is not UTF-8 is read as near as can be, so that it is refused by name rather than by a panic.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}
