//! `server.*` and `admin.*`: the two listeners.

use super::key::Key;
use super::reader::{Reader, ReportedFault};
use super::table::{admin, server};
use super::urls::{Scheme, read_web, web};
use super::{certificates, files};
use crate::api::{AdminOptions, ServerOptions, ServerTls};
use crate::secret::SecretPem;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The keys of a listener's TLS.
#[derive(Clone, Copy)]
pub(super) struct TlsKeys {
    group: &'static str,
    pub cert: Key<Option<PathBuf>>,
    key: Key<Option<PathBuf>>,
    pub client_ca: Key<Option<PathBuf>>,
}

pub(super) const SERVER_TLS: TlsKeys =
    TlsKeys { group: "server.tls", cert: server::TLS_CERT, key: server::TLS_KEY, client_ca: server::TLS_CLIENT_CA };

pub(super) const ADMIN_TLS: TlsKeys =
    TlsKeys { group: "admin.tls", cert: admin::TLS_CERT, key: admin::TLS_KEY, client_ca: admin::TLS_CLIENT_CA };

/// Reads both listeners. A demonstration listens on loopback only.
pub(super) fn read(reader: &mut Reader, is_demo: bool) -> Result<(ServerOptions, AdminOptions), ReportedFault> {
    let (listen, admin_listen) = (reader.get(server::LISTEN), reader.get(admin::LISTEN));
    if is_demo {
        keep_on_loopback(reader, server::LISTEN);
        keep_on_loopback(reader, admin::LISTEN);
    }
    keep_apart(reader);
    let base_path = base_path(reader);
    let public_url = read_web(reader, server::PUBLIC_URL, Scheme::Base);
    if let (Ok(Some(url)), Ok(base_path)) = (&public_url, &base_path)
        && !url.path().trim_end_matches('/').ends_with(base_path.as_str())
    {
        reader.warn(server::PUBLIC_URL, "does not end with server.base_path; right only where a gateway changes the path");
    }
    let cors_origins = cors_origins(reader);
    let tls = tls(reader, SERVER_TLS);
    let admin_tls = self::tls(reader, ADMIN_TLS);
    let server =
        ServerOptions { listen: listen?, base_path: base_path?, public_url: public_url?, cors_origins: cors_origins?, tls: tls? };
    Ok((server, AdminOptions { listen: admin_listen?, tls: admin_tls? }))
}

/// Origins as browsers write them: others would never match. `*` is not an origin: not every page may read answers.
fn cors_origins(reader: &mut Reader) -> Result<Vec<String>, ReportedFault> {
    let origins = reader.get(server::CORS_ORIGINS)?;
    let is_origin = |text: &String| {
        web(text, Scheme::HttpsOrLoopback).is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == *text)
    };
    if origins.iter().all(is_origin) {
        return Ok(origins);
    }
    let wanted = "wanted origins as browsers send them: https://app.trust.example, in small letters, without a path or a usual port (http on loopback)";
    Err(reader.fault(server::CORS_ORIGINS, wanted))
}

fn keep_on_loopback(reader: &mut Reader, listen: Key<SocketAddr>) {
    if reader.get(listen).is_ok_and(|address| !address.ip().is_loopback()) {
        reader.fault(listen, "access.modes is demo, which asks nobody who they are; wanted a loopback address such as 127.0.0.1");
    }
}

fn keep_apart(reader: &mut Reader) {
    let (Ok(server), Ok(admin)) = (reader.get(server::LISTEN), reader.get(admin::LISTEN)) else { return };
    let covers = server.ip() == admin.ip() || server.ip().is_unspecified() || admin.ip().is_unspecified();
    if server.port() == admin.port() && server.port() != 0 && covers {
        reader.fault(admin::LISTEN, "is the address and port of server.listen; wanted another port");
    }
}

fn base_path(reader: &mut Reader) -> Result<String, ReportedFault> {
    let path = reader.get(server::BASE_PATH)?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(is_plain);
    if path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_part)) {
        return Ok(path);
    }
    Err(reader.fault(
        server::BASE_PATH,
        "wanted a path such as /FHIR/R4 that starts with / and does not end with it; letters, digits and -._~ only, no . or ..",
    ))
}

pub(super) fn tls(reader: &mut Reader, keys: TlsKeys) -> Result<Option<ServerTls>, ReportedFault> {
    let TlsKeys { group, cert, key, client_ca } = keys;
    if !reader.is_any_set(group) {
        return Ok(None);
    }
    let given: Vec<String> = [cert, key, client_ca].iter().filter(|key| reader.is_set(**key)).map(Key::to_string).collect();
    for missing in [cert, key] {
        if !reader.is_set(missing) {
            reader.miss(missing, &format!(" together with {}", given.join(" and ")));
        }
    }
    let cert_pem = files::contents(reader, cert).and_then(|pem| pem.ok_or(ReportedFault));
    let key_pem = files::secret_contents(reader, key).and_then(|pem| pem.ok_or(ReportedFault));
    let own = certificates::check_own(reader, (cert, cert_pem.as_ref().ok()), (key, key_pem.as_ref().ok()));
    let client_ca_pem = certificates::authorities(reader, client_ca);
    own?;
    Ok(Some(ServerTls { cert_pem: cert_pem?.to_vec(), key_pem: SecretPem::new(key_pem?), client_ca_pem: client_ca_pem? }))
}
