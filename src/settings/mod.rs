//! Everything that an operator can set, read and checked once.
//!
//! Defaults, then one TOML file, then environment variables (`CPIS_FHIR__SMSP__URL` for `smsp.url`); later sources win.
//! [`load`] gives typed [`Settings`] or a [`SettingsError`] that names every fault at once. The keys are in `table`,
//! which also generates the [`reference()`] for operators.

mod access;
mod audit;
mod author;
mod certificates;
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
#[cfg(test)]
mod tests;
mod units;
mod urls;
mod validity;
mod value;

pub use fault::{Fault, SettingsError};
pub use files::FileVersion;
pub use listeners::{Listener, Listeners};
pub use reader::Snapshot;
pub use reference::reference;
pub use renewal::{Part, Renewal, renew};
pub use smsp::SmspCredentials;
pub use units::read_duration;
pub use validity::{Validity, ValidityState, is_of_validity};

use crate::access::Mode;
use crate::api;
use crate::lookup::Store;
use crate::secret::KeyMaterial;
use crate::telemetry::LogForm;
use flat::Flat;
use key_file::MissingKeyFile;
use reader::{Reader, ReportedFault};
use std::path::{Path, PathBuf};

/// The variable that names the settings file if there is no `--config`.
pub const CONFIG_VARIABLE: &str = "CPIS_FHIR_CONFIG";

/// Everything that an operator can set. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    pub api: api::Options,
    pub smsp: crate::smsp::Options,
    pub access: crate::access::Options,
    pub lookup: crate::lookup::Options,
    pub audit: crate::audit::Options,
    /// Keys of the opaque ids (`fhir.id_key_file`). Never empty; the first key writes, all read.
    pub id_keys: Vec<KeyMaterial>,
    /// `limits.memory`, in bytes; `None`: derived from the machine.
    pub memory: Option<usize>,
    pub log: LogForm,
    /// Every file that the settings name and that was read: certificates, keys, passwords.
    pub files: Vec<FileVersion>,
    pub snapshot: Snapshot,
    /// Warnings for the log: the service can start, but an operator should know of them. No secrets.
    pub warnings: Vec<String>,
}

impl Settings {
    /// `access.modes` is exactly `["demo"]` (decisions.md 21).
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.access.is_demo()
    }
}

/// Reads and checks all settings.
///
/// `file` is `--config`; without it [`CONFIG_VARIABLE`] in `env` may name the file. `env` holds the process's variables;
/// it is a parameter so that nothing here reads the process. Relative paths are relative to the working folder.
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

/// Reads and checks only `audit.*`, for commands that need only the trail: no certificate, no SMSP. Keys must be named even
/// in a demonstration, since a random key cannot read an existing trail. File, variables and paths as for [`load`].
///
/// # Errors
/// Every fault of these settings, and every unknown name: it may be one of these settings, mistyped.
pub fn load_audit(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<crate::audit::Options, SettingsError> {
    let mut reader = open(file, env)?;
    let audit = audit::read(&mut reader, false);
    reader.forget_faults(|key| !key.starts_with("audit") && names::row(key).is_some());
    reader.finish(audit)
}

/// Reads only the addresses of the listeners and whether they use TLS: no key, no SMSP. File, variables and paths as for
/// [`load`].
///
/// # Errors
/// A settings file that cannot be read, and every fault of these settings. Faults of other settings are ignored.
pub fn load_listeners(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Listeners, SettingsError> {
    let mut reader = open(file, env)?;
    let found = listeners::read(&mut reader);
    reader.forget_faults(|key| !key.is_empty() && !listeners::is_read(key));
    reader.finish(found)
}

/// Every section is read completely before an error returns, so that no fault hides another.
fn read(reader: &mut Reader) -> Result<Settings, ReportedFault> {
    let modes = access::modes(reader);
    let is_demo = modes.as_deref().is_ok_and(|modes| modes == [Mode::Demo]);
    let listeners = server::read(reader, is_demo);
    let smsp = smsp::read(reader);
    let access = access::read(reader, modes);
    if let Ok(access) = &access {
        author::check_reachable(reader, access);
    }
    let store = lookup::store(reader, is_demo);
    let audit = audit::read(reader, is_demo);
    let id_keys = key_file::keys(reader, table::fhir::ID_KEY_FILE, MissingKeyFile::in_demo(is_demo));
    let (store, audit, id_keys) = (store?, audit?, id_keys?);
    let window_file = lookup::window_file(reader, &store, &audit);
    warn_of_shared_keys(reader, &store, &audit, &id_keys);
    let (server, admin) = listeners?;
    Ok(Settings {
        api: api::Options {
            server,
            admin,
            fhir: fhir::read(reader)?,
            limits: limits::read(reader, is_demo)?,
            scheduled_care: reader.get(table::cpis::SCHEDULED_CARE)?,
        },
        smsp: smsp?,
        access: access?,
        lookup: crate::lookup::Options { rules: lookup::rules(reader)?, store, window_file: window_file? },
        audit,
        id_keys,
        memory: reader.get(table::limits::MEMORY)?,
        log: reader.get(table::telemetry::LOG)?,
        files: std::mem::take(&mut reader.files),
        snapshot: reader.snapshot(),
        warnings: std::mem::take(&mut reader.warnings),
    })
}

/// A key that serves two purposes exposes both if it leaks, and cannot be changed for only one of them.
fn warn_of_shared_keys(reader: &mut Reader, store: &Store, audit: &crate::audit::Options, id_keys: &[KeyMaterial]) {
    let files = [
        (table::audit::CHAIN_KEY_FILE, audit.chain_keys.as_slice()),
        (table::audit::ENCRYPTION_KEY_FILE, &audit.encryption_keys),
        (table::fhir::ID_KEY_FILE, id_keys),
        (table::lookup::STORE_KEY_FILE, &store.keys),
    ];
    for (at, (key, keys)) in files.iter().enumerate() {
        for (earlier, others) in &files[..at] {
            if keys.iter().any(|key| others.iter().any(|other| other.bytes() == key.bytes())) {
                reader.warn(key, format!("holds a key of {earlier}; use a separate key for each purpose"));
            }
        }
    }
}
