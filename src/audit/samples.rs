//! A trail for tests: one morning in October, with many kinds of entries, at fixed times and with fixed ids.

use super::options::{Options, StoreLocation};
use super::{
    Chain, Draft, Entry, Event, Inquiry, Line, MemoryReader, MemoryStore, Message, Outcome, Reader, RequestFacts, Seal,
    ShownCounts, Sources, Store, StoreError, StoreErrorKind, Tip, Trail, Who, WriterOptions, body, read_body,
};
use crate::cpis::{AuthorAsSent, AuthorKind, Delivery, NhsNumber, Text};
use crate::secret::KeyMaterial;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

pub const CHILD: &str = "9990000018";
pub const OTHER_CHILD: &str = "9990000026";
pub const LOOK: Uuid = Uuid::from_bytes([0x11; 16]);
pub const MESSAGE_ID: &str = "AAAAAAAA-0000-4000-8000-000000000001";

/// A trail in SQLite in this folder.
pub fn sqlite_settings(folder: &TempDir) -> Options {
    Options {
        store: StoreLocation::Sqlite(folder.path().join("trail.db")),
        store_ca: None,
        chain_keys: vec![KeyMaterial::new([1; 32])],
        encryption_keys: vec![KeyMaterial::new([2; 32])],
        head_file: Some(folder.path().join("trail.head")),
        commit_timeout: Duration::from_secs(5),
        online_for: Duration::from_hours(24),
    }
}

pub struct Sample {
    pub reader: MemoryReader,
    pub chain: Chain,
    pub seal: Seal,
    pub store: MemoryStore,
}

impl Sample {
    pub fn sources(&self) -> Sources<'_> {
        Sources { reader: &self.reader, chain: &self.chain, seal: &self.seal }
    }

    /// An empty trail.
    pub fn empty() -> Self {
        let keys = [KeyMaterial::new([1; 32])];
        let (store, reader) = MemoryStore::new();
        Self { reader, chain: Chain::new(&keys).unwrap(), seal: Seal::new(&keys).unwrap(), store }
    }

    pub async fn with(entries: &[Entry]) -> Self {
        let mut sample = Self::empty();
        let drafts: Vec<Draft> = entries.iter().map(|entry| body::write(entry, &sample.seal).unwrap()).collect();
        sample.store.append(&drafts, &sample.chain).await.unwrap();
        sample
    }

    /// [`entries`].
    pub async fn morning() -> Self {
        Self::with(&entries()).await
    }

    pub async fn lines(&self) -> Vec<Line> {
        self.reader.lines(0, usize::MAX).await.unwrap()
    }

    /// The same trail after somebody with the store, but without the key, changed one line.
    pub async fn tampered(&self, seq: u64, change: impl FnOnce(&mut Line)) -> MemoryReader {
        let mut lines = self.lines().await;
        let line = lines.iter_mut().find(|line| line.seq == seq).unwrap();
        change(line);
        MemoryReader::of(lines)
    }
}

/// A trail that can be read but not written.
pub struct Full;

impl Store for Full {
    fn append<'a>(&'a mut self, _: &'a [Draft], _: &'a Chain) -> BoxFuture<'a, Result<Tip, StoreError>> {
        Box::pin(async { Err(StoreError::new(StoreErrorKind::Full, "as the test wants it")) })
    }
}

/// An inquiry over this store and reader, with the keys of [`Sample::empty`].
pub fn inquiry(store: impl Store, reader: MemoryReader) -> Inquiry {
    let keys = [KeyMaterial::new([1; 32])];
    let chain = || Chain::new(&keys).unwrap();
    let seal = Arc::new(Seal::new(&keys).unwrap());
    let runtime = tokio::runtime::Handle::current();
    let trail = Trail::start(Box::new(store), chain(), seal, WriterOptions::default(), runtime).unwrap();
    Inquiry::new(trail, Arc::new(reader), Arc::new(chain()))
}

/// The newest entry.
pub async fn last_entry(inquiry: &Inquiry) -> Entry {
    let tip = inquiry.reader.tip().await.unwrap();
    let line = inquiry.reader.lines(tip.seq - 1, 1).await.unwrap().pop().unwrap();
    read_body(&line.body, inquiry.trail().seal()).unwrap().entry
}

#[allow(clippy::unnecessary_wraps)] // for fields that may be absent
fn text(text: &str) -> Option<Text> {
    Some(Text::from(text))
}

/// Entry `n` of the morning: `at` is a time of 14 October 2026 in UTC.
fn entry(n: u8, at: &str, event: Event) -> Entry {
    Entry { id: Uuid::from_bytes([n; 16]), at: format!("2026-10-14T{at}Z").parse().unwrap(), ..Entry::of(event) }
}

pub fn asha() -> Who {
    Who {
        issuer: text("https://issuer.example"),
        user_id: text("asha"),
        sds_user_id: text("555000111222"),
        role_profile_id: text("555000333444"),
        name: text("Dr Asha Example"),
        role_code: text("S0010:G0020:R0260"),
        role_name: text("General Medical Practitioner"),
        organisation_ods: text("RX1"),
        organisation_name: text("Example Trust"),
        care_setting: text("emergency-department"),
    }
}

/// Of another organisation, with few details, and with a name that attacks spreadsheets and terminals.
pub fn mallory() -> Who {
    Who {
        issuer: text("gateway:gw"),
        user_id: text("=HYPERLINK(\"http://x\")"),
        name: text("Mal\u{1b}[2J\u{202e}lory"),
        role_name: text("Clerk"),
        organisation_ods: text("rx2"),
        ..Who::default()
    }
}

/// Of a certain request.
fn request(id: &str, interaction: &str) -> RequestFacts {
    RequestFacts {
        request_id: text(id),
        correlation_id: text("corr-0001"),
        trace_id: text("0af7651916cd43dd8448eb211c80319c"),
        address: "192.0.2.7".parse().ok(),
        source_system: text("epr-client"),
        interaction: text(interaction),
        freshness: None,
    }
}

fn outcome(outcome: &str) -> Outcome {
    Outcome { name: outcome.into(), ..Outcome::default() }
}

fn child() -> Option<NhsNumber> {
    NhsNumber::parse(CHILD).ok()
}

#[allow(clippy::unnecessary_wraps)]
fn message(id: &str, response_id: Option<Text>) -> Option<Message> {
    let message = Message { tracking_id: "T1".into(), payload_id: "P1".into(), query_id: "Q1".into(), ..Message::default() };
    Some(Message { message_id: id.into(), response_id, ..message })
}

/// A system's query, on the authority of a person of another organisation.
fn author() -> AuthorAsSent {
    AuthorAsSent {
        template: AuthorKind::System,
        id: "200000000115".into(),
        role_profile_id: None,
        role_code: "R0260".into(),
        role_name: "General Medical Practitioner".into(),
        name: "Dr Nominated Person".into(),
        organisation_ods: "RX9".into(),
        organisation_name: "Host Trust".into(),
        nominated: true,
    }
}

/// Of Asha's look.
fn ashas(n: u8, at: &str, event: Event) -> Entry {
    let request = request("request-0001", "search Flag");
    Entry { look: Some(LOOK), who: Some(asha()), child: child(), request, ..entry(n, at, event) }
}

fn mallorys(n: u8, at: &str, event: Event) -> Entry {
    let (child, request) = (NhsNumber::parse(OTHER_CHILD).ok(), request("request-0002", "search EpisodeOfCare"));
    Entry { who: Some(mallory()), child, request, ..entry(n, at, event) }
}

/// 1 started, 2 asked, 3 answered, 4 shared, 5 asked, 6 unknown, 7 refused, 8 not held, 9 searched, 10 refused, 11 reloaded,
/// 12 stopped.
pub fn entries() -> Vec<Entry> {
    let mut entries = vec![Entry { detail: Some("audit.store sqlite".to_owned()), ..entry(1, "07:00:00", Event::Started) }];
    entries.extend(good_look());
    entries.extend(lost_look());
    entries.extend(rest_of_the_day());
    entries
}

fn good_look() -> [Entry; 3] {
    let found = Outcome {
        response_code: text("SMSP-0000"),
        delivery: Some(Delivery::MaybeDelivered),
        notification_expected: Some(true),
        shown: Some(ShownCounts { records: 1, plans: 2, unreadable: 0, accesses: 3 }),
        ..outcome("found")
    };
    let again = Outcome { notification_expected: Some(false), age_ms: Some(90_000), shown: found.shown, ..outcome("found") };
    let asked = Entry { message: message(MESSAGE_ID, None), author: Some(author()), ..ashas(2, "08:30:00.250", Event::Asked) };
    let answered = Entry {
        message: message(MESSAGE_ID, text("R1")),
        author: Some(author()),
        outcome: Some(found),
        ..ashas(3, "08:30:01", Event::Answered)
    };
    let request = request("request-0003", "read CarePlan");
    [asked, answered, Entry { request, outcome: Some(again), ..ashas(4, "08:31:31", Event::Shared) }]
}

fn lost_look() -> [Entry; 2] {
    let look = Some(Uuid::from_bytes([0x22; 16]));
    let lost = Outcome { delivery: Some(Delivery::MaybeDelivered), notification_expected: Some(true), ..outcome("timeout") };
    let asked = Entry { look, message: message("M2", None), ..mallorys(5, "09:00:00", Event::Asked) };
    [asked, Entry { look, message: message("M2", None), outcome: Some(lost), ..mallorys(6, "09:00:20", Event::Unknown) }]
}

fn rest_of_the_day() -> [Entry; 6] {
    let nobody = RequestFacts { address: "203.0.113.9".parse().ok(), ..RequestFacts::default() };
    let auditor = Who { issuer: text("command"), user_id: text("auditor"), ..Who::default() };
    let searched = Some("criteria: child; limit 100".to_owned());
    let refused = request("request-0004", "search Flag");
    [
        Entry { request: nobody, outcome: Some(outcome("token-expired")), ..entry(7, "09:10:00", Event::Refused) },
        Entry { outcome: Some(outcome("not-held")), ..mallorys(8, "09:20:00", Event::NotHeld) },
        Entry { who: Some(auditor), child: child(), detail: searched, ..entry(9, "10:00:00", Event::Searched) },
        Entry {
            who: Some(asha()),
            request: refused,
            outcome: Some(outcome("no-permission")),
            ..entry(10, "22:59:59", Event::Refused)
        },
        // In England it is already the 15th.
        entry(11, "23:00:00", Event::Reloaded),
        entry(12, "23:30:00", Event::Stopped),
    ]
}
