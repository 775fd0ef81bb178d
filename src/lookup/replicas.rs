//! How flights work with the other replicas: another replica's answer replaces a query, and every outcome goes to the others
//! (docs/adr/0007).
//!
//! If the shared table is unavailable, a flight goes ahead without it. That is counted, logged, and noted in its **asked** entry.

use super::remote::{
    self, ClaimResult, RemoteError, RemoteFlight, RemoteLease, RemoteOutcome, RemoteRequest, RemoteTable, Unavailable,
    WaitResult, WantedAge,
};
use super::statistics::increment;
use super::table::{self, Completion, Flight, Source, Table};
use super::{Freshness, LookError, LookKey, Sharing};
use crate::clock;
use crate::cpis::Delivery;
use crate::secret::{KeyMaterial, StoreUrl};
use crate::telemetry::request::carried;
use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

/// The detail of the **asked** entry of a flight without the table, so that the trail explains a second notification.
pub(super) const UNSHARED: &str = "the shared table was away: unshared";

/// How often a background call is tried, and the pause between tries. It is longer than the connection's backoff.
const MAX_TRIES: usize = 30;
const RETRY_PAUSE: Duration = Duration::from_millis(1100);
/// Background calls at the same time that are retried. Calls beyond it are tried once.
const MAX_PENDING: usize = 4096;
/// Unshared looks are logged at most this often.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// The other replicas, as this process knows them.
pub(super) struct Replicas {
    table: ArcSwap<RemoteTable>,
    sharing: Sharing,
    /// How long a caller waits.
    caller: Duration,
    runtime: Handle,
    unshared: AtomicU64,
    logged: Mutex<Option<Instant>>,
    /// Background calls that are not done yet.
    pending: AtomicUsize,
    /// Becomes true at shutdown: nobody waits for other replicas then.
    closing: watch::Sender<bool>,
}

/// The request that starts a flight, as other replicas must know it.
pub(super) struct LeaderRequest {
    pub key: LookKey,
    /// `None` if it came without one.
    pub request_id: Option<String>,
    pub freshness: Freshness,
}

/// How a flight goes on.
pub(super) enum Start {
    /// It asks CP-IS. It holds the lease, or goes ahead without the table.
    Leader(SharedLease),
    /// Another replica has asked or is asking. No query is sent.
    Elsewhere(Completion),
}

/// The lease of a flight. If the flight breaks off, `Drop` gives the other replicas the failure.
pub(super) struct SharedLease {
    replicas: Arc<Replicas>,
    flight: Arc<Flight>,
    lease: Option<RemoteLease>,
    pub is_alone: bool,
}

struct PendingCall(Arc<Replicas>);

impl Replicas {
    pub(super) fn new(table: RemoteTable, sharing: Sharing, caller: Duration, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            table: ArcSwap::from_pointee(table),
            sharing,
            caller,
            runtime,
            unshared: AtomicU64::new(0),
            logged: Mutex::default(),
            pending: AtomicUsize::new(0),
            closing: watch::Sender::new(false),
        })
    }

    /// The current connection to the table, and its keys.
    fn table(&self) -> RemoteTable {
        RemoteTable::clone(&self.table.load())
    }

    /// Reaches the table in another way, or with other keys, from now on.
    ///
    /// # Errors
    /// [`RemoteError`]; then everything is as it was.
    pub(super) fn renew(&self, url: &StoreUrl, ca_pem: Option<&[u8]>, keys: &[KeyMaterial]) -> Result<(), RemoteError> {
        self.table.store(Arc::new(self.table().renewed(url, ca_pem, keys)?));
        Ok(())
    }

    /// Flights that went ahead without the table.
    pub(super) fn unshared(&self) -> u64 {
        self.unshared.load(Ordering::Relaxed)
    }

    /// Claims the lease for `flight`. If another replica holds it, waits for its outcome until `until`.
    pub(super) async fn start(
        self: &Arc<Self>,
        local: &Table,
        flight: &Arc<Flight>,
        request: &LeaderRequest,
        until: Instant,
    ) -> Start {
        let LeaderRequest { key, request_id, freshness } = request;
        let is_nameless = table::is_nameless(request_id.as_deref(), *freshness);
        let request_id = request_id.clone().unwrap_or_else(|| match freshness {
            // Only this process knows it, so nobody can repeat it.
            Freshness::NewLook => uuid::Uuid::new_v4().to_string(),
            Freshness::Shared | Freshness::NoCache => remote::NO_ID.to_owned(),
        });
        let of_the_same = if is_nameless { Source::ItsLook } else { Source::ItsRequest };
        // The table may not know yet what this process knows, or may have lost it.
        let known_here = || {
            local.unsettled(key).filter(|_| is_nameless).map(|completion| Completion { source: Source::ItsLook, ..completion })
        };
        let wanted = match freshness {
            Freshness::Shared => WantedAge::NotOlderThan(self.sharing.share_for),
            Freshness::NoCache => WantedAge::NotOlderThan(self.sharing.refresh_after),
            Freshness::NewLook => WantedAge::New,
        };
        match self.claim(key, &request_id, wanted).await {
            Ok(ClaimResult::Ours(lease)) => {
                if let Some(completion) = known_here() {
                    self.release(lease);
                    return Start::Elsewhere(completion);
                }
                if let Some(remote) = lease.flight() {
                    self.set_remote_flight(local, flight, remote);
                }
                Start::Leader(self.lease_for(flight, lease, false))
            }
            Ok(ClaimResult::Shared(kept)) => Start::Elsewhere(from_remote(kept, Source::Window)),
            Ok(ClaimResult::Remembered(RemoteRequest::Completed(kept))) => Start::Elsewhere(from_remote(kept, of_the_same)),
            Ok(ClaimResult::Remembered(RemoteRequest::InFlight(remote))) => {
                flight.restrict_to_its_request();
                Start::Elsewhere(self.wait(key, flight, &remote, of_the_same, until).await)
            }
            Ok(ClaimResult::Elsewhere(remote)) => {
                self.set_remote_flight(local, flight, &remote);
                Start::Elsewhere(self.wait(key, flight, &remote, Source::OtherReplica, until).await)
            }
            Err(error) => {
                if let Some(completion) = known_here() {
                    return Start::Elsewhere(completion);
                }
                self.log_unshared(error);
                Start::Leader(self.lease_for(flight, self.table().unclaimed(key, &request_id), true))
            }
        }
    }

    /// Claims, and tries once more after a broken connection: the first call after a break finds it and fails. It tries again only
    /// if the table does not have the request in flight: that could be this very flight, which would wait for itself.
    async fn claim(&self, key: &LookKey, request_id: &str, wanted: WantedAge) -> Result<ClaimResult, Unavailable> {
        let claim = self.table().claim(key, request_id, wanted).await;
        let Err(Unavailable::NoConnection) = claim else { return claim };
        match self.table().remembered(key, request_id).await {
            Ok(None | Some(RemoteRequest::Completed(_))) => self.table().claim(key, request_id, wanted).await,
            _ => claim,
        }
    }

    async fn wait(&self, key: &LookKey, flight: &Flight, remote: &RemoteFlight, source: Source, until: Instant) -> Completion {
        flight.mark_sent();
        let mut closing = self.closing.subscribe();
        let table = self.table();
        let waited = tokio::select! {
            waited = table.wait(key, remote, until) => waited,
            _ = closing.wait_for(|closing| *closing) => Ok(WaitResult::NotYet),
        };
        match waited {
            Ok(WaitResult::Completed(kept)) => from_remote(kept, source),
            // It may have been delivered, so no other query replaces it.
            Ok(WaitResult::NotYet) | Err(_) => Completion {
                outcome: Err(Arc::new(LookError::timeout())),
                came: Instant::now(),
                pending_entry: None,
                source,
                origin: None,
            },
        }
    }

    /// The answer that another replica shares.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known whether there is one. The first call after a broken connection is tried twice.
    pub(super) async fn shared(&self, key: &LookKey) -> Result<Option<Completion>, Unavailable> {
        let shared = match self.table().shared(key).await {
            Err(Unavailable::NoConnection) => self.table().shared(key).await,
            shared => shared,
        };
        Ok(shared?.map(|kept| from_remote(kept, Source::Window)))
    }

    /// Makes a further request of this process known, since its repetition may reach another replica.
    pub(super) fn announce(self: &Arc<Self>, flight: &Arc<Flight>, request_id: &str) {
        let Some(remote) = flight.remote.get().cloned() else { return };
        let (key, request_id) = (flight.key().clone(), request_id.to_owned());
        self.retry_in_background(move |table| {
            let (key, request_id, remote) = (key.clone(), request_id.clone(), remote.clone());
            async move { table.join(&key, &request_id, &remote).await.map(|_| ()) }
        });
    }

    /// Requests from now on announce themselves; this announces the earlier ones. None is missed, since a request is in the local
    /// table before it looks for the remote flight.
    fn set_remote_flight(self: &Arc<Self>, local: &Table, flight: &Arc<Flight>, remote: &RemoteFlight) {
        let _ = flight.remote.set(remote.clone());
        for id in local.further_ids(flight) {
            self.announce(flight, &id);
        }
    }

    /// Gives back a lease under which no query was sent.
    fn release(self: &Arc<Self>, lease: RemoteLease) {
        self.retry_in_background(move |table| {
            let lease = lease.clone();
            let nobody = LookError::Broken { delivery: Delivery::NotDelivered };
            async move { table.release(&lease, &nobody).await }
        });
    }

    fn lease_for(self: &Arc<Self>, flight: &Arc<Flight>, lease: RemoteLease, is_alone: bool) -> SharedLease {
        SharedLease { replicas: Arc::clone(self), flight: Arc::clone(flight), lease: Some(lease), is_alone }
    }

    /// Gives the outcome to the other replicas, in the background.
    pub(super) fn complete(self: &Arc<Self>, local: &Table, flight: &Arc<Flight>, lease: RemoteLease, completion: &Completion) {
        let kept = RemoteOutcome {
            outcome: completion.outcome.clone(),
            came: timestamp(completion.came),
            origin: completion.origin.clone(),
        };
        let is_unsettled = flight.is_unsettled(completion);
        let (replicas, local, flight) = (Arc::clone(self), local.clone(), Arc::clone(flight));
        self.retry_in_background(move |table| {
            let (replicas, local, flight) = (Arc::clone(&replicas), local.clone(), Arc::clone(&flight));
            let (lease, kept) = (lease.clone(), kept.clone());
            async move {
                let completion = table.complete(&lease, &kept, is_unsettled).await?;
                replicas.set_remote_flight(&local, &flight, &completion.flight);
                replicas.repeat_completion(lease, kept, is_unsettled);
                Ok(())
            }
        });
    }

    /// A table that was unavailable may have lost its content while other replicas still wait for it. As long as they may wait, the
    /// flight is completed again after each failed call. That changes nothing if nothing was lost.
    fn repeat_completion(self: &Arc<Self>, lease: RemoteLease, kept: RemoteOutcome, is_unsettled: bool) {
        let until = Instant::now() + self.caller;
        let mut failed_calls = self.table().counts().failed_calls;
        let replicas = Arc::downgrade(self);
        self.runtime.spawn(carried(async move {
            while Instant::now() < until {
                tokio::time::sleep(RETRY_PAUSE).await;
                let Some(replicas) = replicas.upgrade() else { return };
                // Read before the call, which counts itself if it fails.
                let now_failed = replicas.table().counts().failed_calls;
                if now_failed != failed_calls && replicas.table().complete(&lease, &kept, is_unsettled).await.is_ok() {
                    failed_calls = now_failed;
                }
            }
        }));
    }

    /// Makes a call to the table in the background, and retries it while the table is unavailable.
    fn retry_in_background<F>(self: &Arc<Self>, what: impl Fn(RemoteTable) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), Unavailable>> + Send,
    {
        let tries = if self.pending.fetch_add(1, Ordering::Relaxed) < MAX_PENDING { MAX_TRIES } else { 1 };
        let pending = PendingCall(Arc::clone(self));
        self.runtime.spawn(carried(async move {
            for _ in 0..tries {
                if what(pending.0.table()).await.is_ok() {
                    return;
                }
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            tracing::warn!("the sharing table was unavailable for so long that an outcome or a request did not reach it");
        }));
    }

    fn log_unshared(&self, error: Unavailable) {
        increment(&self.unshared);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
            *logged = Some(Instant::now());
            tracing::warn!(%error, unshared = self.unshared(), "looks go ahead without the sharing table");
        }
    }

    /// No flight waits for other replicas any more.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}

impl SharedLease {
    /// Gives the outcome to the other replicas. If its entry is not on the trail yet, nobody gets it: the flight keeps the lease
    /// until then.
    pub(super) fn complete(mut self, local: &Table, completion: &Completion) {
        let Some(lease) = self.lease.take() else { return };
        if completion.pending_entry.is_some() {
            self.flight.keep_lease(lease);
            return;
        }
        self.replicas.complete(local, &self.flight, lease, completion);
    }
}

impl Drop for SharedLease {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        let delivery = if self.flight.is_sent() { Delivery::MaybeDelivered } else { Delivery::NotDelivered };
        let kept = RemoteOutcome::now(Err(Arc::new(LookError::Broken { delivery })));
        self.replicas.retry_in_background(move |table| {
            let (lease, kept) = (lease.clone(), kept.clone());
            async move { table.complete(&lease, &kept, true).await.map(|_| ()) }
        });
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

fn from_remote(kept: RemoteOutcome, source: Source) -> Completion {
    let RemoteOutcome { outcome, came, origin } = kept;
    Completion { outcome, came: instant(came), pending_entry: None, source, origin }
}

/// The same moment by this process's monotonic clock.
fn instant(came: Timestamp) -> Instant {
    let age = Duration::try_from(clock::now().duration_since(came)).unwrap_or(Duration::ZERO);
    Instant::now().checked_sub(age).unwrap_or_else(Instant::now)
}

fn timestamp(came: Instant) -> Timestamp {
    let age = SignedDuration::try_from(came.elapsed()).unwrap_or(SignedDuration::MAX);
    clock::now().checked_sub(age).unwrap_or(Timestamp::MIN)
}
