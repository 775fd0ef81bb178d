//! The keys of one OIDC issuer, cached and refreshed.
//!
//! A background task fetches them every `refresh`. A token that names an unknown key triggers a fetch at once, but never two at a
//! time ([`fetch`]), and at most one in [`SPACING`], however many tokens with invented keys arrive. If a fetch fails, the last keys
//! are used until they are `keep_keys` old; after that, the issuer's tokens are refused.

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

/// Minimum time between two fetches that tokens trigger. Until then a token with an unknown key is refused at once.
const SPACING: Duration = Duration::from_secs(10);

/// How long a request waits for a fetch.
const WAIT: Duration = Duration::from_secs(6);

/// Delay of the first retry in the background after a failure. It doubles up to a minute.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_mins(1);

/// When keys are fetched, and how long they may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// How often the background task fetches them.
    pub refresh: Duration,
    /// How old the keys may become if they cannot be fetched.
    pub keep: Duration,
}

/// The keys of one fetch, and its time.
#[derive(Debug)]
pub(super) struct KeySnapshot {
    pub keys: KeySet,
    /// Changes with the keys. Tokens verified under another generation must be verified again.
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
    /// Closes when the fetch ends, whether or not it succeeded.
    running: Option<watch::Receiver<()>>,
    /// When a token last triggered a fetch.
    asked: Option<Instant>,
}

impl IssuerKeys {
    /// Starts to fetch the keys in the background on `runtime`, until the returned value is dropped.
    pub(super) fn start(fetcher: KeyFetcher, timing: Timing, runtime: &Handle) -> Arc<Self> {
        let issuer = Arc::new(Self {
            fetcher,
            timing,
            runtime: runtime.clone(),
            published: ArcSwapOption::empty(),
            configuration: ArcSwapOption::empty(),
            refresh: Mutex::default(),
        });
        // Started here, so that the first request finds a fetch to wait for.
        let first = issuer.begin();
        runtime.spawn(keep_fresh(Arc::downgrade(&issuer), first));
        issuer
    }

    /// The keys, unless they are too old.
    pub(super) fn current(&self) -> Option<Arc<KeySnapshot>> {
        self.published.load_full().filter(|published| published.read.elapsed() <= self.timing.keep)
    }

    /// The age of the keys, even if they are too old; `None` before the first fetch.
    pub(super) fn age(&self) -> Option<Duration> {
        self.published.load().as_ref().map(|published| published.read.elapsed())
    }

    /// The generation of [`IssuerKeys::current`], without the keys.
    pub(super) fn generation(&self) -> Option<u64> {
        let published = self.published.load();
        let published = published.as_ref()?;
        (published.read.elapsed() <= self.timing.keep).then_some(published.generation)
    }

    /// The issuer's OpenID configuration, if it was fetched.
    pub(super) fn configuration(&self) -> Option<Arc<serde_json::Value>> {
        self.configuration.load_full()
    }

    /// Keys that include one for a token with this `kid` and `alg`. Fetches them again if they do not.
    ///
    /// # Errors
    /// [`Refusal::UnknownKey`], [`Refusal::OtherAlgorithm`], or [`Refusal::KeysUnavailable`] if there are no keys.
    pub(super) async fn with_key(self: &Arc<Self>, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<KeySnapshot>, Refusal> {
        let deadline = Instant::now() + WAIT;
        let mut seen = self.look_for(id, algorithm);
        // Twice: a fetch under way may have started before the key was published.
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

    /// Keys of a later generation than `generation`, if there are any. Fetches them if that is allowed now.
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

    /// The fetch under way, or a new one for a token if one is allowed now.
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

    /// Fetches the keys again, from now on only from servers with a certificate of these CAs.
    ///
    /// # Errors
    /// What is wrong with the bundle. Then nothing changes.
    pub(super) fn renew(self: &Arc<Self>, ca_pem: Option<&[u8]>) -> Result<(), &'static str> {
        self.fetcher.renew(ca_pem)?;
        self.read_again();
        Ok(())
    }

    /// Starts to fetch the keys again, unless a fetch is under way.
    pub(super) fn read_again(self: &Arc<Self>) {
        drop(self.begin());
    }

    /// The fetch under way, or a new one.
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

/// Waits until the sender is dropped, even if its task panicked.
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
