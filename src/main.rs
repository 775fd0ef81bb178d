//! The commands. Exit codes: 0 done, 1 failed while running, 2 wrong usage or settings; `check` has one more.

use std::process::ExitCode;

fn main() -> ExitCode {
    cpis_fhir::commands::run()
}
