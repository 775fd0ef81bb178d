//! `server.*` and `admin.*`: the two listeners.

use super::reader::Reader;
use super::urls::{Scheme, read_web, web};
use super::{certificates, files};
use crate::secret::SecretPem;
use std::net::SocketAddr;
use url::Url;

/// The FHIR listener.
#[derive(Debug, Clone)]
pub struct Server {
    pub listen: SocketAddr,
    /// Starts with `/`, does not end with it.
    pub base_path: String,
    /// The FHIR base as callers see it; without it links are made from the request.
    pub public_url: Option<Url>,
    /// Of pages that may read answers in a browser, as browsers write them. Empty: none.
    pub cors_origins: Vec<String>,
    pub tls: Option<ServerTls>,
}

/// The listener for health detail, metrics and the audit search.
#[derive(Debug, Clone)]
pub struct Admin {
    pub listen: SocketAddr,
    pub tls: Option<ServerTls>,
}

/// What a listener needs to speak TLS, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    pub cert_pem: Vec<u8>,
    pub key_pem: SecretPem,
    /// With it, client certificates are required.
    pub client_ca_pem: Option<Vec<u8>>,
}

/// A fault has been noted in the reader.
pub(super) struct Noted;

/// Reads both listeners. A demonstration is for this machine only.
pub(super) fn read(reader: &mut Reader, is_demo: bool) -> Option<(Server, Admin)> {
    let (listen, admin_listen) = (reader.address("server.listen"), reader.address("admin.listen"));
    if is_demo {
        keep_on_loopback(reader, "server.listen", listen);
        keep_on_loopback(reader, "admin.listen", admin_listen);
    }
    keep_apart(reader, listen, admin_listen);
    let base_path = base_path(reader);
    let public_url = read_web(reader, "server.public_url", Scheme::Base);
    if let (Some(url), Some(base_path)) = (&public_url, &base_path)
        && !url.path().trim_end_matches('/').ends_with(base_path.as_str())
    {
        reader.warn("server.public_url", "does not end with server.base_path; right only where a gateway changes the path");
    }
    let cors_origins = cors_origins(reader);
    let tls = tls(reader, "server.tls");
    let admin_tls = self::tls(reader, "admin.tls");
    let server = Server { listen: listen?, base_path: base_path?, public_url, cors_origins: cors_origins?, tls: tls.ok()? };
    Some((server, Admin { listen: admin_listen?, tls: admin_tls.ok()? }))
}

/// Origins as browsers write them: others would never be met. `*` is none: whoever may look may not be any page at all.
fn cors_origins(reader: &mut Reader) -> Option<Vec<String>> {
    const NAME: &str = "server.cors_origins";
    let origins = reader.list(NAME)?;
    let is_origin = |text: &String| {
        web(text, Scheme::HttpsOrLoopback).is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == *text)
    };
    if origins.iter().all(is_origin) {
        return Some(origins);
    }
    reader.fault(NAME, "wanted origins as browsers send them: https://app.trust.example, in small letters, without a path or a usual port (http on loopback)");
    None
}

fn keep_on_loopback(reader: &mut Reader, name: &str, listen: Option<SocketAddr>) {
    if listen.is_some_and(|address| !address.ip().is_loopback()) {
        reader.fault(name, "access.modes is demo, which asks nobody who they are; wanted a loopback address such as 127.0.0.1");
    }
}

fn keep_apart(reader: &mut Reader, server: Option<SocketAddr>, admin: Option<SocketAddr>) {
    let (Some(server), Some(admin)) = (server, admin) else { return };
    let covers = server.ip() == admin.ip() || server.ip().is_unspecified() || admin.ip().is_unspecified();
    if server.port() == admin.port() && server.port() != 0 && covers {
        reader.fault("admin.listen", "is the address and port of server.listen; wanted another port");
    }
}

fn base_path(reader: &mut Reader) -> Option<String> {
    let path = reader.text("server.base_path")?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(is_plain);
    if path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_part)) {
        return Some(path);
    }
    reader.fault(
        "server.base_path",
        "wanted a path such as /FHIR/R4 that starts with / and does not end with it; letters, digits and -._~ only, no . or ..",
    );
    None
}

pub(super) fn tls(reader: &mut Reader, group: &str) -> Result<Option<ServerTls>, Noted> {
    let [cert, key, client_ca] = ["cert", "key", "client_ca"].map(|part| format!("{group}.{part}"));
    if !reader.is_any_set(group) {
        return Ok(None);
    }
    let mut is_complete = true;
    for name in [&cert, &key].into_iter().filter(|name| !reader.is_set(name)).cloned().collect::<Vec<_>>() {
        let others: Vec<&str> = [&cert, &key, &client_ca].into_iter().filter(|n| reader.is_set(n)).map(String::as_str).collect();
        let why = format!(" together with {}", others.join(" and "));
        reader.miss(&name, &why);
        is_complete = false;
    }
    let cert_pem = files::contents(reader, &cert);
    let key_pem = files::secret_contents(reader, &key);
    let own = certificates::check_own(
        reader,
        (&cert, cert_pem.as_ref().map(|pem| pem.as_slice())),
        (&key, key_pem.as_ref().map(|pem| pem.as_slice())),
    );
    let client_ca_pem = files::contents(reader, &client_ca);
    let authorities = client_ca_pem.as_ref().and_then(|pem| certificates::check_authorities(reader, &client_ca, pem));
    if !is_complete || own.is_none() || (reader.is_set(&client_ca) && authorities.is_none()) {
        return Err(Noted);
    }
    Ok(Some(ServerTls {
        cert_pem: cert_pem.ok_or(Noted)?.to_vec(),
        key_pem: SecretPem::new(key_pem.ok_or(Noted)?),
        client_ca_pem: client_ca_pem.map(|pem| pem.to_vec()),
    }))
}
