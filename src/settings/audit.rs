//! `audit.*`: where the trail is kept, and with which keys.

use super::key_file::{self, WhenAbsent};
use super::reader::Reader;
use super::{certificates, files, urls};
use crate::audit::{Options, StoreLocation};
use std::path::PathBuf;

/// The path of a trail that is in memory: for a demonstration only.
pub(super) const MEMORY: &str = ":memory:";

pub(super) fn read(reader: &mut Reader, is_demo: bool) -> Option<Options> {
    let store = store(reader, is_demo);
    let store_ca = store_ca(reader);
    let when_absent = if is_demo { WhenAbsent::Random } else { WhenAbsent::Required(" (unless access.modes is demo)") };
    let chain_keys = key_file::keys(reader, "audit.chain_key_file", when_absent);
    let encryption_keys = key_file::keys(reader, "audit.encryption_key_file", when_absent);
    let store = store?;
    let head_file = match (reader.path("audit.head_file"), &store) {
        (Some(path), _) => files::check_parent(reader, "audit.head_file", &path).map(|()| path),
        (None, StoreLocation::Sqlite(path)) if !reader.is_set("audit.head_file") => Some(files::beside(path, ".head")),
        (None, StoreLocation::Postgres(_)) if !reader.is_set("audit.head_file") => {
            reader.warn("audit.head_file", "not set: a trail that was cut off at its end cannot be told from a whole one");
            None
        }
        (None, _) => None,
    };
    Some(Options {
        store,
        store_ca,
        chain_keys: chain_keys?,
        encryption_keys: encryption_keys?,
        head_file,
        commit_timeout: reader.duration("audit.commit_timeout")?,
        online_for: reader.duration("audit.online_for")?,
    })
}

fn store(reader: &mut Reader, is_demo: bool) -> Option<StoreLocation> {
    const NAME: &str = "audit.store";
    let text = reader.text(NAME)?;
    if is_demo && !reader.is_set(NAME) && !reader.is_set("audit.chain_key_file") {
        // With a key of its own for each start, a file of an earlier one could not be continued.
        reader.warn(NAME, "not set, nor are its keys: the trail is in memory, and gone after a restart");
        return Some(StoreLocation::Sqlite(PathBuf::from(MEMORY)));
    }
    match urls::scheme(&text) {
        "sqlite" => {
            for name in ["audit.store_password_file", "audit.store_ca"] {
                if reader.is_set(name) {
                    reader.warn(name, "is not used, since audit.store is a file");
                }
            }
            let _ = files::secret_contents(reader, "audit.store_password_file");
            sqlite(reader, text.trim_start_matches("sqlite:"), is_demo)
        }
        "postgres" | "postgresql" => urls::store(reader, NAME, &text, "audit.store_password_file").map(StoreLocation::Postgres),
        _ => {
            reader.fault(NAME, "wanted sqlite:PATH or postgres://HOST:PORT/DATABASE");
            None
        }
    }
}

/// `None` when it is not set, and after a fault.
fn store_ca(reader: &mut Reader) -> Option<Vec<u8>> {
    const NAME: &str = "audit.store_ca";
    let pem = files::contents(reader, NAME)?;
    certificates::check_authorities(reader, NAME, &pem).map(|()| pem.to_vec())
}

fn sqlite(reader: &mut Reader, path: &str, is_demo: bool) -> Option<StoreLocation> {
    const NAME: &str = "audit.store";
    if let Some(plain) = of_url(path) {
        reader
            .fault(NAME, format!("is not a URL: the path of a file stands after sqlite:, without options; write sqlite:{plain}"));
        return None;
    }
    if path.is_empty() {
        reader.fault(NAME, "wanted sqlite:PATH, such as sqlite:cpis-fhir-audit.db or sqlite:/var/lib/cpis-fhir/audit.db");
        return None;
    }
    if path == MEMORY {
        if !is_demo {
            reader.fault(NAME, "a trail in memory is no trail; wanted the path of a file");
            return None;
        }
        return Some(StoreLocation::Sqlite(PathBuf::from(path)));
    }
    let path = PathBuf::from(path);
    files::check_parent(reader, NAME, &path)?;
    Some(StoreLocation::Sqlite(path))
}

/// The path in what other software would take for the URL of a file: `///path`, `file:path`, `path?mode=rwc`, `path#part`.
/// `None`: it is a path.
fn of_url(text: &str) -> Option<&str> {
    let path = text.strip_prefix("file:").unwrap_or(text);
    let path = path.find(['?', '#']).map_or(path, |end| &path[..end]);
    let slashes = path.len() - path.trim_start_matches('/').len();
    let path = if slashes > 1 { &path[slashes - 1..] } else { path };
    (path != text).then_some(if path.is_empty() || path == "/" { "PATH" } else { path })
}
