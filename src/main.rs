//! The commands. Exit codes: 0 done, 1 failed while running, 2 wrong usage or settings; `check` also has 3.

use std::process::ExitCode;

fn main() -> ExitCode {
    cpis_fhir::commands::run()
}
