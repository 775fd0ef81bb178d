//! `lookup.*`: how looks are shared, where replicas share them, and where they outlive a restart.

use super::audit::MEMORY;
use super::key_file::{self, WhenAbsent};
use super::reader::Reader;
use super::{certificates, files, urls};
use crate::audit;
use crate::lookup::{Options, StoreLocation};
use std::path::{Path, PathBuf};

pub(super) fn read(reader: &mut Reader, is_demo: bool) -> Option<Options> {
    let store = store(reader);
    let is_outside = matches!(store, Some(StoreLocation::Redis(_)));
    let when_absent = match (is_outside, is_demo) {
        (false, _) => WhenAbsent::NoKeys,
        (true, true) => WhenAbsent::Random,
        (true, false) => WhenAbsent::Required(" while lookup.store is outside this process"),
    };
    let store_keys = key_file::keys(reader, "lookup.store_key_file", when_absent);
    let store_ca = store_ca(reader, store.as_ref());
    if matches!(store, Some(StoreLocation::Memory)) {
        for name in ["lookup.store_key_file", "lookup.store_password_file", "lookup.store_ca"] {
            if reader.is_set(name) {
                reader.warn(name, "is not used, since lookup.store is memory");
            }
        }
        // Wrong all the same: it will be missed on the day that it is used.
        let _ = files::secret_contents(reader, "lookup.store_password_file");
    }
    let share_for = reader.duration("lookup.share_for");
    let follows = if reader.is_set("lookup.refresh_after") { None } else { share_for };
    Some(Options {
        share_for: share_for?,
        refresh_after: follows.or_else(|| reader.duration("lookup.refresh_after"))?,
        store: store?,
        store_keys: store_keys?,
        store_ca: store_ca?,
        window_file: None,
    })
}

/// Where the answers of `lookup` outlive a restart: beside a trail in a file, unless another place is named. What replicas share in Redis
/// is remembered there, and a trail in memory ends with its looks.
pub(super) fn window_file(reader: &mut Reader, lookup: &Options, trail: &audit::Options) -> Option<PathBuf> {
    const NAME: &str = "lookup.window_file";
    let unused = match (&lookup.store, &trail.store) {
        (StoreLocation::Redis(_), _) => Some("since lookup.store remembers"),
        (_, audit::StoreLocation::Sqlite(path)) if path == Path::new(MEMORY) => Some("since the trail is in memory"),
        _ => None,
    };
    match (reader.is_set(NAME), unused, &trail.store) {
        (true, Some(why), _) => {
            reader.warn(NAME, format!("is not used, {why}"));
            None
        }
        (true, None, _) => {
            let path = reader.path(NAME)?;
            files::check_parent(reader, NAME, &path)?;
            check_own(reader, NAME, &path, trail)
        }
        (false, None, audit::StoreLocation::Sqlite(path)) => Some(files::beside(path, ".window")),
        (false, None, audit::StoreLocation::Postgres(_)) => {
            reader.warn(NAME, "not set: after a restart answers are not shared, and a repeated request is refused instead");
            None
        }
        (false, Some(_), _) => None,
    }
}

/// A file that would be overwritten must not be the trail or its head.
fn check_own(reader: &mut Reader, name: &str, path: &Path, trail: &audit::Options) -> Option<PathBuf> {
    let is_store = matches!(&trail.store, audit::StoreLocation::Sqlite(store) if store == path);
    if is_store || trail.head_file.as_deref() == Some(path) {
        reader.fault(name, "is the file of the trail or of its head; wanted a file of its own");
        return None;
    }
    Some(path.to_owned())
}

/// The outer `None` is a fault.
#[allow(clippy::option_option)]
fn store_ca(reader: &mut Reader, store: Option<&StoreLocation>) -> Option<Option<Vec<u8>>> {
    const NAME: &str = "lookup.store_ca";
    if !reader.is_set(NAME) {
        return Some(None);
    }
    if matches!(store, Some(StoreLocation::Redis(url)) if !url.expose().starts_with("rediss:")) {
        reader.fault(NAME, "is for rediss:// only, since redis:// is not encrypted; take it out or change lookup.store");
        return None;
    }
    let pem = files::contents(reader, NAME)?;
    certificates::check_authorities(reader, NAME, &pem)?;
    Some(Some(pem.to_vec()))
}

fn store(reader: &mut Reader) -> Option<StoreLocation> {
    const NAME: &str = "lookup.store";
    let text = reader.text(NAME)?;
    match urls::scheme(&text) {
        "memory" if text == "memory" => Some(StoreLocation::Memory),
        "redis" | "rediss" => urls::store(reader, NAME, &text, "lookup.store_password_file").map(StoreLocation::Redis),
        _ => {
            reader.fault(NAME, "wanted memory, redis://HOST:PORT/DB or rediss://HOST:PORT/DB");
            None
        }
    }
}
