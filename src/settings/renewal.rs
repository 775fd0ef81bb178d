//! Reads the settings again while the service runs, and returns the parts that may change then.
//!
//! Certificates, keys, passwords and trusted CAs may change; everything else waits for the next start. Each part is read
//! separately, so that a broken file in one part does not block the others.

use super::files::FileVersion;
use super::key::Key;
use super::key_file::{self, MissingKeyFile};
use super::reader::{Reader, ReportedFault, Snapshot};
use super::server::{ADMIN_TLS, SERVER_TLS};
use super::table::{self, fhir};
use super::{Fault, Settings, SettingsError, SmspCredentials};
use super::{access, lookup, names, open, server, smsp};
use crate::api::ServerTls;
use crate::audit;
use crate::lookup::Store;
use crate::secret::KeyMaterial;
use std::path::Path;

/// A part of the settings, or what is wrong with it.
pub type Part<T> = Result<T, Vec<Fault>>;

/// What may change while the service runs, as the files, the settings file and the environment are now.
pub struct Renewal {
    pub smsp: Part<SmspCredentials>,
    /// `None`: TLS is not set.
    pub server_tls: Part<Option<ServerTls>>,
    pub admin_tls: Part<Option<ServerTls>>,
    /// The CAs of each issuer, in the order of the settings.
    pub issuer_authorities: Part<Vec<Option<Vec<u8>>>>,
    /// `None`: no file is named, so a demonstration made a random key.
    pub id_keys: Part<Option<Vec<KeyMaterial>>>,
    /// `None`: as above.
    pub audit: Part<Option<audit::Options>>,
    pub store: Part<Option<Store>>,
    /// Other settings that changed since the start. They take effect at the next start.
    pub waiting: Vec<String>,
    /// Every file that was read, or should have been.
    pub files: Vec<FileVersion>,
}

/// Reads again what may change. `started`: the settings at the start of the service; file and variables as for [`super::load`].
///
/// # Errors
/// If the settings file or a variable cannot be read at all.
pub fn renew(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
    started: &Settings,
) -> Result<Renewal, SettingsError> {
    let mut reader = open(file, env)?;
    reader.so_far()?;
    reader.is_renewal = true;
    let is_demo = started.is_demo();
    Ok(Renewal {
        smsp: reader.part(smsp::credentials),
        server_tls: reader.part(|reader| server::tls(reader, SERVER_TLS)),
        admin_tls: reader.part(|reader| server::tls(reader, ADMIN_TLS)),
        issuer_authorities: reader.part(access::issuer_authorities),
        id_keys: when_set(&mut reader, fhir::ID_KEY_FILE, |reader| {
            key_file::keys(reader, fhir::ID_KEY_FILE, MissingKeyFile::NoKeys)
        }),
        audit: when_set(&mut reader, table::audit::CHAIN_KEY_FILE, |reader| super::audit::read(reader, is_demo)),
        store: when_set(&mut reader, table::lookup::STORE_KEY_FILE, |reader| lookup::store(reader, is_demo)),
        waiting: waiting(&started.snapshot, &reader.snapshot()),
        files: std::mem::take(&mut reader.files),
    })
}

fn when_set<T, K>(
    reader: &mut Reader,
    key: Key<K>,
    read: impl FnOnce(&mut Reader) -> Result<T, ReportedFault>,
) -> Part<Option<T>> {
    if reader.is_set(key) { reader.part(read).map(Some) } else { Ok(None) }
}

/// A new path of a file takes effect at once; other settings wait.
fn waiting(started: &Snapshot, now: &Snapshot) -> Vec<String> {
    let is_renewed = |name: &str| names::row(name).is_some_and(|row| row.kind.is_file());
    started.differing(now).filter(|name| !is_renewed(name)).map(str::to_owned).collect()
}
