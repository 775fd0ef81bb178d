//! The listeners: public and admin, with their limits and TLS.

use super::tls::{Generation, ListenerTls};
use super::{App, Listener, dispatch};
use crate::access::ClientCertificate;
use crate::settings::ServerTls;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, Server, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{HttpServer, web};
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
    /// Where the listener speaks TLS.
    pub public_tls: Option<Arc<ListenerTls>>,
    pub admin_tls: Option<Arc<ListenerTls>>,
}

impl Bound {
    /// Handles for stopping the listeners: the public one, the admin one.
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
    let public_tls = tls("server.listen", settings.server.tls.as_ref())?;
    let admin_tls = tls("admin.listen", settings.admin.tls.as_ref())?;
    let (public, public_address) = listen(app, Listener::Public, "server.listen", settings.server.listen, public_tls.as_ref())?;
    let (admin, admin_address) = listen(app, Listener::Admin, "admin.listen", settings.admin.listen, admin_tls.as_ref())?;
    Ok(Bound { public, admin, public_address, admin_address, public_tls, admin_tls })
}

fn tls(setting: &'static str, tls: Option<&ServerTls>) -> Result<Option<Arc<ListenerTls>>, ServeError> {
    let tls = tls.map(ListenerTls::new).transpose();
    tls.map(|tls| tls.map(Arc::new)).map_err(|reason| ServeError::Tls { setting, reason })
}

fn listen(
    app: &web::Data<App>,
    listener: Listener,
    setting: &'static str,
    address: SocketAddr,
    tls: Option<&Arc<ListenerTls>>,
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
        .on_connect({
            let tls = tls.cloned();
            move |connection, data| meet(tls.as_ref(), connection, data)
        });
    let at = |source| ServeError::Listen { setting, address, source };
    let server = match tls {
        None => server.bind(address).map_err(at)?,
        Some(tls) => {
            let config = tls.config().map_err(|reason| ServeError::Tls { setting, reason })?;
            server.bind_rustls_0_23(address, config).map_err(at)?
        }
    };
    let bound = server.addrs().first().copied().unwrap_or(address);
    Ok((server.run(), bound))
}

/// What is to be known of a TLS connection for as long as it lasts.
pub(super) struct Met {
    tls: Arc<ListenerTls>,
    generation: Generation,
}

impl Met {
    /// Whether the CAs that callers need have changed since.
    pub(super) fn is_outdated(&self) -> bool {
        self.tls.generation() != self.generation
    }
}

/// Keeps whose certificate a connection has, and when it was shown. TLS has verified it.
fn meet(tls: Option<&Arc<ListenerTls>>, connection: &dyn Any, data: &mut Extensions) {
    let (Some(tls), Some(stream)) = (tls, connection.downcast_ref::<TlsStream<TcpStream>>()) else { return };
    data.insert(Met { tls: Arc::clone(tls), generation: tls.generation() });
    if let Some(certificate) = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()) {
        data.insert(ClientCertificate::from_der(certificate));
    }
}
