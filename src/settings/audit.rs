//! `audit.*`: where the trail is kept, and with which keys.

use super::key_file::{self, MissingKeyFile};
use super::reader::{Reader, ReportedFault};
use super::table::audit;
use super::{certificates, files, urls};
use crate::audit::{Options, StoreLocation};
use std::path::{Path, PathBuf};

/// The path of a trail that is in memory: for a demonstration only.
pub(super) const MEMORY: &str = ":memory:";

pub(super) fn read(reader: &mut Reader, is_demo: bool) -> Result<Options, ReportedFault> {
    let store = store(reader, is_demo);
    let store_ca = certificates::authorities(reader, audit::STORE_CA);
    let chain_keys = key_file::keys(reader, audit::CHAIN_KEY_FILE, MissingKeyFile::in_demo(is_demo));
    let encryption_keys = key_file::keys(reader, audit::ENCRYPTION_KEY_FILE, MissingKeyFile::in_demo(is_demo));
    let store = store?;
    // Faults in these two must not stop the remaining checks.
    let (store_ca, head_file) = (store_ca.unwrap_or_default(), head_file(reader, &store).unwrap_or_default());
    Ok(Options {
        store,
        store_ca,
        chain_keys: chain_keys?,
        encryption_keys: encryption_keys?,
        head_file,
        commit_timeout: reader.get(audit::COMMIT_TIMEOUT)?,
        online_for: reader.get(audit::ONLINE_FOR)?,
    })
}

fn head_file(reader: &mut Reader, store: &StoreLocation) -> Result<Option<PathBuf>, ReportedFault> {
    match (reader.get(audit::HEAD_FILE)?, store) {
        (Some(path), _) => files::check_parent(reader, audit::HEAD_FILE, &path).map(|()| Some(path)),
        (None, StoreLocation::Sqlite(path)) => Ok(Some(files::next_to(path, ".head"))),
        (None, StoreLocation::Postgres(_)) => {
            reader.warn(audit::HEAD_FILE, "not set: a trail that was cut off at its end looks like a whole one");
            Ok(None)
        }
    }
}

fn store(reader: &mut Reader, is_demo: bool) -> Result<StoreLocation, ReportedFault> {
    let text = reader.get(audit::STORE)?;
    if is_demo && !reader.is_set(audit::STORE) && !reader.is_set(audit::CHAIN_KEY_FILE) {
        // Each start makes a new key, so it could not continue the file of an earlier start.
        reader.warn(audit::STORE, "not set, nor are its keys: the trail is in memory, and gone after a restart");
        return Ok(StoreLocation::Sqlite(PathBuf::from(MEMORY)));
    }
    match urls::scheme(&text) {
        "sqlite" => {
            for key in [audit::STORE_PASSWORD_FILE, audit::STORE_CA] {
                if reader.is_set(key) {
                    reader.warn(key, "is not used, since audit.store is a file");
                }
            }
            let _ = files::secret_contents(reader, audit::STORE_PASSWORD_FILE);
            sqlite(reader, text.trim_start_matches("sqlite:"), is_demo)
        }
        "postgres" | "postgresql" => {
            urls::store(reader, audit::STORE, &text, audit::STORE_PASSWORD_FILE).map(StoreLocation::Postgres)
        }
        _ => Err(reader.fault(audit::STORE, "wanted sqlite:PATH or postgres://HOST:PORT/DATABASE")),
    }
}

fn sqlite(reader: &mut Reader, path: &str, is_demo: bool) -> Result<StoreLocation, ReportedFault> {
    let problem = if let Some(plain) = of_url(path) {
        format!("is not a URL: sqlite: is followed by the path of a file, without options; write sqlite:{plain}")
    } else if path.is_empty() {
        "wanted sqlite:PATH, such as sqlite:cpis-fhir-audit.db or sqlite:/var/lib/cpis-fhir/audit.db".to_owned()
    } else if path == MEMORY && !is_demo {
        "a trail in memory is no trail; wanted the path of a file".to_owned()
    } else {
        let path = PathBuf::from(path);
        if path != Path::new(MEMORY) {
            files::check_parent(reader, audit::STORE, &path)?;
        }
        return Ok(StoreLocation::Sqlite(path));
    };
    Err(reader.fault(audit::STORE, problem))
}

/// The path inside text that other software reads as a file URL: `///path`, `file:path`, `path?mode=rwc`, `path#part`.
/// `None` if the text is a plain path.
fn of_url(text: &str) -> Option<&str> {
    let path = text.strip_prefix("file:").unwrap_or(text);
    let path = path.find(['?', '#']).map_or(path, |end| &path[..end]);
    let slashes = path.len() - path.trim_start_matches('/').len();
    let path = if slashes > 1 { &path[slashes - 1..] } else { path };
    (path != text).then_some(if path.is_empty() || path == "/" { "PATH" } else { path })
}
