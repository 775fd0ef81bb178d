//! One OIDC issuer's keys, held and read anew.
//!
//! They are read in the background every `refresh`, and at once when a token names a key that is not among them: by one request at
//! a time ([`fetch`]), and for tokens' sake at most once in [`SPACING`], however many tokens with invented keys arrive. Where they
//! cannot be read, those that were read last are used for `keep_keys` more; after that no token of the issuer is believed.

mod fetch;

pub(super) use fetch::KeyFetcher;

use super::Refusal;
use super::keys::KeySet;
use arc_swap::ArcSwapOption;
use jsonwebtoken::Algorithm;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Between two readings of the keys for tokens' sake. A token whose key is not known is refused at once until it has passed.
const SPACING: Duration = Duration::from_secs(10);

/// How long a request waits for keys to be read.
const WAIT: Duration = Duration::from_secs(6);

/// After a failure the background tries again in this time, then in twice that, up to a minute.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_mins(1);

/// When keys are read, and how long they hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// How often in the background.
    pub refresh: Duration,
    /// How old keys may become that cannot be read anew.
    pub keep: Duration,
}

/// The keys as they were read, and when.
#[derive(Debug)]
pub(super) struct KeySnapshot {
    pub keys: KeySet,
    /// Changes when the keys do: what was believed under another one has to be checked anew.
    pub generation: u64,
    read: Instant,
}

pub(super) struct IssuerKeys {
    fetcher: KeyFetcher,
    timing: Timing,
    runtime: Handle,
    published: ArcSwapOption<KeySnapshot>,
    configuration: ArcSwapOption<serde_json::Value>,
    refresh: Mutex<Refresh>,
}

#[derive(Default)]
struct Refresh {
    /// Ends when the reading does, however it went.
    running: Option<watch::Receiver<()>>,
    /// When a token last made us read.
    asked: Option<Instant>,
}

impl IssuerKeys {
    /// Begins to read the keys in the background of `runtime`, until the returned value is dropped.
    pub(super) fn start(fetcher: KeyFetcher, timing: Timing, runtime: &Handle) -> Arc<Self> {
        let issuer = Arc::new(Self {
            fetcher,
            timing,
            runtime: runtime.clone(),
            published: ArcSwapOption::empty(),
            configuration: ArcSwapOption::empty(),
            refresh: Mutex::default(),
        });
        // Begun here, so that the first request finds a reading to wait for.
        let first = issuer.begin();
        runtime.spawn(keep_fresh(Arc::downgrade(&issuer), first));
        issuer
    }

    /// The keys, unless they are older than they may be.
    pub(super) fn current(&self) -> Option<Arc<KeySnapshot>> {
        self.published.load_full().filter(|published| published.read.elapsed() <= self.timing.keep)
    }

    /// How long ago the keys were read, whether or not they may still be used; `None` before the first time.
    pub(super) fn age(&self) -> Option<Duration> {
        self.published.load().as_ref().map(|published| published.read.elapsed())
    }

    /// The generation of [`IssuerKeys::current`], without the keys.
    pub(super) fn generation(&self) -> Option<u64> {
        let published = self.published.load();
        let published = published.as_ref()?;
        (published.read.elapsed() <= self.timing.keep).then_some(published.generation)
    }

    /// What the issuer says of itself, where it was asked.
    pub(super) fn configuration(&self) -> Option<Arc<serde_json::Value>> {
        self.configuration.load_full()
    }

    /// Keys that have the one for a token with this `kid` and `alg`, reading them anew once where they have not.
    ///
    /// # Errors
    /// [`Refusal::UnknownKey`], [`Refusal::OtherAlgorithm`], or [`Refusal::KeysUnavailable`] where there are no keys.
    pub(super) async fn with_key(self: &Arc<Self>, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<KeySnapshot>, Refusal> {
        let deadline = Instant::now() + WAIT;
        let mut seen = self.look_for(id, algorithm);
        // Twice: a reading that was under way may have begun before the key was published.
        for _ in 0..2 {
            if !matches!(seen, Err(Refusal::UnknownKey | Refusal::KeysUnavailable)) {
                return seen;
            }
            let Some(reading) = self.ask() else { return seen };
            let left = deadline.saturating_duration_since(Instant::now());
            let in_time = tokio::time::timeout(left, finished(reading)).await.is_ok();
            seen = self.look_for(id, algorithm);
            if !in_time {
                return seen;
            }
        }
        seen
    }

    /// Keys that were read after those of `generation` and are others, where the issuer may be asked for them now.
    pub(super) async fn newer_than(self: &Arc<Self>, generation: u64) -> Option<Arc<KeySnapshot>> {
        let is_newer = |published: &Arc<KeySnapshot>| published.generation != generation;
        if let Some(newer) = self.current().filter(is_newer) {
            return Some(newer);
        }
        let _ = tokio::time::timeout(WAIT, finished(self.ask()?)).await;
        self.current().filter(is_newer)
    }

    fn look_for(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<KeySnapshot>, Refusal> {
        let published = self.current().ok_or(Refusal::KeysUnavailable)?;
        published.keys.find(id, algorithm)?;
        Ok(published)
    }

    /// The reading under way, or a new one for a token's sake if there may be one now.
    fn ask(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let mut refresh = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        if refresh.running.is_some() {
            return refresh.running.clone();
        }
        if refresh.asked.is_some_and(|asked| asked.elapsed() < SPACING) {
            return None;
        }
        refresh.asked = Some(Instant::now());
        Some(self.spawn(&mut refresh))
    }

    /// Reads the keys anew, from now on from servers that these CAs vouch for.
    ///
    /// # Errors
    /// What is wrong with the bundle; then everything is as it was.
    pub(super) fn renew(self: &Arc<Self>, ca_pem: Option<&[u8]>) -> Result<(), &'static str> {
        self.fetcher.renew(ca_pem)?;
        self.read_again();
        Ok(())
    }

    /// Begins to read the keys anew, where they are not being read already.
    pub(super) fn read_again(self: &Arc<Self>) {
        drop(self.begin());
    }

    /// The reading under way, or a new one.
    fn begin(self: &Arc<Self>) -> watch::Receiver<()> {
        let mut refresh = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        refresh.running.clone().unwrap_or_else(|| self.spawn(&mut refresh))
    }

    fn spawn(self: &Arc<Self>, refresh: &mut Refresh) -> watch::Receiver<()> {
        let (ended, reading) = watch::channel(());
        let issuer = Arc::clone(self);
        self.runtime.spawn(async move {
            issuer.read().await;
            issuer.refresh.lock().unwrap_or_else(PoisonError::into_inner).running = None;
            drop(ended);
        });
        refresh.running = Some(reading.clone());
        reading
    }

    async fn read(&self) {
        match self.fetcher.read().await {
            Ok(fetch::FetchedKeys { keys, configuration }) => {
                if let Some(configuration) = configuration {
                    self.configuration.store(Some(Arc::new(configuration)));
                }
                self.publish(keys);
            }
            Err(why) => {
                let keys_left = self.current().is_some();
                tracing::warn!(issuer = self.fetcher.issuer(), why, keys_left, "the keys of an issuer of tokens cannot be read");
            }
        }
    }

    fn publish(&self, keys: KeySet) {
        let before = self.published.load();
        let generation = match before.as_ref() {
            Some(before) if before.keys.fingerprint == keys.fingerprint => before.generation,
            Some(before) => before.generation + 1,
            None => 0,
        };
        if before.as_ref().is_none_or(|before| before.generation != generation) {
            let (usable, ignored) = (keys.len(), keys.ignored);
            tracing::info!(issuer = self.fetcher.issuer(), usable, ignored, "the keys of an issuer of tokens were read");
        }
        self.published.store(Some(Arc::new(KeySnapshot { keys, generation, read: Instant::now() })));
    }

    fn is_fresh(&self) -> bool {
        self.published.load().as_ref().is_some_and(|published| published.read.elapsed() < self.timing.refresh)
    }
}

/// Waits until the sender is gone, also where its task panicked.
async fn finished(mut reading: watch::Receiver<()>) {
    while reading.changed().await.is_ok() {}
}

async fn keep_fresh(issuer: Weak<IssuerKeys>, first: watch::Receiver<()>) {
    finished(first).await;
    let mut retry = FIRST_RETRY;
    loop {
        let Some(strong) = issuer.upgrade() else { return };
        let every = strong.timing.refresh;
        let pause = if strong.is_fresh() {
            retry = FIRST_RETRY;
            every
        } else {
            let pause = retry.min(every);
            retry = (retry * 2).min(LAST_RETRY);
            pause
        };
        drop(strong);
        tokio::time::sleep(pause).await;
        let Some(strong) = issuer.upgrade() else { return };
        let reading = strong.begin();
        drop(strong);
        finished(reading).await;
    }
}
