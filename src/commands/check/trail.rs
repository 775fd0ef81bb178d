//! Checks the trail: whether it can be written, and whether its end is intact. Writes no line and creates nothing.

use super::finding::{Finding, Status};
use crate::audit;
use crate::audit::health::{self, TrailEnd, Writable};
use crate::audit::postgres::Server;
use crate::audit::{EndFault, OpenError, StoreError, StoreErrorKind};
use crate::clock;
use crate::settings::Settings;
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

const STORE: &str = "audit.store";
const END: &str = "audit.end";
const HEAD: &str = "audit.head_file";
const CLOCK: &str = "clock";

/// Clocks of replicas differ by less than this.
const TOLERATED: SignedDuration = SignedDuration::from_mins(1);

/// The findings of the trail, within `limit`.
pub async fn check(settings: &Settings, limit: Duration) -> Vec<Finding> {
    let audit = &settings.audit;
    let until = Instant::now() + limit;
    let slow = || format!("no answer within {limit:?}");
    let tried = timeout_at(until, health::writable(audit, &Handle::current())).await;
    let tried = tried.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Slow, slow())));
    let mut findings = store(settings, &tried);
    match &tried {
        Ok(Writable::InMemory) => return findings,
        Ok(Writable::NotYet | Writable::Database(Server { has_tables: false, .. })) => findings.push(nothing(audit)),
        Err(error) if !may_be_read(error.kind) => findings.push(Finding::skip(END, "not looked at")),
        _ => match timeout_at(until, health::end(audit, Handle::current())).await {
            Ok(end) => findings.extend(of_end(end)),
            Err(_) => findings.push(Finding::fail(END, slow())),
        },
    }
    findings.extend(audit.head_file.as_deref().map(head));
    findings
}

/// A store that cannot be written may still be readable.
fn may_be_read(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::ReadOnly | StoreErrorKind::Full)
}

fn store(settings: &Settings, tried: &Result<Writable, StoreError>) -> Vec<Finding> {
    let shown = match &settings.audit.store {
        audit::StoreLocation::Sqlite(path) => path.display().to_string(),
        audit::StoreLocation::Postgres(url) => url.shown(),
    };
    let one = match tried {
        Err(error) => Finding::fail(STORE, format!("{shown}: {error}; {}", advice(&settings.audit.store, error.kind))),
        Ok(Writable::InMemory) => {
            // If the settings name no store, they warn of this themselves.
            let has_warning = settings.warnings.iter().any(|warning| warning.starts_with("audit.store ("));
            let status = if has_warning { Status::Skip } else { Status::Warn };
            Finding::new(STORE, status, "in memory, for a demonstration only: it is gone after a restart")
        }
        Ok(Writable::NotYet) => Finding::ok(STORE, format!("{shown} is not there yet, and can be made")),
        Ok(Writable::File) => Finding::ok(STORE, format!("{shown} can be written")),
        Ok(Writable::Busy) => Finding::warn(
            STORE,
            format!(
                "{shown} was written to by another for a second on end; if that lasts, nobody can ask: a copy or a shell that holds it?"
            ),
        ),
        Ok(Writable::Database(server)) => return of_database(&shown, server),
    };
    vec![one]
}

fn of_database(shown: &str, server: &Server) -> Vec<Finding> {
    let Server { version, has_tables, may_write, may_change, writes_whole_pages } = server;
    let at = format!("{shown}, PostgreSQL {version}");
    let mut findings = vec![match (has_tables, may_write) {
        (true, true) => Finding::ok(STORE, format!("{at}: this role may append and read")),
        (true, false) => Finding::fail(
            STORE,
            format!("{at}: this role may not append and read; its owner grants that with src/audit/postgres/sql/roles.sql"),
        ),
        (false, true) => Finding::ok(STORE, format!("{at}: no tables yet, and this role may make them")),
        (false, false) => Finding::fail(
            STORE,
            format!("{at}: no tables yet, and this role may not make them; start once with the owner's role"),
        ),
    }];
    if *may_change {
        let message = "this role may also change the trail's tables; one that may only append and read is meant (docs/adr/0008)";
        findings.push(Finding::warn(STORE, message));
    }
    if !writes_whole_pages {
        findings.push(Finding::warn(STORE, "the server runs with full_page_writes=off: a crash may damage the trail"));
    }
    findings
}

fn advice(store: &audit::StoreLocation, kind: StoreErrorKind) -> &'static str {
    match (kind, store) {
        (StoreErrorKind::Full, _) => "make room: nobody can ask before there is some",
        (StoreErrorKind::Damaged | StoreErrorKind::Other, audit::StoreLocation::Sqlite(_)) => "is audit.store the right file?",
        (StoreErrorKind::ReadOnly | StoreErrorKind::Gone, audit::StoreLocation::Sqlite(_)) => {
            "the service's user must be able to write there"
        }
        (StoreErrorKind::ReadOnly, audit::StoreLocation::Postgres(_)) => {
            "look at the rights of the role in audit.store (docs/adr/0008)"
        }
        (_, audit::StoreLocation::Postgres(_)) => "look at audit.store, at its password and CA, and whether the database is up",
        _ => "look at audit.store",
    }
}

/// A trail that does not exist yet has no end. A head file shows that it once existed.
fn nothing(audit: &audit::Options) -> Finding {
    match health::end_without_store(audit) {
        Ok(None) => Finding::skip(END, "nothing is written yet"),
        Ok(Some(found)) => not_whole(found),
        Err(error) => Finding::fail(END, error.to_string()),
    }
}

fn not_whole(fault: EndFault) -> Finding {
    let message = format!(
        "THE TRAIL IS NOT WHOLE: {fault}. Keep the store and the head file as they are, and run `cpis-fhir audit verify` (docs/audit.md)"
    );
    Finding::fail(END, message)
}

fn of_end(end: Result<TrailEnd, OpenError>) -> Vec<Finding> {
    let end = match end {
        Ok(end) => end,
        Err(error) => return vec![Finding::fail(END, error.to_string())],
    };
    let mut findings: Vec<Finding> = end.end_fault.map(not_whole).into_iter().collect();
    findings.extend(end.lost_heads.iter().map(|path| {
        let message =
            format!("{}: a head file that did not fit was kept: lines are gone. Run `cpis-fhir audit verify`", path.display());
        Finding::fail(END, message)
    }));
    if end.sealed > 0 {
        let message = format!(
            "{} of the last lines hold an NHS number that no key of audit.encryption_key_file opens: add the key that they were \
             written with below the one that is to write",
            end.sealed
        );
        findings.push(Finding::fail(END, message));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(END, format!("the last lines are whole, up to line {}", end.tip.seq)));
    }
    findings.extend(end.written.and_then(|written| clock(written, clock::now())));
    findings
}

/// If the last line is from the future, its clock or this one is wrong.
fn clock(written: Timestamp, now: Timestamp) -> Option<Finding> {
    (written.duration_since(now) > TOLERATED).then(|| {
        let message = format!(
            "it is {now:.0} by this machine, and the trail's last line is of {written:.0}: one of the two clocks is wrong"
        );
        Finding::warn(CLOCK, message)
    })
}

fn head(path: &Path) -> Finding {
    match health::head_can_be_written(path) {
        Ok(()) => Finding::ok(HEAD, format!("{} can be written", path.display())),
        Err(error) => Finding::fail(
            HEAD,
            format!(
                "{} cannot be written ({}): lines that are removed from the end could not be noticed",
                path.display(),
                error.kind()
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server { version: "17.2".into(), has_tables: true, may_write: true, may_change: false, writes_whole_pages: true }
    }

    #[test]
    fn a_database_is_as_good_as_its_rights() {
        let status =
            |server: Server| of_database("postgres://db/trail", &server).iter().map(|finding| finding.status).max().unwrap();
        assert_eq!(status(server()), Status::Ok);
        assert_eq!(status(Server { may_write: false, ..server() }), Status::Fail);
        assert_eq!(status(Server { has_tables: false, ..server() }), Status::Ok);
        assert_eq!(status(Server { has_tables: false, may_write: false, ..server() }), Status::Fail);
        assert_eq!(status(Server { may_change: true, ..server() }), Status::Warn);
        assert_eq!(status(Server { writes_whole_pages: false, ..server() }), Status::Warn);
    }

    #[test]
    fn a_clock_that_runs_behind_the_trail_is_warned_of() {
        let now: Timestamp = "2030-12-01T00:00:00Z".parse().unwrap();
        assert_eq!(clock(now, now), None);
        assert_eq!(clock(now + SignedDuration::from_secs(59), now), None);
        let found = clock(now + SignedDuration::from_hours(24), now).unwrap();
        assert_eq!(found.status, Status::Warn);
        assert!(found.message.contains("2030-12-01T00:00:00Z") && found.message.contains("2030-12-02T00:00:00Z"), "{found:?}");
    }
}
