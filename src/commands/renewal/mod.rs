//! Renews certificates, keys and passwords while the service runs, without dropping a request.
//!
//! [`watch`] polls the files that the settings name; SIGHUP reads them at once. Each part is read and put in place separately. If it
//! cannot be used, the previous one stays in use: the log and the trail say so, and a metric counts it.

mod keys;
mod report;
mod watch;

pub use watch::watch;

use crate::api::tls::ListenerTls;
use crate::api::{App, Bound, ServerTls};
use crate::audit::{self, Entry, Event};
use crate::cpis::{Credentials, Register};
use crate::fhir::id::IdKeys;
use crate::settings::{FileVersion, Part, Renewal, Settings, SettingsError, SmspCredentials};
use crate::telemetry::{self, certificates};
use crate::{lookup, secret};
use actix_web::web;
use report::RenewalReport;
use std::sync::{Arc, Mutex, PoisonError};

/// Reads the settings again, with the same file and variables as at the start. The argument is the settings at the start.
pub type SettingsSource = Box<dyn Fn(&Settings) -> Result<Renewal, SettingsError> + Send + Sync>;

/// A service whose certificates and keys can be renewed.
pub struct Renewer {
    source: SettingsSource,
    /// The settings with which the service started.
    started: Arc<Settings>,
    app: web::Data<App>,
    register: Arc<dyn Register>,
    trail: audit::Renewable,
    public_tls: Option<Arc<ListenerTls>>,
    admin_tls: Option<Arc<ListenerTls>>,
    /// The settings in use now.
    now: Mutex<Settings>,
}

/// Why the settings are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trigger {
    /// A file changed.
    FileChange,
    /// SIGHUP arrived.
    Hangup,
}

impl Renewer {
    pub fn new(
        source: SettingsSource,
        started: Arc<Settings>,
        app: web::Data<App>,
        register: Arc<dyn Register>,
        trail: audit::Renewable,
        bound: &Bound,
    ) -> Self {
        let now = Mutex::new(Settings::clone(&started));
        let (public_tls, admin_tls) = (bound.public_tls.clone(), bound.admin_tls.clone());
        Self { source, started, app, register, trail, public_tls, admin_tls, now }
    }

    /// Reads everything again and puts in place what changed and can be used. Returns the files to watch from now on, if they are
    /// known. Blocks on files and waits for the trail.
    async fn renew(&self, trigger: Trigger) -> Option<Vec<FileVersion>> {
        if trigger == Trigger::Hangup {
            self.app.access.read_keys_again();
        }
        let mut report = RenewalReport::default();
        let read = tokio::task::block_in_place(|| (self.source)(&self.started));
        let files = match read {
            Ok(renewal) => Some(self.put_in_place(renewal, &mut report)),
            Err(error) => {
                report.keep_all(error.faults());
                None
            }
        };
        if report.renewed("smsp") {
            self.app.register_health.forget().await;
        }
        if let Some(detail) = report.publish(trigger == Trigger::Hangup) {
            let entry = Entry { detail: Some(detail), ..Entry::of(Event::Reloaded) };
            // The renewal stays in effect. The entry is written as soon as the trail accepts it.
            if self.app.trail.record(&entry).await.is_err() {
                self.app.trail.record_when_possible(&entry);
            }
        }
        files
    }

    fn put_in_place(&self, renewal: Renewal, report: &mut RenewalReport) -> Vec<FileVersion> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let Renewal { smsp, server_tls, admin_tls, issuer_authorities, id_keys, audit, store, waiting, files } = renewal;
        self.smsp(smsp, &mut now, report);
        listener("server.tls", self.public_tls.as_deref(), server_tls, &mut now.api.server.tls, report);
        listener("admin.tls", self.admin_tls.as_deref(), admin_tls, &mut now.api.admin.tls, report);
        self.issuers(issuer_authorities, &mut now, report);
        report.part("fhir.id_key_file", id_keys, |keys| {
            keys.filter(|keys| *keys != now.id_keys).map(|keys| self.ids(keys, &mut now))
        });
        let is_waiting = |name: &str| waiting.iter().any(|waits| waits == name);
        report.part("audit", audit, |read| {
            let audit = renewed_audit(read?, &now.audit, is_waiting("audit.store"));
            (audit != now.audit).then(|| self.trail(audit, &mut now))
        });
        report.part("lookup", store, |read| {
            let store = renewed_store(read?, &now.lookup.store, is_waiting("lookup.store"));
            (store != now.lookup.store).then(|| self.table(store, &mut now))
        });
        report.wait(waiting);
        observe_certificates(&now);
        files
    }

    fn smsp(&self, read: Part<SmspCredentials>, now: &mut Settings, report: &mut RenewalReport) {
        report.part("smsp", read, |SmspCredentials { mut connection, common_name }| {
            let before = &now.smsp.connection;
            connection.connect_timeout = before.connect_timeout;
            if connection == *before {
                return None;
            }
            let username = if now.smsp.is_username_from_certificate {
                match common_name {
                    None => return Some(Err("the certificate has no common name, and smsp.username is not set".to_owned())),
                    named => named,
                }
            } else {
                None
            };
            let credentials = Credentials {
                ca_pem: connection.ca_pem.clone(),
                client_cert_pem: connection.client_cert_pem.clone(),
                client_key_pem: connection.client_key_pem.clone(),
                username,
            };
            let renewed = self.register.renew(credentials).map_err(|error| error.to_string());
            Some(renewed.map(|()| now.smsp.connection = connection))
        });
    }

    fn issuers(&self, read: Part<Vec<Option<Vec<u8>>>>, now: &mut Settings, report: &mut RenewalReport) {
        report.part("access.issuers", read, |authorities| {
            let before = now.access.issuers.iter().map(|issuer| &issuer.ca_pem);
            // A different number of issuers waits for the next start.
            if authorities.len() != now.access.issuers.len() || authorities.iter().eq(before) {
                return None;
            }
            let renewed = self.app.access.renew_authorities(&authorities).map_err(str::to_owned);
            Some(renewed.map(|()| {
                for (issuer, ca_pem) in now.access.issuers.iter_mut().zip(authorities) {
                    issuer.ca_pem = ca_pem;
                }
            }))
        });
    }

    fn ids(&self, id_keys: Vec<secret::KeyMaterial>, now: &mut Settings) -> Result<(), String> {
        keys::keep_the_writing_one("fhir.id_key_file", &now.id_keys, &id_keys)?;
        let ids = IdKeys::new(id_keys.iter().map(|key| *key.bytes()).collect()).map_err(|error| error.to_string())?;
        self.app.renew_ids(ids);
        now.id_keys = id_keys;
        Ok(())
    }

    fn trail(&self, audit: audit::Options, now: &mut Settings) -> Result<(), String> {
        keys::keep_the_writing_one("audit.chain_key_file", &now.audit.chain_keys, &audit.chain_keys)?;
        keys::keep_the_writing_one("audit.encryption_key_file", &now.audit.encryption_keys, &audit.encryption_keys)?;
        self.trail.renew(&audit).map_err(|error| error.to_string())?;
        now.audit = audit;
        Ok(())
    }

    fn table(&self, store: lookup::Store, now: &mut Settings) -> Result<(), String> {
        let before = &now.lookup.store.keys;
        if !store.keys.is_empty() && !before.is_empty() {
            keys::keep_the_writing_one("lookup.store_key_file", before, &store.keys)?;
        }
        self.app.lookups.renew_table(&store).map_err(|error| error.to_string())?;
        now.lookup.store = store;
        Ok(())
    }
}

/// Takes only keys, CAs and the password: another store waits for the next start.
fn renewed_audit(read: audit::Options, now: &audit::Options, is_other_store: bool) -> audit::Options {
    let audit::Options { store, store_ca, chain_keys, encryption_keys, .. } = read;
    let store = if is_other_store { now.store.clone() } else { store };
    audit::Options { store, store_ca, chain_keys, encryption_keys, ..now.clone() }
}

fn renewed_store(read: lookup::Store, now: &lookup::Store, is_other_store: bool) -> lookup::Store {
    let location = if is_other_store { now.location.clone() } else { read.location };
    lookup::Store { location, ..read }
}

fn listener(
    name: &'static str,
    tls: Option<&ListenerTls>,
    read: Part<Option<ServerTls>>,
    now: &mut Option<ServerTls>,
    report: &mut RenewalReport,
) {
    report.part(name, read, |read| {
        if read == *now {
            return None;
        }
        let renewed = match (tls, &read) {
            (Some(tls), Some(read)) => tls.renew(read),
            _ => Err("whether the listener speaks TLS cannot change before the next start".to_owned()),
        };
        Some(renewed.map(|()| *now = read))
    });
}

/// Sets the certificates in `settings` whose remaining days the metrics show.
pub fn observe_certificates(settings: &Settings) {
    let own = |tls: Option<&ServerTls>| tls.and_then(|tls| certificates::ends(&tls.cert_pem));
    let connection = &settings.smsp.connection;
    let ends = [
        ("smsp-client", certificates::ends(&connection.client_cert_pem)),
        ("smsp-ca", certificates::ends(&connection.ca_pem)),
        ("server", own(settings.api.server.tls.as_ref())),
        ("admin", own(settings.api.admin.tls.as_ref())),
    ];
    let ends: Vec<_> = ends.into_iter().filter_map(|(name, end)| Some((name, end?))).collect();
    telemetry::metrics()
        .observe_certificates(move || ends.iter().map(|(name, end)| (*name, certificates::days_until(*end))).collect());
}
