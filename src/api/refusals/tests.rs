use super::*;
use crate::audit::{
    Chain, Draft, MemoryReader, MemoryStore, Reader as _, Room, Seal, Store, StoreError, Tip, WriterOptions, read_body,
};
use crate::secret::KeyMaterial;
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

struct Desk {
    refusals: Refusals,
    trail: Trail,
    reader: MemoryReader,
    seal: Arc<Seal>,
    room: Arc<AtomicU64>,
}

/// A store on a disk on which so many bytes are free.
struct OnDisk(MemoryStore, Arc<AtomicU64>);

impl Store for OnDisk {
    fn append<'a>(&'a mut self, drafts: &'a [Draft], chain: &'a Chain) -> BoxFuture<'a, Result<Tip, StoreError>> {
        self.0.append(drafts, chain)
    }

    fn room(&self) -> Room {
        let free = Arc::clone(&self.1);
        Box::new(move || Some(free.load(SeqCst)))
    }
}

fn desk() -> Desk {
    let keys = [KeyMaterial::new([1; 32])];
    let ((store, reader), seal) = (MemoryStore::new(), Arc::new(Seal::new(&keys).unwrap()));
    let (chain, runtime) = (Chain::new(&keys).unwrap(), tokio::runtime::Handle::current());
    let room = Arc::new(AtomicU64::new(1 << 40));
    let store = Box::new(OnDisk(store, Arc::clone(&room)));
    let trail = Trail::start(store, chain, Arc::clone(&seal), WriterOptions::default(), runtime).unwrap();
    Desk { refusals: Refusals::default(), trail, reader, seal, room }
}

impl Desk {
    async fn refuse(&self, who: Option<&str>, name: &str, times: usize) {
        for _ in 0..times {
            let who = who.map(|id| Who { issuer: Some("gateway".into()), user_id: Some(id.into()), ..Who::default() });
            let outcome = Outcome { name: name.into(), ..Outcome::default() };
            let entry = Entry { who, outcome: Some(outcome), ..Entry::of(Event::Refused) };
            self.refusals.record(&self.trail, entry).await;
        }
    }

    /// The same, once there are so many.
    async fn until_told(&self, count: usize) -> Vec<(String, Option<String>)> {
        loop {
            let told = self.told().await;
            if told.len() >= count {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Outcome and detail of each entry.
    async fn told(&self) -> Vec<(String, Option<String>)> {
        let lines = self.reader.lines(0, 100_000).await.unwrap();
        let told = lines.iter().map(|line| read_body(&line.body, &self.seal).unwrap().entry);
        told.map(|entry| (entry.outcome.unwrap().name.as_str().to_owned(), entry.detail)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_nobodys_refusals_is_a_burst_and_one_that_counts_the_rest() {
    let desk = desk();
    desk.refuse(None, "no-token", 500).await;
    desk.refuse(None, "token-expired", 100).await;
    let written = desk.told().await.len();
    // A slow machine takes a second or more, in each of which there is one more.
    assert!((60..100).contains(&written), "{written}");
    desk.refusals.settle(&desk.trail).await;
    desk.refusals.settle(&desk.trail).await;
    let told = desk.told().await;
    assert_eq!(told.len(), written + 1, "nothing is counted twice");
    let (outcome, detail) = told.last().unwrap();
    let detail = detail.as_deref().unwrap();
    assert_eq!(outcome, "further-refusals");
    assert!(detail.starts_with(&format!("{} further", 600 - written)) && detail.contains("token-expired 100"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_person_has_a_budget_of_their_own_beside_nobodys() {
    let desk = desk();
    desk.refuse(None, "no-token", 70).await;
    desk.refuse(Some("asha"), "not-permitted", 30).await;
    desk.refuse(Some("ben"), "not-permitted", 20).await;
    let told = desk.told().await;
    let of = |name: &str| told.iter().filter(|(outcome, _)| outcome == name).count();
    assert!((60..70).contains(&of("no-token")) && of("not-permitted") == 40, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_is_nearly_full_nobodys_refusals_are_only_counted_until_there_is_room() {
    let desk = Desk { refusals: Refusals { together: Duration::from_millis(20), ..Refusals::default() }, ..desk() };
    desk.refuse(None, "no-token", 1).await;
    desk.room.store((64 << 20) - 1, SeqCst);
    desk.refuse(None, "no-token", 30).await;
    desk.refuse(None, "token-expired", 2).await;
    desk.refuse(Some("asha"), "not-permitted", 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let told: Vec<String> = desk.told().await.into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(told, ["no-token", "not-permitted"], "whoever is known leaves their mark, as ever");
    desk.room.store(64 << 20, SeqCst);
    let (outcome, detail) = desk.until_told(3).await.pop().unwrap();
    let detail = detail.unwrap();
    assert_eq!(outcome, "further-refusals");
    assert!(detail.starts_with("32 further") && detail.ends_with(": no-token 30 token-expired 2"), "{detail}");
    desk.refuse(None, "no-token", 1).await;
    assert_eq!(desk.until_told(4).await.pop().unwrap().0, "no-token");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_written_by_itself_and_what_comes_later_is_counted_anew() {
    let desk = Desk { refusals: Refusals { together: Duration::from_millis(20), ..Refusals::default() }, ..desk() };
    desk.room.store(0, SeqCst);
    desk.refuse(None, "no-token", 7).await;
    desk.room.store(1 << 40, SeqCst);
    assert!(desk.until_told(1).await[0].1.as_deref().unwrap().starts_with("7 further"));
    desk.room.store(0, SeqCst);
    desk.refuse(None, "no-token", 5).await;
    desk.refusals.settle(&desk.trail).await;
    assert!(desk.until_told(2).await[1].1.as_deref().unwrap().starts_with("5 further"), "at the end also without room");
}

#[tokio::test(start_paused = true)]
async fn the_budget_comes_back_with_time_and_who_owes_nothing_is_forgotten() {
    let desk = desk();
    let entry = |who: Option<&str>| Entry {
        who: who.map(|id| Who { user_id: Some(id.into()), ..Who::default() }),
        ..Entry::of(Event::Refused)
    };
    let taken = |who: Option<&str>, times: usize| (0..times).filter(|_| desk.refusals.takes(&desk.trail, &entry(who))).count();
    assert_eq!(taken(None, 100), 60);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(taken(None, 100), 5);
    assert_eq!(desk.refusals.counted(true).0.len(), 1);
    for at in 0..1000 {
        let id = format!("user-{at}");
        assert_eq!(taken(Some(&id), 1), 1);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(desk.refusals.accounts().len() <= 12, "{}", desk.refusals.accounts().len());
}
