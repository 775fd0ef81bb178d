//! The listeners: public and admin, with their limits and TLS.

use super::connection::answer::{PIECE, Progress};
use super::connection::places::{Places, Seat};
use super::connection::{Connection, Deadlines, Stream, ready};
use super::descriptors;
use super::dispatch::dispatch;
use super::tls::{Generation, ListenerTls};
use super::{App, Listener, ServerTls};
use crate::access::ClientCertificate;
use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Protocol};
use actix_server::{Server, ServerHandle};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::{AppConfig, Extensions};
use actix_web::web;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(3);

/// How long a connection may be kept open between two requests.
const IDLE: Duration = Duration::from_secs(30);

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{setting}: cannot listen on {address}: {source}")]
    Listen { setting: &'static str, address: SocketAddr, source: io::Error },
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
    pub fn handles(&self) -> [ServerHandle; 2] {
        [self.public.handle(), self.admin.handle()]
    }

    /// Serves until both are stopped.
    ///
    /// # Errors
    /// The I/O error of a listener that stopped by itself.
    pub async fn run(self) -> io::Result<()> {
        futures_util::future::try_join(self.public, self.admin).await.map(|_| ())
    }
}

/// Opens both listeners. Must be called inside an actix system.
///
/// # Errors
/// [`ServeError`] naming the setting at fault.
pub fn bind(app: &web::Data<App>) -> Result<Bound, ServeError> {
    let options = &app.options;
    let public_tls = tls("server.listen", options.server.tls.as_ref())?;
    let admin_tls = tls("admin.listen", options.admin.tls.as_ref())?;
    let [for_public, for_admin] = places(app);
    let doors = [
        UnopenedListener { listener: Listener::Public, setting: "server.listen", tls: public_tls.clone(), places: for_public },
        UnopenedListener { listener: Listener::Admin, setting: "admin.listen", tls: admin_tls.clone(), places: for_admin },
    ];
    let [public, admin] = doors;
    let (public, public_address) = listen(app, public, options.server.listen)?;
    let (admin, admin_address) = listen(app, admin, options.admin.listen)?;
    Ok(Bound { public, admin, public_address, admin_address, public_tls, admin_tls })
}

/// The places of the public and of the admin listener: as many as the settings say and the system gives.
fn places(app: &App) -> [Arc<Places>; 2] {
    let limits = &app.options.limits;
    let [public, admin] = descriptors::for_connections(limits.connections);
    let share = limits.connections_per_address;
    let places = |most: usize| Arc::new(Places::new(most, share.unwrap_or((most / 4).max(1)), Arc::clone(&app.draining)));
    [places(public), places(admin)]
}

/// A listener, before it listens.
struct UnopenedListener {
    listener: Listener,
    setting: &'static str,
    tls: Option<Arc<ListenerTls>>,
    places: Arc<Places>,
}

fn tls(setting: &'static str, tls: Option<&ServerTls>) -> Result<Option<Arc<ListenerTls>>, ServeError> {
    let tls = tls.map(ListenerTls::new).transpose();
    tls.map(|tls| tls.map(Arc::new)).map_err(|reason| ServeError::Tls { setting, reason })
}

fn listen(app: &web::Data<App>, door: UnopenedListener, address: SocketAddr) -> Result<(Server, SocketAddr), ServeError> {
    let limits = &app.options.limits;
    // A hundred waiting health checks need no second thread; FHIR gets a worker per core.
    let workers = match door.listener {
        Listener::Public => std::thread::available_parallelism().map_or(2, usize::from),
        Listener::Admin => 1,
    };
    let acceptor = Acceptor {
        handshakes: handshakes(&door)?,
        tls: door.tls,
        deadlines: Deadlines { request: limits.header_timeout, answer: limits.write_timeout, idle: IDLE },
        places: Arc::clone(&door.places),
    };
    let at = |source| ServeError::Listen { setting: door.setting, address, source };
    let socket = TcpListener::bind(address).map_err(at)?;
    let bound = socket.local_addr().map_err(at)?;
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(door.places.most_open())
        .shutdown_timeout(30)
        .disable_signals();
    let stopping = server.graceful_shutdown_signal();
    let (app, listener) = (app.clone(), door.listener);
    let factory = move || {
        let (acceptor, stopping, tls) = (acceptor.clone(), stopping.clone(), acceptor.tls.clone());
        let service =
            actix_web::App::new().app_data(app.clone()).app_data(web::Data::new(listener)).default_service(web::to(dispatch));
        let service = service.into_factory().map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            // Deadlines are ours. This one limits how long actix-http waits for a caller after an early answer.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(Duration::from_secs(1))
            // A caller that closes its end has hung up: a later answer would be shown to nobody (decisions.md 49).
            .h1_allow_half_closed(false)
            .h1_write_buffer_size(PIECE)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(move |connection: &Connection, data: &mut Extensions| meet(tls.as_ref(), connection, data))
            .finish(map_config(service, |()| AppConfig::default()));
        fn_service(move |socket: TcpStream| acceptor.clone().receive(socket)).and_then(http)
    };
    let server = server.listen(door.setting, socket, factory).map_err(at)?;
    Ok((server.run(), bound))
}

fn handshakes(door: &UnopenedListener) -> Result<Option<TlsAcceptor>, ServeError> {
    let Some(tls) = &door.tls else { return Ok(None) };
    let mut config = tls.config().map_err(|reason| ServeError::Tls { setting: door.setting, reason })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// Makes a connection of a new socket.
#[derive(Clone)]
struct Acceptor {
    tls: Option<Arc<ListenerTls>>,
    handshakes: Option<TlsAcceptor>,
    deadlines: Deadlines,
    places: Arc<Places>,
}

impl Acceptor {
    /// A connection with a place, after its handshake. Without a place the socket is closed.
    async fn receive(self, socket: TcpStream) -> Result<(Connection, Protocol, Option<SocketAddr>), DispatchError> {
        let address = socket.peer_addr()?;
        let seat = self.places.enter(address.ip(), self.deadlines.request).await;
        let seat = seat.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        let stream = match &self.handshakes {
            None => Stream::Plain(ready(socket)),
            Some(handshakes) => {
                let handshake = tokio::time::timeout(HANDSHAKE, handshakes.accept(ready(socket)));
                tokio::select! {
                    shaken = handshake => Stream::tls(shaken.map_err(io::Error::from)??),
                    () = seat.until_gone() => return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into()),
                }
            }
        };
        let connection = Connection::new(stream, seat, self.deadlines);
        Ok((connection, Protocol::Http1, Some(address)))
    }
}

/// What is known of a TLS connection while it lasts.
pub(super) struct TlsPeer {
    tls: Arc<ListenerTls>,
    generation: Generation,
}

impl TlsPeer {
    /// Whether the CAs that callers need have changed since.
    pub(super) fn is_outdated(&self) -> bool {
        self.tls.generation() != self.generation
    }
}

/// What a request can know of its connection.
pub(super) struct ConnectionHandle {
    seat: Rc<Seat>,
    progress: Rc<Progress>,
    local: Option<SocketAddr>,
}

impl ConnectionHandle {
    /// The caller has said who they are.
    pub(super) fn is_of_somebody_known(&self) {
        self.seat.is_of_somebody_known();
    }

    /// Whether the whole body of the request has arrived.
    pub(super) fn has_body(&self) -> bool {
        self.progress.has_body.get()
    }

    /// For the answer to the request.
    pub(super) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// The local address that the caller connected to.
    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        self.local
    }
}

/// Keeps a connection's certificate, which TLS has verified, and when it was shown.
fn meet(tls: Option<&Arc<ListenerTls>>, connection: &Connection, data: &mut Extensions) {
    let stream = connection.stream();
    data.insert(ConnectionHandle { seat: connection.seat(), progress: connection.progress(), local: stream.local_address() });
    let (Some(tls), Some(session)) = (tls, stream.tls_session()) else { return };
    data.insert(TlsPeer { tls: Arc::clone(tls), generation: tls.generation() });
    if let Some(certificate) = session.peer_certificates().and_then(|chain| chain.first()) {
        data.insert(ClientCertificate::from_der(certificate));
    }
}
