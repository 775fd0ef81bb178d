//! The commands as an operator types them: exit codes, messages, and what is printed does what it says.

mod documents;
mod running;
mod settings;

use std::path::Path;
use std::process::{Command, Output};

/// The binary in a folder, with nothing in its environment.
fn cpis_fhir(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cpis-fhir"));
    command.env_clear().current_dir(folder);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Ended with exit code 2, one message on standard error, and nothing on standard output. Returns the message.
fn refused(output: &Output) -> String {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(text(&output.stdout), "");
    assert_eq!(said.matches("cannot start").count(), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}
