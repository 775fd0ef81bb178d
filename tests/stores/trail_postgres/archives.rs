//! Old months leave the database with their proof.

use crate::common::trail::TrailFolder;
use crate::servers::postgres::Postgres;
use cpis_fhir::audit::archive::{archive, retire};
use cpis_fhir::audit::verify::verify;
use cpis_fhir::audit::{Entry, Event, open, open_read_only};
use jiff::Timestamp;
use tokio::runtime::Handle;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn archived_months_leave_the_database_and_the_chain_goes_on_from_them() {
    let (postgres, archives) = (Postgres::start(), tempfile::tempdir().unwrap());
    let settings = TrailFolder::postgres(postgres.url().expose()).as_settings();
    let opened = open(&settings, Handle::current()).await.unwrap();
    for day in ["2026-01-10", "2026-01-20", "2026-02-03"] {
        let at: Timestamp = format!("{day}T10:00:00Z").parse().unwrap();
        opened.trail.record(&Entry { at, ..Entry::of(Event::Refused) }).await.unwrap();
    }
    let before = "2026-02-01T00:00:00Z".parse().unwrap();
    let path = archive(&*opened.reader, &opened.chain, &opened.seal, before, archives.path()).await.unwrap().unwrap();
    let store = opened.retire.as_deref().unwrap();
    retire(&path, &*opened.reader, store, &opened.trail, &opened.chain).await.unwrap();
    assert_eq!(postgres.sql("SELECT string_agg(seq::text, ',' ORDER BY seq) FROM cpis_fhir.trail").trim(), "3,4");
    let again = retire(&path, &*opened.reader, store, &opened.trail, &opened.chain).await;
    assert!(again.is_err(), "the same lines leave once");
    let read = open_read_only(&settings, Handle::current()).await.unwrap();
    let verdict = verify(&*read.reader, &read.chain, &read.seal, read.head, Timestamp::now()).await.unwrap();
    assert!(verdict.is_whole(), "{verdict:?}");
    assert_eq!((verdict.base.seq, verdict.tip.seq), (2, 4));
}
