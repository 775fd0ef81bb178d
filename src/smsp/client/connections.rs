//! The connections to the SMSP. Each belongs to one look from its request until its reply has been judged. It is used again only after a
//! good answer that names its message (decisions.md 41; docs/adr/0013).

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

/// The most idle connections: the default number of lookups in flight (docs/settings.md, `smsp.max_in_flight`).
const MOST_IDLE: usize = 64;

const TCP_KEEPALIVE: Duration = Duration::from_secs(20);

/// The longest that an orderly close of an abandoned connection may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long connections may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    /// Between two looks. Shorter than the shortest default keep-alive of servers (5 s), so that a server does not close the connection
    /// during a request, which would leave the outcome of a look unknown.
    pub(super) idle: Duration,
    /// Since it was opened, so that a changed address is noticed even under steady traffic (decisions.md 67).
    pub(super) life: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(4), life: Duration::from_mins(5) }
    }
}

/// Connects to the SMSP, or reuses an idle connection.
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

/// What a test makes of name resolution.
#[cfg(test)]
#[derive(Clone, Default)]
pub(super) enum NameResolution {
    #[default]
    OfTheSystem,
    Are(Vec<SocketAddr>),
    Hang,
    Fail,
}

/// One connection: HTTP/1.1 over TLS. Dropping it closes it.
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
    /// The end, once it has come, with its error if there is one.
    come: Option<Result<(), hyper::Error>>,
    _held: oneshot::Sender<()>,
}

/// Why a request brought no reply.
pub(super) enum SendError {
    /// No byte of it was written; returns the request.
    Unsent(Box<Request<QueryBody>>, Option<hyper::Error>),
    Lost(hyper::Error),
}

impl Connector {
    /// Sends the request on an idle connection or a new one, and returns the head of the reply.
    ///
    /// Sends it again only if no byte of it was written, which is certain if the connection was already dead (decisions.md 6).
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

/// Sets options that make the connection faster, and a dead one noticed earlier. It also works without them.
fn prepare(tcp: &TcpStream) {
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE));
}

impl SmspConnection {
    /// HTTP/1.1 on `stream`, driven by a separate task.
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
                // If the connection ends while a request enters hyper's queue, the request stays there, unsent and unanswered, until
                // the queue's sender is dropped.
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

    /// Whether the current reply is the first of its connection, so it cannot belong to another request.
    pub(super) fn is_at_its_first(&self) -> bool {
        self.replies == 1
    }

    fn is_ready(&self) -> bool {
        self.requests.as_ref().is_some_and(SendRequest::is_ready)
    }

    /// Ends the connection and returns its error.
    async fn ended(self) -> Option<hyper::Error> {
        let Self { requests, end: ConnectionEnd { error, come, _held }, .. } = self;
        drop(requests);
        match come {
            Some(end) => end.err(),
            None => timeout(LAST_WORDS, error).await.ok()?.ok(),
        }
    }
}

/// The idle connections, which wait for the next look.
pub(super) struct IdleConnections {
    limits: ConnectionLimits,
    list: Mutex<IdleList>,
}

#[derive(Default)]
struct IdleList {
    /// Each with the time since it is idle, oldest first.
    connections: Vec<(Instant, SmspConnection)>,
    /// Whether a task is closing those that have been idle too long.
    is_swept: bool,
}

impl IdleConnections {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, list: Mutex::default() })
    }

    /// Keeps a connection for the next look. Only for connections that brought a good answer to their message.
    pub(super) fn keep(self: &Arc<Self>, mut connection: SmspConnection) {
        if connection.is_ready() {
            return self.rest(connection);
        }
        // The connection's task has not yet seen the end of the reply.
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

    /// Closes every idle connection.
    pub(super) fn empty(&self) {
        let connections = std::mem::take(&mut self.list().connections);
        drop(connections); // after the lock is released
    }

    /// The most recently used connection that is good for another look.
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

/// Closes connections that have been idle too long, until none is left.
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
