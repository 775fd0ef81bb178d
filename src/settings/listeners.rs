//! Where a running service listens, for whoever asks it how it is: read without any key, and in spite of other faults.

use super::files;
use super::reader::Reader;
use std::net::SocketAddr;

/// Both listeners.
#[derive(Debug, Clone)]
pub struct Listeners {
    pub server: Listening,
    pub admin: Listening,
}

/// One listener, as a caller on this machine needs to know it.
#[derive(Debug, Clone)]
pub struct Listening {
    pub address: SocketAddr,
    /// It speaks TLS.
    pub is_tls: bool,
    /// PEM chain of its certificate, as far as the file can be read: a service may go on with one that it read before.
    pub cert_pem: Option<Vec<u8>>,
    /// It lets in only callers that present a certificate of their own.
    pub wants_certificate: bool,
}

/// The settings that are read. What is wrong with any other is nothing to a caller.
pub(super) const KEYS: [&str; 2] = ["server.listen", "admin.listen"];

pub(super) fn read(reader: &mut Reader) -> Option<Listeners> {
    let (server, admin) = (listening(reader, "server"), listening(reader, "admin"));
    Some(Listeners { server: server?, admin: admin? })
}

fn listening(reader: &mut Reader, group: &str) -> Option<Listening> {
    let cert = format!("{group}.tls.cert");
    let cert_pem = files::contents(reader, &cert).map(|pem| pem.to_vec());
    Some(Listening {
        address: reader.address(&format!("{group}.listen"))?,
        is_tls: reader.is_set(&cert),
        cert_pem,
        wants_certificate: reader.is_set(&format!("{group}.tls.client_ca")),
    })
}
