//! The listeners: public and admin, with their limits and TLS.

use super::{App, Listener, dispatch};
use crate::access::ClientCertificate;
use crate::settings::ServerTls;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, Server, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{HttpServer, web};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{setting}: cannot listen on {address}: {source}")]
    Listen { setting: &'static str, address: SocketAddr, source: std::io::Error },
    #[error("{setting}: {reason}")]
    Tls { setting: &'static str, reason: String },
}

/// Both listeners, open, not yet served.
pub struct Bound {
    public: Server,
    admin: Server,
    pub public_address: SocketAddr,
    pub admin_address: SocketAddr,
}

impl Bound {
    /// Handles for stopping the listeners.
    pub fn handles(&self) -> [ServerHandle; 2] {
        [self.public.handle(), self.admin.handle()]
    }

    /// Serves until both are stopped.
    ///
    /// # Errors
    /// The I/O error of a listener that ended by itself.
    pub async fn run(self) -> std::io::Result<()> {
        futures_util::future::try_join(self.public, self.admin).await.map(|_| ())
    }
}

/// Opens both listeners. Must be called inside an actix system.
///
/// # Errors
/// [`ServeError`] naming the setting at fault.
pub fn bind(app: &web::Data<App>) -> Result<Bound, ServeError> {
    let settings = &app.settings;
    let (public, public_address) =
        listen(app, Listener::Public, "server.listen", settings.server.listen, settings.server.tls.as_ref())?;
    let (admin, admin_address) =
        listen(app, Listener::Admin, "admin.listen", settings.admin.listen, settings.admin.tls.as_ref())?;
    Ok(Bound { public, admin, public_address, admin_address })
}

fn listen(
    app: &web::Data<App>,
    listener: Listener,
    setting: &'static str,
    address: SocketAddr,
    tls: Option<&ServerTls>,
) -> Result<(Server, SocketAddr), ServeError> {
    let limits = &app.settings.limits;
    // A hundred waiting health checks need no second thread; FHIR gets a worker per core.
    let workers = match listener {
        Listener::Public => std::thread::available_parallelism().map_or(2, usize::from),
        Listener::Admin => 1,
    };
    let factory = {
        let app = app.clone();
        move || actix_web::App::new().app_data(app.clone()).app_data(web::Data::new(listener)).default_service(web::to(dispatch))
    };
    let server = HttpServer::new(factory)
        .workers(workers)
        .max_connections((limits.connections / workers).max(1))
        .client_request_timeout(limits.header_timeout)
        .client_disconnect_timeout(Duration::from_secs(1))
        .keep_alive(Duration::from_secs(30))
        .shutdown_timeout(30)
        .disable_signals()
        .on_connect(keep_certificate);
    let at = |source| ServeError::Listen { setting, address, source };
    let server = match tls {
        None => server.bind(address).map_err(at)?,
        Some(tls) => {
            let config = tls_config(tls).map_err(|reason| ServeError::Tls { setting, reason })?;
            server.bind_rustls_0_23(address, config).map_err(at)?
        }
    };
    let bound = server.addrs().first().copied().unwrap_or(address);
    Ok((server.run(), bound))
}

/// Keeps whose certificate a connection has, for as long as it lasts. TLS has verified it.
fn keep_certificate(connection: &dyn Any, data: &mut Extensions) {
    let Some(tls) = connection.downcast_ref::<TlsStream<TcpStream>>() else { return };
    if let Some(certificate) = tls.get_ref().1.peer_certificates().and_then(|chain| chain.first()) {
        data.insert(ClientCertificate::from_der(certificate));
    }
}

/// TLS 1.2 and 1.3; with a client CA, a client certificate is required.
fn tls_config(tls: &ServerTls) -> Result<ServerConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = CertificateDer::pem_slice_iter(&tls.cert_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "the certificate cannot be read")?;
    let key = PrivateKeyDer::from_pem_slice(tls.key_pem.bytes()).map_err(|_| "the private key cannot be read")?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &tls.client_ca_pem {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| "the client CA cannot be read")?;
                roots.add(certificate).map_err(|error| error.to_string())?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| error.to_string())?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder.with_single_cert(chain, key).map_err(|error| error.to_string())
}
