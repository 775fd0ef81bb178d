//! Everything an operator can set, read and checked once.
//!
//! Defaults, then one TOML file, then environment variables (`CPIS_FHIR__SMSP__URL` for `smsp.url`); later sources win.
//! [`load`] gives typed [`Settings`] or a [`SettingsError`] that names every fault at once. The keys stand in `table`,
//! from which the [`reference()`] for operators is made as well.

mod access;
mod audit;
mod author;
mod certificates;
mod cpis;
mod fault;
mod fhir;
mod files;
mod flat;
mod identity;
mod key;
mod key_file;
mod kind;
mod limits;
mod listeners;
mod lookup;
mod names;
mod reader;
mod reference;
mod renewal;
mod server;
mod smsp;
mod suggest;
mod table;
mod telemetry;
#[cfg(test)]
mod tests;
mod units;
mod urls;
mod validity;
mod value;

pub use cpis::{Cpis, ScheduledCare};
pub use fault::{Fault, SettingsError};
pub use fhir::{Batch, Fhir, Handling};
pub use files::ReadFile;
pub use limits::Limits;
pub use listeners::{Listeners, Listening};
pub use reader::Given;
pub use reference::reference;
pub use renewal::{Part, Renewal, renew};
pub use server::{Admin, Server, ServerTls};
pub use smsp::{Breaker, Smsp, SmspCredentials};
pub use telemetry::Telemetry;
pub use units::read_duration;
pub use validity::{Standing, Validity, is_of_validity};

use crate::access::Mode;
use flat::Flat;
use reader::{Noted, Reader};
use std::path::{Path, PathBuf};

/// The variable that names the settings file where no `--config` does.
pub const CONFIG_VARIABLE: &str = "CPIS_FHIR_CONFIG";

/// Everything an operator can set. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    pub server: Server,
    pub admin: Admin,
    /// `smsp.*` and `author.*`.
    pub smsp: Smsp,
    pub cpis: Cpis,
    pub access: crate::access::Options,
    pub lookup: crate::lookup::Options,
    pub audit: crate::audit::Options,
    pub fhir: Fhir,
    pub limits: Limits,
    pub telemetry: Telemetry,
    /// Every file that was read for them: certificates, keys, passwords.
    pub files: Vec<ReadFile>,
    pub given: Given,
    /// What an operator should know although the service can start; for the log. No secrets.
    pub warnings: Vec<String>,
}

impl Settings {
    /// `access.modes` is exactly `["demo"]` (decisions.md 21).
    #[must_use]
    pub fn is_demo(&self) -> bool {
        is_demo(&self.access.modes)
    }
}

/// Reads and checks all settings.
///
/// `file` is `--config`; without it [`CONFIG_VARIABLE`] among `env` may name the file. `env` are the process's variables,
/// passed in so that nothing here touches the process. Relative paths are relative to the working folder.
///
/// # Errors
/// Every fault of every setting at once; the caller prints it and exits with code 2.
pub fn load(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Settings, SettingsError> {
    let mut reader = open(file, env)?;
    let settings = read(&mut reader);
    reader.finish(settings)
}

fn open(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Reader, SettingsError> {
    let env: Vec<(String, String)> = env.into_iter().collect();
    let named = env.iter().find(|(name, path)| name == CONFIG_VARIABLE && !path.is_empty()).map(|(_, path)| PathBuf::from(path));
    Reader::new(Flat::read(file.or(named.as_deref()), env))
}

/// Reads and checks `audit.*` alone, for commands that need nothing but the trail: no certificate, no SMSP. Keys must be named,
/// also in a demonstration, since a random key reads nothing that is there. File, variables and paths as for [`load`].
///
/// # Errors
/// Every fault of these settings, and every name that is no setting at all: it may be one of these, mistyped.
pub fn load_audit(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<crate::audit::Options, SettingsError> {
    let mut reader = open(file, env)?;
    let audit = audit::read(&mut reader, false);
    reader.forget_faults(|key| !key.starts_with("audit") && names::row(key).is_some());
    reader.finish(audit)
}

/// Reads where the listeners are and how they are spoken to, and nothing else: no key, no SMSP. File, variables and paths as for
/// [`load`].
///
/// # Errors
/// A settings file that cannot be read, and every fault of these settings. Those of others are passed over.
pub fn load_listeners(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Listeners, SettingsError> {
    let mut reader = open(file, env)?;
    let found = listeners::read(&mut reader);
    reader.forget_faults(|key| !key.is_empty() && !listeners::is_read(key));
    reader.finish(found)
}

/// Every section is read to its end before any is missed, so that no fault hides another.
fn read(reader: &mut Reader) -> Result<Settings, Noted> {
    let modes = access::modes(reader);
    let is_demo = modes.as_deref().is_ok_and(is_demo);
    let listeners = server::read(reader, is_demo);
    let smsp = smsp::read(reader);
    let access = access::read(reader, modes);
    if let Ok(access) = &access {
        author::check_reachable(reader, access);
    }
    let lookup = lookup::read(reader, is_demo);
    let audit = audit::read(reader, is_demo);
    let fhir = fhir::read(reader, is_demo);
    let (mut lookup, audit, fhir) = (lookup?, audit?, fhir?);
    let window_file = lookup::window_file(reader, &lookup, &audit);
    warn_of_shared_keys(reader, &lookup, &audit, &fhir);
    lookup.window_file = window_file?;
    let (server, admin) = listeners?;
    Ok(Settings {
        server,
        admin,
        smsp: smsp?,
        cpis: cpis::read(reader)?,
        access: access?,
        lookup,
        audit,
        fhir,
        limits: limits::read(reader, is_demo)?,
        telemetry: telemetry::read(reader)?,
        files: std::mem::take(&mut reader.files),
        given: reader.given(),
        warnings: std::mem::take(&mut reader.warnings),
    })
}

/// A key that serves two purposes gives both away when it is lost, and cannot be changed for one alone.
fn warn_of_shared_keys(reader: &mut Reader, lookup: &crate::lookup::Options, audit: &crate::audit::Options, fhir: &Fhir) {
    let files = [
        (table::audit::CHAIN_KEY_FILE, &audit.chain_keys),
        (table::audit::ENCRYPTION_KEY_FILE, &audit.encryption_keys),
        (table::fhir::ID_KEY_FILE, &fhir.id_keys),
        (table::lookup::STORE_KEY_FILE, &lookup.store_keys),
    ];
    for (at, (key, keys)) in files.iter().enumerate() {
        for (earlier, others) in &files[..at] {
            if keys.iter().any(|key| others.iter().any(|other| other.bytes() == key.bytes())) {
                reader.warn(key, format!("holds a key of {earlier}; a key of its own is meant"));
            }
        }
    }
}

fn is_demo(modes: &[Mode]) -> bool {
    modes == [Mode::Demo]
}
