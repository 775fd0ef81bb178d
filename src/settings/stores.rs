//! `lookup.*` and `audit.*`: where shared answers and the trail are kept, and with which keys.

use super::key_file::{self, WhenAbsent};
use super::reader::Reader;
use super::{certificates, files, urls};
use crate::{audit, lookup};
use std::path::{Path, PathBuf};

/// The path of a trail that is in memory: for a demonstration only.
const MEMORY: &str = ":memory:";

pub(super) fn lookup(reader: &mut Reader, is_demo: bool) -> Option<lookup::Options> {
    let store = lookup_store(reader);
    let is_outside = matches!(store, Some(lookup::StoreLocation::Redis(_)));
    let when_absent = match (is_outside, is_demo) {
        (false, _) => WhenAbsent::NoKeys,
        (true, true) => WhenAbsent::Random,
        (true, false) => WhenAbsent::Required(" while lookup.store is outside this process"),
    };
    let store_keys = key_file::keys(reader, "lookup.store_key_file", when_absent);
    let store_ca = lookup_store_ca(reader, store.as_ref());
    if matches!(store, Some(lookup::StoreLocation::Memory)) {
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
    Some(lookup::Options {
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
pub(super) fn window_file(reader: &mut Reader, lookup: &lookup::Options, audit: &audit::Options) -> Option<PathBuf> {
    const NAME: &str = "lookup.window_file";
    let unused = match (&lookup.store, &audit.store) {
        (lookup::StoreLocation::Redis(_), _) => Some("since lookup.store remembers"),
        (_, audit::StoreLocation::Sqlite(path)) if path == Path::new(MEMORY) => Some("since the trail is in memory"),
        _ => None,
    };
    match (reader.is_set(NAME), unused, &audit.store) {
        (true, Some(why), _) => {
            reader.warn(NAME, format!("is not used, {why}"));
            None
        }
        (true, None, _) => {
            let path = reader.path(NAME)?;
            check_parent(reader, NAME, &path)?;
            check_own(reader, NAME, &path, audit)
        }
        (false, None, audit::StoreLocation::Sqlite(path)) => Some(beside(path, ".window")),
        (false, None, audit::StoreLocation::Postgres(_)) => {
            reader.warn(NAME, "not set: after a restart answers are not shared, and a repeated request is refused instead");
            None
        }
        (false, Some(_), _) => None,
    }
}

/// A file that would be overwritten must not be the trail or its head.
fn check_own(reader: &mut Reader, name: &str, path: &Path, audit: &audit::Options) -> Option<PathBuf> {
    let is_store = matches!(&audit.store, audit::StoreLocation::Sqlite(store) if store == path);
    if is_store || audit.head_file.as_deref() == Some(path) {
        reader.fault(name, "is the file of the trail or of its head; wanted a file of its own");
        return None;
    }
    Some(path.to_owned())
}

/// The outer `None` is a fault.
#[allow(clippy::option_option)]
fn lookup_store_ca(reader: &mut Reader, store: Option<&lookup::StoreLocation>) -> Option<Option<Vec<u8>>> {
    const NAME: &str = "lookup.store_ca";
    if !reader.is_set(NAME) {
        return Some(None);
    }
    if matches!(store, Some(lookup::StoreLocation::Redis(url)) if !url.expose().starts_with("rediss:")) {
        reader.fault(NAME, "is for rediss:// only, since redis:// is not encrypted; take it out or change lookup.store");
        return None;
    }
    let pem = files::contents(reader, NAME)?;
    certificates::check_authorities(reader, NAME, &pem)?;
    Some(Some(pem.to_vec()))
}

fn lookup_store(reader: &mut Reader) -> Option<lookup::StoreLocation> {
    const NAME: &str = "lookup.store";
    let text = reader.text(NAME)?;
    match scheme(&text) {
        "memory" if text == "memory" => Some(lookup::StoreLocation::Memory),
        "redis" | "rediss" => urls::store(reader, NAME, &text, "lookup.store_password_file").map(lookup::StoreLocation::Redis),
        _ => {
            reader.fault(NAME, "wanted memory, redis://HOST:PORT/DB or rediss://HOST:PORT/DB");
            None
        }
    }
}

pub(super) fn audit(reader: &mut Reader, is_demo: bool) -> Option<audit::Options> {
    let store = audit_store(reader, is_demo);
    let store_ca = audit_store_ca(reader);
    let when_absent = if is_demo { WhenAbsent::Random } else { WhenAbsent::Required(" (unless access.modes is demo)") };
    let chain_keys = key_file::keys(reader, "audit.chain_key_file", when_absent);
    let encryption_keys = key_file::keys(reader, "audit.encryption_key_file", when_absent);
    let store = store?;
    let head_file = match (reader.path("audit.head_file"), &store) {
        (Some(path), _) => check_parent(reader, "audit.head_file", &path).map(|()| path),
        (None, audit::StoreLocation::Sqlite(path)) if !reader.is_set("audit.head_file") => Some(beside(path, ".head")),
        (None, audit::StoreLocation::Postgres(_)) if !reader.is_set("audit.head_file") => {
            reader.warn("audit.head_file", "not set: a trail that was cut off at its end cannot be told from a whole one");
            None
        }
        (None, _) => None,
    };
    Some(audit::Options {
        store,
        store_ca,
        chain_keys: chain_keys?,
        encryption_keys: encryption_keys?,
        head_file,
        commit_timeout: reader.duration("audit.commit_timeout")?,
        online_for: reader.duration("audit.online_for")?,
    })
}

fn audit_store(reader: &mut Reader, is_demo: bool) -> Option<audit::StoreLocation> {
    const NAME: &str = "audit.store";
    let text = reader.text(NAME)?;
    if is_demo && !reader.is_set(NAME) && !reader.is_set("audit.chain_key_file") {
        // With a key of its own for each start, a file of an earlier one could not be continued.
        reader.warn(NAME, "not set, nor are its keys: the trail is in memory, and gone after a restart");
        return Some(audit::StoreLocation::Sqlite(PathBuf::from(MEMORY)));
    }
    match scheme(&text) {
        "sqlite" => {
            for name in ["audit.store_password_file", "audit.store_ca"] {
                if reader.is_set(name) {
                    reader.warn(name, "is not used, since audit.store is a file");
                }
            }
            let _ = files::secret_contents(reader, "audit.store_password_file");
            sqlite(reader, text.trim_start_matches("sqlite:"), is_demo)
        }
        "postgres" | "postgresql" => {
            urls::store(reader, NAME, &text, "audit.store_password_file").map(audit::StoreLocation::Postgres)
        }
        _ => {
            reader.fault(NAME, "wanted sqlite:PATH or postgres://HOST:PORT/DATABASE");
            None
        }
    }
}

/// `None` when it is not set, and after a fault.
fn audit_store_ca(reader: &mut Reader) -> Option<Vec<u8>> {
    const NAME: &str = "audit.store_ca";
    let pem = files::contents(reader, NAME)?;
    certificates::check_authorities(reader, NAME, &pem).map(|()| pem.to_vec())
}

fn sqlite(reader: &mut Reader, path: &str, is_demo: bool) -> Option<audit::StoreLocation> {
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
        return Some(audit::StoreLocation::Sqlite(PathBuf::from(path)));
    }
    let path = PathBuf::from(path);
    check_parent(reader, NAME, &path)?;
    Some(audit::StoreLocation::Sqlite(path))
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

/// A file that will be made needs its folder now.
fn check_parent(reader: &mut Reader, name: &str, path: &Path) -> Option<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let problem = if path.is_dir() {
        format!("{} is a folder; wanted a file", path.display())
    } else if !parent.is_dir() {
        format!("the folder {} does not exist", parent.display())
    } else {
        return Some(());
    };
    reader.fault(name, problem);
    None
}

fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn scheme(text: &str) -> &str {
    text.split(':').next().unwrap_or_default()
}
