//! The connection to Redis: made when first needed, remade when lost, with short time limits.

use super::{RemoteError, Unavailable};
use crate::secret::StoreUrl;
use crate::telemetry::request::carried;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, IntoConnectionInfo, RedisError, TlsCertificates};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);
/// As long as a call allows: a reply that is given up can cost a second notification.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(400);
/// A whole call, including connecting and resending a script.
const CALL_TIMEOUT: Duration = Duration::from_millis(450);
/// If calls have failed for this long without a success, the connection is dropped and nobody tries for [`BACKOFF`], so that not
/// every look waits for an unavailable table. A shorter interruption affects only the looks during it.
const BACKOFF_AFTER: Duration = Duration::from_millis(500);
const BACKOFF: Duration = Duration::from_secs(1);
/// Commands that may wait for the one connection. Further callers wait, within their time limit.
const PIPELINE_DEPTH: usize = 1024;

/// The shared connection to the table. Clones use the same one.
#[derive(Clone)]
pub(super) struct Connection(Arc<ConnectionInner>);

struct ConnectionInner {
    client: Client,
    /// The runtime that owns the connection (decisions.md 32): a caller's runtime may end before it.
    runtime: Handle,
    state: Mutex<ConnectionState>,
    failed_calls: Arc<AtomicU64>,
}

#[derive(Default)]
struct ConnectionState {
    manager: Option<ConnectionManager>,
    /// When the first of the failed calls since the last good one began.
    failing_since: Option<Instant>,
    backoff_until: Option<Instant>,
    /// The log says that the table is unavailable.
    is_outage_logged: bool,
}

impl Connection {
    pub(super) fn new(url: &StoreUrl, ca_pem: Option<&[u8]>, runtime: Handle) -> Result<Self, RemoteError> {
        Self::counting(url, ca_pem, runtime, Arc::default())
    }

    /// A connection by another URL or CA. It keeps the count of failed calls.
    pub(super) fn renewed(&self, url: &StoreUrl, ca_pem: Option<&[u8]>) -> Result<Self, RemoteError> {
        Self::counting(url, ca_pem, self.0.runtime.clone(), Arc::clone(&self.0.failed_calls))
    }

    fn counting(
        url: &StoreUrl,
        ca_pem: Option<&[u8]>,
        runtime: Handle,
        failed_calls: Arc<AtomicU64>,
    ) -> Result<Self, RemoteError> {
        // Redis clients read `#insecure` as "do not check the certificate".
        if url.expose().contains('#') {
            return Err(RemoteError::Url("must not have a fragment (#)"));
        }
        let info = url.expose().into_connection_info().map_err(|_| RemoteError::Url("is no URL that a Redis client can use"))?;
        let is_tls = matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. });
        let client = match ca_pem {
            Some(pem) if is_tls => {
                // A bundle without a certificate would trust nobody, which would only show at the first connection.
                if !matches!(CertificateDer::pem_slice_iter(pem).next(), Some(Ok(_))) {
                    return Err(RemoteError::Ca);
                }
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) };
                Client::build_with_tls(info, certificates).map_err(|_| RemoteError::Ca)?
            }
            _ => Client::open(info).map_err(|_| RemoteError::Url("is no URL that a Redis client can use"))?,
        };
        Ok(Self(Arc::new(ConnectionInner { client, runtime, state: Mutex::default(), failed_calls })))
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    /// How many calls have failed.
    pub(super) fn failed_calls(&self) -> u64 {
        self.0.failed_calls.load(Ordering::Relaxed)
    }

    /// Makes one call in a separate task, within [`CALL_TIMEOUT`]. It continues if the caller goes away.
    pub(super) async fn call<T, F>(&self, call: impl FnOnce(ConnectionManager) -> F + Send + 'static) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RedisError>> + Send,
    {
        let connection = self.clone();
        let task = self.0.runtime.spawn(carried(async move {
            let manager = connection.manager()?;
            let began = Instant::now();
            match tokio::time::timeout(CALL_TIMEOUT, call(manager)).await {
                Ok(Ok(value)) => {
                    connection.succeeded();
                    Ok(value)
                }
                // The manager repairs a broken connection. A new manager repairs the rest: refused credentials, a server that is
                // still loading or has become a replica.
                Ok(Err(error)) => Err(connection.failed(reason(&error), began, error.is_io_error())),
                Err(_) => Err(connection.failed(Unavailable::NoReply, began, true)),
            }
        }));
        task.await.unwrap_or(Err(Unavailable::NoReply))
    }

    fn manager(&self) -> Result<ConnectionManager, Unavailable> {
        let mut state = self.lock();
        if state.backoff_until.is_some_and(|until| Instant::now() < until) {
            self.0.failed_calls.fetch_add(1, Ordering::Relaxed);
            return Err(Unavailable::Backoff);
        }
        if let Some(manager) = &state.manager {
            return Ok(manager.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(0)
            .set_pipeline_buffer_size(PIPELINE_DEPTH);
        let manager =
            ConnectionManager::new_lazy_with_config(self.0.client.clone(), config).map_err(|_| Unavailable::NoConnection)?;
        state.manager = Some(manager.clone());
        Ok(manager)
    }

    fn succeeded(&self) {
        let mut state = self.lock();
        (state.failing_since, state.backoff_until) = (None, None);
        if std::mem::take(&mut state.is_outage_logged) {
            tracing::info!("the sharing table is back");
        }
    }

    fn failed(&self, error: Unavailable, began: Instant, manager_mends: bool) -> Unavailable {
        self.0.failed_calls.fetch_add(1, Ordering::Relaxed);
        let mut state = self.lock();
        let since = *state.failing_since.get_or_insert(began);
        let is_lasting = since.elapsed() >= BACKOFF_AFTER;
        if is_lasting || !manager_mends {
            state.manager = None;
        }
        if is_lasting {
            state.backoff_until = Some(Instant::now() + BACKOFF);
        }
        if is_lasting && !state.is_outage_logged {
            state.is_outage_logged = true;
            tracing::error!(%error, "the sharing table is away: looks are not shared between replicas until it is back");
        } else if !state.is_outage_logged {
            tracing::warn!(%error, "a call to the sharing table failed");
        }
        error
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reason(error: &RedisError) -> Unavailable {
    match error.kind() {
        _ if error.is_timeout() => Unavailable::NoReply,
        ErrorKind::Io => Unavailable::NoConnection,
        ErrorKind::AuthenticationFailed => Unavailable::Refused,
        ErrorKind::Server(_) | ErrorKind::Extension => match error.code() {
            Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Unavailable::Refused,
            _ => Unavailable::ErrorReply,
        },
        _ => Unavailable::ErrorReply,
    }
}
