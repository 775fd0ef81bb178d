//! The connections to the SMSP. Each belongs to one look from its request until its reply was judged, and is used again only if
//! that was a good answer which names its message (decisions.md 41; docs/adr/0013).

use super::phases::{Exchange, QueryBody};
use super::{errors, tcp};
use crate::cpis::RegisterError;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsConnector;

/// Connections kept for the next look; as many as lookups in flight by default (docs/settings.md, `smsp.max_in_flight`).
const MOST_IDLE: usize = 64;

const TCP_KEEPALIVE: Duration = Duration::from_secs(20);

/// How long a connection that is given up may take to say goodbye.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long connections may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    /// Between two looks: shorter than the shortest keep-alive that servers have by default (5 s), so that they do not close it
    /// under a request, which would leave the outcome of a look unknown.
    pub(super) idle: Duration,
    /// Since it was opened, so that a name that moved is followed under steady traffic too (decisions.md 67).
    pub(super) life: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(4), life: Duration::from_mins(5) }
    }
}

/// Where the SMSP is, and how a connection to it is made.
pub(super) struct Connector {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) name: ServerName<'static>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) connect_timeout: Duration,
    pub(super) idle: Arc<IdleConnections>,
    #[cfg(test)]
    pub(super) names: Arc<Mutex<NameResolution>>,
}

/// What name resolution comes to.
#[cfg(test)]
#[derive(Clone, Default)]
pub(super) enum NameResolution {
    #[default]
    OfTheSystem,
    Are(Vec<SocketAddr>),
    Hang,
    Fail,
}

/// One connection: TLS with HTTP/1.1 on it. Whoever drops it closes it.
pub(super) struct SmspConnection {
    /// `None` once the connection is known to have ended.
    requests: Option<SendRequest<QueryBody>>,
    opened: Instant,
    replies: usize,
    end: ConnectionEnd,
}

/// How a connection ends.
struct ConnectionEnd {
    error: oneshot::Receiver<hyper::Error>,
    /// It has come, with its error, if it has one.
    come: Option<Result<(), hyper::Error>>,
    _held: oneshot::Sender<()>,
}

/// A request that did not bring a reply.
pub(super) enum SendError {
    /// No byte of it was written: here it is again.
    Unsent(Box<Request<QueryBody>>, Option<hyper::Error>),
    Lost(hyper::Error),
}

impl Connector {
    /// Sends the request on a connection that is free, or on a new one, and brings the head of its reply.
    ///
    /// Sent again only where no byte of it was written, which is certain of a connection that was found dead (decisions.md 6).
    pub(super) async fn send(
        &self,
        exchange: &Exchange,
        request: Request<QueryBody>,
    ) -> Result<(SmspConnection, Response<Incoming>), RegisterError> {
        let mut request = Box::new(request);
        while let Some(mut connection) = self.idle.take() {
            match connection.send(*request).await {
                Ok(reply) => return Ok((connection, reply)),
                Err(SendError::Unsent(unsent, _)) => request = unsent,
                Err(SendError::Lost(_)) => return Err(errors::lost()),
            }
        }
        let mut connection = self.open(exchange).await?;
        match connection.send(*request).await {
            Ok(reply) => Ok((connection, reply)),
            Err(SendError::Unsent(_, error)) => Err(errors::unsent(error.as_ref(), connection.ended().await.as_ref())),
            Err(SendError::Lost(error)) => Err(errors::lost_first(&error)),
        }
    }

    async fn open(&self, exchange: &Exchange) -> Result<SmspConnection, RegisterError> {
        let until = Instant::now() + self.connect_timeout;
        timeout_at(until, self.connect(exchange)).await.unwrap_or_else(|_| Err(errors::no_connection_in_time()))
    }

    async fn connect(&self, exchange: &Exchange) -> Result<SmspConnection, RegisterError> {
        exchange.connecting();
        let addresses = self.resolve().await.map_err(|tcp::ResolveError| errors::not_resolved())?;
        let (_, tcp) = tcp::connect(&addresses).await.map_err(|error| errors::no_connection(error.kind()))?;
        prepare(&tcp);
        exchange.shaking_hands();
        let shaking = TlsConnector::from(Arc::clone(&self.tls)).connect(self.name.clone(), tcp);
        let tls = shaking.await.map_err(|error| errors::no_session(&error))?;
        let connection = SmspConnection::on(tls).await.map_err(|_| errors::no_connection(std::io::ErrorKind::Other))?;
        exchange.connected();
        Ok(connection)
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, tcp::ResolveError> {
        #[cfg(test)]
        {
            let names = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match names {
                NameResolution::OfTheSystem => {}
                NameResolution::Are(addresses) => return Ok(addresses),
                NameResolution::Hang => std::future::pending().await,
                NameResolution::Fail => return Err(tcp::ResolveError),
            }
        }
        tcp::resolve(&self.host, self.port).await
    }
}

/// Without these the connection is slower or is noticed dead later, but does its work.
fn prepare(tcp: &TcpStream) {
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE));
}

impl SmspConnection {
    /// HTTP/1.1 on `stream`, driven by a task of its own.
    pub(super) async fn on(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Self, hyper::Error> {
        let (requests, connection) = Builder::new()
            // A user agent must unfold (RFC 9112 5.2).
            .allow_obsolete_multiline_headers_in_responses(true)
            .handshake(TokioIo::new(stream))
            .await?;
        let (held, let_go) = oneshot::channel();
        let (ended, error) = oneshot::channel();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let end = tokio::select! {
                end = &mut connection => end,
                _ = let_go => timeout(LAST_WORDS, connection).await.unwrap_or(Ok(())),
            };
            if let Err(error) = end {
                let _ = ended.send(error);
            }
        });
        let end = ConnectionEnd { error, come: None, _held: held };
        Ok(Self { requests: Some(requests), opened: Instant::now(), replies: 0, end })
    }

    pub(super) async fn send(&mut self, request: Request<QueryBody>) -> Result<Response<Incoming>, SendError> {
        let Some(requests) = &mut self.requests else { return Err(SendError::Unsent(Box::new(request), None)) };
        let mut sending = std::pin::pin!(requests.try_send_request(request));
        let answer = tokio::select! {
            biased;
            answer = &mut sending => answer,
            error = &mut self.end.error => {
                self.end.come = Some(error.map_or(Ok(()), Err));
                // A request that gets into hyper's queue in the moment in which the connection ends is left there, unsent and
                // unanswered, until the queue's sender goes.
                self.requests = None;
                sending.await
            }
        };
        match answer {
            Ok(reply) => {
                self.replies += 1;
                Ok(reply)
            }
            Err(mut error) => Err(match error.take_message() {
                Some(unsent) => SendError::Unsent(Box::new(unsent), Some(error.into_error())),
                None => SendError::Lost(error.into_error()),
            }),
        }
    }

    /// The reply under way is the first of its connection, so no other request's can stand in its place.
    pub(super) fn is_at_its_first(&self) -> bool {
        self.replies == 1
    }

    fn is_ready(&self) -> bool {
        self.requests.as_ref().is_some_and(SendRequest::is_ready)
    }

    /// Ends the connection, and brings its error.
    async fn ended(self) -> Option<hyper::Error> {
        let Self { requests, end: ConnectionEnd { error, come, _held }, .. } = self;
        drop(requests);
        match come {
            Some(end) => end.err(),
            None => timeout(LAST_WORDS, error).await.ok()?.ok(),
        }
    }
}

/// The connections that wait for the next look.
pub(super) struct IdleConnections {
    limits: ConnectionLimits,
    list: Mutex<IdleList>,
}

#[derive(Default)]
struct IdleList {
    /// With the moment since when they rest, oldest first.
    connections: Vec<(Instant, SmspConnection)>,
    /// Somebody closes those that have rested too long.
    is_swept: bool,
}

impl IdleConnections {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, list: Mutex::default() })
    }

    /// Keeps a connection for the next look. For those alone that brought a good answer to the message that they sent.
    pub(super) fn keep(self: &Arc<Self>, mut connection: SmspConnection) {
        if connection.is_ready() {
            return self.rest(connection);
        }
        // Its own task has yet to see the end of the reply.
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            if let Some(requests) = &mut connection.requests
                && requests.ready().await.is_ok()
                && let Some(pool) = pool.upgrade()
            {
                pool.rest(connection);
            }
        });
    }

    /// Closes every connection that waits.
    pub(super) fn empty(&self) {
        let connections = std::mem::take(&mut self.list().connections);
        drop(connections); // the lock is free by now
    }

    /// The connection that was used last, if one is good for another look.
    fn take(&self) -> Option<SmspConnection> {
        let now = Instant::now();
        let mut list = self.list();
        while let Some((since, connection)) = list.connections.pop() {
            if self.is_good(since, &connection, now) && connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    fn is_good(&self, since: Instant, connection: &SmspConnection, now: Instant) -> bool {
        now < since + self.limits.idle && now < connection.opened + self.limits.life
    }

    fn rest(self: &Arc<Self>, connection: SmspConnection) {
        let mut list = self.list();
        if list.connections.len() >= MOST_IDLE {
            return;
        }
        let now = Instant::now();
        list.connections.push((now, connection));
        if !std::mem::replace(&mut list.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self), now + self.limits.idle));
        }
    }

    fn list(&self) -> MutexGuard<'_, IdleList> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that nobody asked for in time, until none is left.
async fn sweep(pool: Weak<IdleConnections>, mut next: Instant) {
    loop {
        sleep_until(next).await;
        let Some(pool) = pool.upgrade() else { return };
        let now = Instant::now();
        let mut list = pool.list();
        list.connections.retain(|(since, connection)| pool.is_good(*since, connection, now));
        let Some((oldest, _)) = list.connections.first() else {
            list.is_swept = false;
            return;
        };
        next = *oldest + pool.limits.idle;
    }
}
