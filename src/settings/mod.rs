//! Everything an operator can set, read and checked once.
//!
//! Defaults, then one TOML file, then environment variables (`CPIS_FHIR__SMSP__URL` for `smsp.url`); later sources win.
//! [`load`] gives typed [`Settings`] or a [`SettingsError`] that names every fault at once. The keys stand in `table`,
//! from which the [`reference()`] for operators is made as well.

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

/// The variable that names the settings file where no `--config` does.
pub const CONFIG_VARIABLE: &str = "CPIS_FHIR_CONFIG";

/// Everything an operator can set. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    pub api: api::Options,
    pub smsp: crate::smsp::Options,
    pub access: crate::access::Options,
    pub lookup: crate::lookup::Options,
    pub audit: crate::audit::Options,
    /// Keys of the opaque ids (`fhir.id_key_file`). Never empty; the first key writes, all read.
    pub id_keys: Vec<KeyMaterial>,
    /// `limits.memory`, in bytes; `None`: as the machine has it.
    pub memory: Option<usize>,
    pub log: LogForm,
    /// Every file that was read for them: certificates, keys, passwords.
    pub files: Vec<FileVersion>,
    pub snapshot: Snapshot,
    /// What an operator should know although the service can start; for the log. No secrets.
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

/// A key that serves two purposes gives both away when it is lost, and cannot be changed for one alone.
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
                reader.warn(key, format!("holds a key of {earlier}; a key of its own is meant"));
            }
        }
    }
}
