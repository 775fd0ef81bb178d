//! Where a running service listens, for its health check. Read without any key file, and despite faults in other settings.

use super::files;
use super::key::Key;
use super::reader::{Reader, ReportedFault};
use super::server::{ADMIN_TLS, SERVER_TLS, TlsKeys};
use super::table::{admin, server};
use std::net::SocketAddr;

/// Both listeners.
#[derive(Debug, Clone)]
pub struct Listeners {
    pub server: Listener,
    pub admin: Listener,
}

/// What a caller on this machine needs to know about a listener.
#[derive(Debug, Clone)]
pub struct Listener {
    pub address: SocketAddr,
    /// It speaks TLS.
    pub is_tls: bool,
    /// PEM chain of its certificate, if the file can be read. The service may still use one that it read before.
    pub cert_pem: Option<Vec<u8>>,
    /// It accepts only callers that present a client certificate.
    pub wants_certificate: bool,
}

/// Whether the key is read here. Faults in other keys do not matter to a health check.
pub(super) fn is_read(key: &str) -> bool {
    [server::LISTEN, admin::LISTEN].iter().any(|read| read.to_string() == key)
}

pub(super) fn read(reader: &mut Reader) -> Result<Listeners, ReportedFault> {
    let server = listener(reader, server::LISTEN, SERVER_TLS);
    let admin = listener(reader, admin::LISTEN, ADMIN_TLS);
    Ok(Listeners { server: server?, admin: admin? })
}

fn listener(reader: &mut Reader, listen: Key<SocketAddr>, tls: TlsKeys) -> Result<Listener, ReportedFault> {
    let cert_pem = files::contents(reader, tls.cert).ok().flatten();
    Ok(Listener {
        address: reader.get(listen)?,
        is_tls: reader.is_set(tls.cert),
        cert_pem: cert_pem.map(|pem| pem.to_vec()),
        wants_certificate: reader.is_set(tls.client_ca),
    })
}
