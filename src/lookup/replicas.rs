//! What a flight has to do with the other replicas: their answer instead of a query, its own outcome for them (docs/adr/0007).
//!
//! Where the table outside this process is away, a flight goes ahead alone: counted, logged, and said in its **asked** entry.

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

/// Stands in the **asked** entry of a flight that went ahead alone, so that the trail explains a second notification.
pub(super) const UNSHARED: &str = "the shared table was away: unshared";

/// How often something is brought to a table that is away, and the pause between: longer than it is left alone.
const MAX_TRIES: usize = 30;
const RETRY_PAUSE: Duration = Duration::from_millis(1100);
/// What waits to be brought there at once; what is beyond it is tried once.
const MAX_PENDING: usize = 4096;
/// So many unshared looks need not be a line in the log each.
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
    /// What is on its way to the table.
    pending: AtomicUsize,
    /// Becomes true when nobody waits any more.
    closing: watch::Sender<bool>,
}

/// The request that begins a flight, as other replicas must know it.
pub(super) struct LeaderRequest {
    pub key: LookKey,
    /// `None` where it came without one.
    pub request_id: Option<String>,
    pub freshness: Freshness,
}

/// How a flight begins.
pub(super) enum Start {
    /// It asks, and holds the place among all replicas, or goes ahead without.
    Leader(SharedLease),
    /// Another replica has asked or is asking. Nothing goes out.
    Elsewhere(Completion),
}

/// The place of a flight among all replicas. Should the flight break off, they hear of it.
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

    /// The table as it is reached now.
    fn table(&self) -> RemoteTable {
        RemoteTable::clone(&self.table.load())
    }

    /// From now on the table is reached in another way, or with other keys.
    ///
    /// # Errors
    /// [`RemoteError`]; then everything is as it was.
    pub(super) fn renew(&self, url: &StoreUrl, ca_pem: Option<&[u8]>, keys: &[KeyMaterial]) -> Result<(), RemoteError> {
        self.table.store(Arc::new(self.table().renewed(url, ca_pem, keys)?));
        Ok(())
    }

    /// Flights that went ahead although the table was away.
    pub(super) fn unshared(&self) -> u64 {
        self.unshared.load(Ordering::Relaxed)
    }

    /// Takes the place of `flight` among all replicas. Where another one flies, waits until `until` for what comes of it.
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
            // Known to this process alone: nobody can repeat it.
            Freshness::NewLook => uuid::Uuid::new_v4().to_string(),
            Freshness::Shared | Freshness::NoCache => remote::NO_ID.to_owned(),
        });
        let of_the_same = if is_nameless { Source::ItsLook } else { Source::ItsRequest };
        // What this process knows may not have come to the table yet, or was lost there.
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

    /// A connection that broke while nobody used it is found out by the first call, which fails for it. That is tried again if the
    /// table knows nothing of the request: if it has it on its way, it may be this very flight, which would wait for itself.
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
            // It may have been heard, so there is no query in its place.
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
    /// [`Unavailable`]: nobody knows whether there is one. A connection that broke while nobody used it is found out by the first call.
    pub(super) async fn shared(&self, key: &LookKey) -> Result<Option<Completion>, Unavailable> {
        let shared = match self.table().shared(key).await {
            Err(Unavailable::NoConnection) => self.table().shared(key).await,
            shared => shared,
        };
        Ok(shared?.map(|kept| from_remote(kept, Source::Window)))
    }

    /// A further request of this process, whose repetition may come to another replica.
    pub(super) fn announce(self: &Arc<Self>, flight: &Arc<Flight>, request_id: &str) {
        let Some(remote) = flight.remote.get().cloned() else { return };
        let (key, request_id) = (flight.key().clone(), request_id.to_owned());
        self.retry_in_background(move |table| {
            let (key, request_id, remote) = (key.clone(), request_id.clone(), remote.clone());
            async move { table.join(&key, &request_id, &remote).await.map(|_| ()) }
        });
    }

    /// Who comes from now on joins by itself; who was there before is joined here. Nobody falls in between, since a request is
    /// written down before it looks for this.
    fn set_remote_flight(self: &Arc<Self>, local: &Table, flight: &Arc<Flight>, remote: &RemoteFlight) {
        let _ = flight.remote.set(remote.clone());
        for id in local.further_ids(flight) {
            self.announce(flight, &id);
        }
    }

    /// Nothing goes out from this place.
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

    /// A table that was away may have lost what it held, while others still wait for it: as long as they may, a failed call makes
    /// the flight land again. That changes nothing where nothing was lost.
    fn repeat_completion(self: &Arc<Self>, lease: RemoteLease, kept: RemoteOutcome, is_unsettled: bool) {
        let until = Instant::now() + self.caller;
        let mut failed_calls = self.table().counts().failed_calls;
        let replicas = Arc::downgrade(self);
        self.runtime.spawn(carried(async move {
            while Instant::now() < until {
                tokio::time::sleep(RETRY_PAUSE).await;
                let Some(replicas) = replicas.upgrade() else { return };
                // Counted before the call, which counts by itself if it fails.
                let now_failed = replicas.table().counts().failed_calls;
                if now_failed != failed_calls && replicas.table().complete(&lease, &kept, is_unsettled).await.is_ok() {
                    failed_calls = now_failed;
                }
            }
        }));
    }

    /// Does something at the table, again and again while it is away.
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
            tracing::warn!("the sharing table was away for so long that an outcome or a request was not brought there");
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

    /// Nobody waits for other replicas any more.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}

impl SharedLease {
    /// The flight has landed here. What must first be on the trail is told to nobody: its place is kept until it is.
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

/// The same moment by the clock of this process that never jumps.
fn instant(came: Timestamp) -> Instant {
    let age = Duration::try_from(clock::now().duration_since(came)).unwrap_or(Duration::ZERO);
    Instant::now().checked_sub(age).unwrap_or_else(Instant::now)
}

fn timestamp(came: Instant) -> Timestamp {
    let age = SignedDuration::try_from(came.elapsed()).unwrap_or(SignedDuration::MAX);
    clock::now().checked_sub(age).unwrap_or(Timestamp::MIN)
}
