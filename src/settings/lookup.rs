//! `lookup.*`: how looks are shared, where replicas share them, and where they survive a restart.

use super::audit::MEMORY;
use super::key_file::{self, MissingKeyFile};
use super::reader::{Reader, ReportedFault};
use super::table::{lookup, smsp};
use super::{certificates, files, urls};
use crate::audit;
use crate::lookup::{BreakerRules, BulkheadRules, Patience, Rules, Sharing, Store, StoreLocation};
use std::path::{Path, PathBuf};

/// The rules for looks, from `lookup.*` and `smsp.*`.
pub(super) fn rules(reader: &Reader) -> Result<Rules, ReportedFault> {
    let share_for = reader.get(lookup::SHARE_FOR)?;
    Ok(Rules {
        patience: Patience {
            connect: reader.get(smsp::CONNECT_TIMEOUT)?,
            caller: reader.get(smsp::TIMEOUT)?,
            late: reader.get(smsp::LATE_TIMEOUT)?,
        },
        sharing: Sharing { share_for, refresh_after: reader.get(lookup::REFRESH_AFTER)?.unwrap_or(share_for) },
        bulkhead: BulkheadRules { max_in_flight: reader.get(smsp::MAX_IN_FLIGHT)?, max_queued: reader.get(smsp::MAX_QUEUED)? },
        breaker: BreakerRules { failures: reader.get(smsp::BREAKER_FAILURES)?, open_for: reader.get(smsp::BREAKER_OPEN_FOR)? },
    })
}

/// Where looks are shared.
pub(super) fn store(reader: &mut Reader, is_demo: bool) -> Result<Store, ReportedFault> {
    let location = location(reader);
    let when_absent = match (&location, is_demo) {
        (Ok(StoreLocation::Redis(_)), true) => MissingKeyFile::Random,
        (Ok(StoreLocation::Redis(_)), false) => MissingKeyFile::Required(" while lookup.store is outside this process"),
        _ => MissingKeyFile::NoKeys,
    };
    let keys = key_file::keys(reader, lookup::STORE_KEY_FILE, when_absent);
    let ca = store_ca(reader, location.as_ref().ok());
    if matches!(location, Ok(StoreLocation::Memory)) {
        for key in [lookup::STORE_KEY_FILE, lookup::STORE_PASSWORD_FILE, lookup::STORE_CA] {
            if reader.is_set(key) {
                reader.warn(key, "is not used, since lookup.store is memory");
            }
        }
        // A fault even now: it would only be noticed on the day that the file is used.
        let _ = files::secret_contents(reader, lookup::STORE_PASSWORD_FILE);
    }
    Ok(Store { location: location?, keys: keys?, ca: ca? })
}

/// Where shared answers survive a restart: next to an SQLite trail, unless another file is named. With Redis the store itself keeps
/// them, and with a trail in memory nothing is kept.
pub(super) fn window_file(reader: &mut Reader, store: &Store, trail: &audit::Options) -> Result<Option<PathBuf>, ReportedFault> {
    let unused = match (&store.location, &trail.store) {
        (StoreLocation::Redis(_), _) => Some("since lookup.store remembers"),
        (_, audit::StoreLocation::Sqlite(path)) if path == Path::new(MEMORY) => Some("since the trail is in memory"),
        _ => None,
    };
    match (reader.get(lookup::WINDOW_FILE)?, unused, &trail.store) {
        (Some(_), Some(why), _) => {
            reader.warn(lookup::WINDOW_FILE, format!("is not used, {why}"));
            Ok(None)
        }
        (Some(path), None, _) => {
            files::check_parent(reader, lookup::WINDOW_FILE, &path)?;
            check_own(reader, &path, trail)?;
            Ok(Some(path))
        }
        (None, None, audit::StoreLocation::Sqlite(path)) => Ok(Some(files::next_to(path, ".window"))),
        (None, None, audit::StoreLocation::Postgres(_)) => {
            let warning = "not set: after a restart answers are not shared, and a repeated request is refused instead";
            reader.warn(lookup::WINDOW_FILE, warning);
            Ok(None)
        }
        (None, Some(_), _) => Ok(None),
    }
}

/// The window file is overwritten, so it must not be the trail or its head file.
fn check_own(reader: &mut Reader, path: &Path, trail: &audit::Options) -> Result<(), ReportedFault> {
    let is_store = matches!(&trail.store, audit::StoreLocation::Sqlite(store) if store == path);
    if is_store || trail.head_file.as_deref() == Some(path) {
        let problem = "is the file of the trail or of its head; wanted a separate file";
        return Err(reader.fault(lookup::WINDOW_FILE, problem));
    }
    Ok(())
}

fn store_ca(reader: &mut Reader, location: Option<&StoreLocation>) -> Result<Option<Vec<u8>>, ReportedFault> {
    let is_plain = matches!(location, Some(StoreLocation::Redis(url)) if !url.expose().starts_with("rediss:"));
    if is_plain && reader.is_set(lookup::STORE_CA) {
        let problem = "is for rediss:// only, since redis:// is not encrypted; take it out or change lookup.store";
        return Err(reader.fault(lookup::STORE_CA, problem));
    }
    certificates::authorities(reader, lookup::STORE_CA)
}

fn location(reader: &mut Reader) -> Result<StoreLocation, ReportedFault> {
    let text = reader.get(lookup::STORE)?;
    match urls::scheme(&text) {
        "memory" if text == "memory" => Ok(StoreLocation::Memory),
        "redis" | "rediss" => urls::store(reader, lookup::STORE, &text, lookup::STORE_PASSWORD_FILE).map(StoreLocation::Redis),
        _ => Err(reader.fault(lookup::STORE, "wanted memory, redis://HOST:PORT/DB or rediss://HOST:PORT/DB")),
    }
}
