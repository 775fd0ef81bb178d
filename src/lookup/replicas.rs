//! What a flight has to do with the other replicas: their answer instead of a query, its own outcome for them (docs/adr/0007).
//!
//! Where the table outside this process is away, a flight goes ahead alone: counted, logged, and said in its **asked** entry.

use super::remote::{self, Away, Begun, Kept, Place, Remembered, RemoteError, RemoteTable, Waited, Wanted};
use super::statistics::count;
use super::table::{self, Flight, Landed, Source, Table};
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
const TRIES: usize = 30;
const PAUSE: Duration = Duration::from_millis(1100);
/// What waits to be brought there at once; what is beyond it is tried once.
const MOST_WAITING: usize = 4096;
/// So many unshared looks need not be a line in the log each.
const SAID_EVERY: Duration = Duration::from_secs(30);

/// The other replicas, as this process knows them.
pub(super) struct Replicas {
    table: ArcSwap<RemoteTable>,
    sharing: Sharing,
    /// How long a caller waits.
    caller: Duration,
    runtime: Handle,
    unshared: AtomicU64,
    said: Mutex<Option<Instant>>,
    /// What is on its way to the table.
    pending: AtomicUsize,
    /// Becomes true when nobody waits any more.
    closing: watch::Sender<bool>,
}

/// The request that begins a flight, as other replicas must know it.
pub(super) struct Beginning {
    pub key: LookKey,
    /// `None` where it came without one.
    pub request_id: Option<String>,
    pub freshness: Freshness,
}

/// How a flight begins.
pub(super) enum Start {
    /// It asks, and holds the place among all replicas, or goes ahead without.
    Asks(Aboard),
    /// Another replica has asked or is asking. Nothing goes out.
    Elsewhere(Landed),
}

/// The place of a flight among all replicas. Should the flight break off, they hear of it.
pub(super) struct Aboard {
    replicas: Arc<Replicas>,
    flight: Arc<Flight>,
    place: Option<Place>,
    pub is_alone: bool,
}

struct Pending(Arc<Replicas>);

impl Replicas {
    pub(super) fn new(table: RemoteTable, sharing: Sharing, caller: Duration, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            table: ArcSwap::from_pointee(table),
            sharing,
            caller,
            runtime,
            unshared: AtomicU64::new(0),
            said: Mutex::default(),
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
    pub(super) async fn begin(
        self: &Arc<Self>,
        local: &Table,
        flight: &Arc<Flight>,
        beginning: &Beginning,
        until: Instant,
    ) -> Start {
        let Beginning { key, request_id, freshness } = beginning;
        let is_nameless = table::repeats_nameless(request_id.as_deref(), *freshness);
        let request_id = request_id.clone().unwrap_or_else(|| match freshness {
            // Known to this process alone: nobody can repeat it.
            Freshness::NewLook => uuid::Uuid::new_v4().to_string(),
            Freshness::Shared | Freshness::NoCache => remote::NO_ID.to_owned(),
        });
        let of_the_same = if is_nameless { Source::ItsLook } else { Source::ItsRequest };
        // What this process knows may not have come to the table yet, or was lost there.
        let known_here =
            || local.unsettled(key).filter(|_| is_nameless).map(|landed| Landed { source: Source::ItsLook, ..landed });
        let wanted = match freshness {
            Freshness::Shared => Wanted::NotOlderThan(self.sharing.share_for),
            Freshness::NoCache => Wanted::NotOlderThan(self.sharing.refresh_after),
            Freshness::NewLook => Wanted::New,
        };
        match self.begin_at_the_table(key, &request_id, wanted).await {
            Ok(Begun::Ours(place)) => {
                if let Some(landed) = known_here() {
                    self.gives_up(place);
                    return Start::Elsewhere(landed);
                }
                if let Some(remote) = place.flight() {
                    self.is_known_as(local, flight, remote);
                }
                Start::Asks(self.aboard(flight, place, false))
            }
            Ok(Begun::Shared(kept)) => Start::Elsewhere(landed(kept, Source::Window)),
            Ok(Begun::Remembered(Remembered::Landed(kept))) => Start::Elsewhere(landed(kept, of_the_same)),
            Ok(Begun::Remembered(Remembered::OnItsWay(remote))) => {
                flight.is_only_for_its_request();
                Start::Elsewhere(self.wait(key, flight, &remote, of_the_same, until).await)
            }
            Ok(Begun::Elsewhere(remote)) => {
                self.is_known_as(local, flight, &remote);
                Start::Elsewhere(self.wait(key, flight, &remote, Source::OtherReplica, until).await)
            }
            Err(away) => {
                if let Some(landed) = known_here() {
                    return Start::Elsewhere(landed);
                }
                self.says_unshared(away);
                Start::Asks(self.aboard(flight, self.table().alone(key, &request_id), true))
            }
        }
    }

    /// A connection that broke while nobody used it is found out by the first call, which fails for it. That is tried again if the
    /// table knows nothing of the request: if it has it on its way, it may be this very flight, which would wait for itself.
    async fn begin_at_the_table(&self, key: &LookKey, request_id: &str, wanted: Wanted) -> Result<Begun, Away> {
        let begun = self.table().begin(key, request_id, wanted).await;
        let Err(Away::NoConnection) = begun else { return begun };
        match self.table().remembered(key, request_id).await {
            Ok(None | Some(Remembered::Landed(_))) => self.table().begin(key, request_id, wanted).await,
            _ => begun,
        }
    }

    async fn wait(&self, key: &LookKey, flight: &Flight, remote: &remote::Flight, source: Source, until: Instant) -> Landed {
        flight.goes_out();
        let mut closing = self.closing.subscribe();
        let table = self.table();
        let waited = tokio::select! {
            waited = table.wait(key, remote, until) => waited,
            _ = closing.wait_for(|closing| *closing) => Ok(Waited::NotYet),
        };
        match waited {
            Ok(Waited::Landed(kept)) => landed(kept, source),
            // It may have been heard, so there is no query in its place.
            Ok(Waited::NotYet) | Err(_) => {
                Landed { outcome: Err(Arc::new(LookError::timeout())), came: Instant::now(), owed: None, source, origin: None }
            }
        }
    }

    /// The answer that another replica shares.
    ///
    /// # Errors
    /// [`Away`]: nobody knows whether there is one. A connection that broke while nobody used it is found out by the first call.
    pub(super) async fn shared(&self, key: &LookKey) -> Result<Option<Landed>, Away> {
        let shared = match self.table().shared(key).await {
            Err(Away::NoConnection) => self.table().shared(key).await,
            shared => shared,
        };
        Ok(shared?.map(|kept| landed(kept, Source::Window)))
    }

    /// A further request of this process, whose repetition may come to another replica.
    pub(super) fn joins(self: &Arc<Self>, flight: &Arc<Flight>, request_id: &str) {
        let Some(remote) = flight.remote.get().cloned() else { return };
        let (key, request_id) = (flight.key().clone(), request_id.to_owned());
        self.brings(move |table| {
            let (key, request_id, remote) = (key.clone(), request_id.clone(), remote.clone());
            async move { table.join(&key, &request_id, &remote).await.map(|_| ()) }
        });
    }

    /// Who comes from now on joins by itself; who was there before is joined here. Nobody falls in between, since a request is
    /// written down before it looks for this.
    fn is_known_as(self: &Arc<Self>, local: &Table, flight: &Arc<Flight>, remote: &remote::Flight) {
        let _ = flight.remote.set(remote.clone());
        for id in local.further_ids(flight) {
            self.joins(flight, &id);
        }
    }

    /// Nothing goes out from this place.
    fn gives_up(self: &Arc<Self>, place: Place) {
        self.brings(move |table| {
            let place = place.clone();
            let nobody = LookError::Broken { delivery: Delivery::NotDelivered };
            async move { table.release(&place, &nobody).await }
        });
    }

    fn aboard(self: &Arc<Self>, flight: &Arc<Flight>, place: Place, is_alone: bool) -> Aboard {
        Aboard { replicas: Arc::clone(self), flight: Arc::clone(flight), place: Some(place), is_alone }
    }

    /// Gives the outcome to the other replicas, in the background.
    pub(super) fn land(self: &Arc<Self>, local: &Table, flight: &Arc<Flight>, place: Place, landed: &Landed) {
        let kept = Kept { outcome: landed.outcome.clone(), came: timestamp(landed.came), origin: landed.origin.clone() };
        let is_unsettled = flight.is_unsettled(landed);
        let (replicas, local, flight) = (Arc::clone(self), local.clone(), Arc::clone(flight));
        self.brings(move |table| {
            let (replicas, local, flight) = (Arc::clone(&replicas), local.clone(), Arc::clone(&flight));
            let (place, kept) = (place.clone(), kept.clone());
            async move {
                let landed = table.land(&place, &kept, is_unsettled).await?;
                replicas.is_known_as(&local, &flight, &landed.flight);
                replicas.lands_again(place, kept, is_unsettled);
                Ok(())
            }
        });
    }

    /// A table that was away may have lost what it held, while others still wait for it: as long as they may, a failed call makes
    /// the flight land again. That changes nothing where nothing was lost.
    fn lands_again(self: &Arc<Self>, place: Place, kept: Kept, is_unsettled: bool) {
        let until = Instant::now() + self.caller;
        let mut away = self.table().counts().away;
        let replicas = Arc::downgrade(self);
        self.runtime.spawn(carried(async move {
            while Instant::now() < until {
                tokio::time::sleep(PAUSE).await;
                let Some(replicas) = replicas.upgrade() else { return };
                // Counted before the call, which counts by itself if it fails.
                let now_away = replicas.table().counts().away;
                if now_away != away && replicas.table().land(&place, &kept, is_unsettled).await.is_ok() {
                    away = now_away;
                }
            }
        }));
    }

    /// Does something at the table, again and again while it is away.
    fn brings<F>(self: &Arc<Self>, what: impl Fn(RemoteTable) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), Away>> + Send,
    {
        let tries = if self.pending.fetch_add(1, Ordering::Relaxed) < MOST_WAITING { TRIES } else { 1 };
        let pending = Pending(Arc::clone(self));
        self.runtime.spawn(carried(async move {
            for _ in 0..tries {
                if what(pending.0.table()).await.is_ok() {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
            tracing::warn!("the sharing table was away for so long that an outcome or a request was not brought there");
        }));
    }

    fn says_unshared(&self, away: Away) {
        count(&self.unshared);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| said.elapsed() >= SAID_EVERY) {
            *said = Some(Instant::now());
            tracing::warn!(%away, unshared = self.unshared(), "looks go ahead without the sharing table");
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

impl Aboard {
    /// The flight has landed here. What must first be on the trail is told to nobody: its place is kept until it is.
    pub(super) fn land(mut self, local: &Table, landed: &Landed) {
        let Some(place) = self.place.take() else { return };
        if landed.owed.is_some() {
            self.flight.keeps(place);
            return;
        }
        self.replicas.land(local, &self.flight, place, landed);
    }
}

impl Drop for Aboard {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        let delivery = if self.flight.has_gone_out() { Delivery::MaybeDelivered } else { Delivery::NotDelivered };
        let kept = Kept::now(Err(Arc::new(LookError::Broken { delivery })));
        self.replicas.brings(move |table| {
            let (place, kept) = (place.clone(), kept.clone());
            async move { table.land(&place, &kept, true).await.map(|_| ()) }
        });
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

fn landed(kept: Kept, source: Source) -> Landed {
    let Kept { outcome, came, origin } = kept;
    Landed { outcome, came: instant(came), owed: None, source, origin }
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
