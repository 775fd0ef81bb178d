//! What `verify` finds in the database besides the lines: what searches read (decisions.md 65).

use crate::common::trail::TrailFolder;
use crate::servers::postgres::Postgres;
use cpis_fhir::audit;
use cpis_fhir::audit::verify::{Verdict, verify};
use cpis_fhir::audit::{Entry, Event, FaultKind, Message, RequestFacts, Who, open, open_read_only};
use cpis_fhir::cpis::NhsNumber;
use jiff::Timestamp;
use tokio::runtime::Handle;
use uuid::Uuid;

const LINES: usize = 8;

/// A trail whose lines have every key.
async fn trail(postgres: &Postgres) -> audit::Options {
    let settings = TrailFolder::postgres(postgres.url().expose()).as_settings();
    let opened = open(&settings, Handle::current()).await.unwrap();
    postgres.grant();
    for _ in 0..LINES {
        let entry = Entry {
            look: Some(Uuid::new_v4()),
            who: Some(Who { user_id: Some("user\0 1".into()), ..Who::default() }),
            child: NhsNumber::parse("9990000018").ok(),
            request: RequestFacts { request_id: Some("60E0B220".into()), ..RequestFacts::default() },
            message: Some(Message { message_id: "7A1B".into(), ..Message::default() }),
            ..Entry::of(Event::Asked)
        };
        opened.trail.record(&entry).await.unwrap();
    }
    settings
}

async fn verdict(settings: &audit::Options) -> Verdict {
    let read = open_read_only(settings, Handle::current()).await.unwrap();
    verify(&*read.reader, &read.chain, &read.seal, read.head, Timestamp::now()).await.unwrap()
}

fn said(verdict: &Verdict) -> Vec<String> {
    verdict.searches.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn a_trail_as_it_was_made_is_whole_also_for_a_role_that_only_reads_and_after_statistics() {
    let postgres = Postgres::start();
    let settings = trail(&postgres).await;
    postgres.sql("ANALYZE cpis_fhir.trail");
    assert!(verdict(&settings).await.is_whole(), "{:?}", said(&verdict(&settings).await));
    let app = TrailFolder::postgres(postgres.app_url().expose()).as_settings();
    assert_eq!(said(&verdict(&audit::Options { store: app.store, ..settings }).await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn definitions_that_are_not_as_they_were_made_are_named() {
    let postgres = Postgres::start();
    let settings = trail(&postgres).await;
    let another = "is not as this program made it: searches may miss lines";
    for (change, back, wanted) in [
        (
            "DROP INDEX cpis_fhir.trail_child",
            "CREATE INDEX trail_child ON cpis_fhir.trail (child, seq) WHERE child IS NOT NULL",
            "index trail_child is missing from the store".to_owned(),
        ),
        (
            "ALTER TABLE cpis_fhir.trail DISABLE TRIGGER trail_no_update",
            "ALTER TABLE cpis_fhir.trail ENABLE ALWAYS TRIGGER trail_no_update",
            format!("trigger trail_no_update {another}"),
        ),
        (
            "ALTER TABLE cpis_fhir.trail ENABLE TRIGGER trail_no_delete",
            "ALTER TABLE cpis_fhir.trail ENABLE ALWAYS TRIGGER trail_no_delete",
            format!("trigger trail_no_delete {another}"),
        ),
        (
            "CREATE OR REPLACE FUNCTION cpis_fhir.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
            "DO $do$ BEGIN EXECUTE 'CREATE OR REPLACE FUNCTION cpis_fhir.refuse() RETURNS trigger LANGUAGE plpgsql \
             SET search_path = pg_catalog, pg_temp AS $$' || E'\\nBEGIN\\n  RAISE EXCEPTION ''the trail is append-only'';\\nEND ' || '$$'; \
             END $do$",
            format!("function refuse {another}"),
        ),
        (
            "ALTER TABLE cpis_fhir.trail ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE cpis_fhir.trail DISABLE ROW LEVEL SECURITY",
            format!("table trail {another}"),
        ),
        (
            "ALTER TABLE cpis_fhir.trail ADD COLUMN note text",
            "ALTER TABLE cpis_fhir.trail DROP COLUMN note",
            format!("table trail {another}"),
        ),
        (
            "CREATE RULE thief AS ON INSERT TO cpis_fhir.version DO INSTEAD NOTHING",
            "DROP RULE thief ON cpis_fhir.version",
            "\"rule thief\" is in the store, and was not made by this program".to_owned(),
        ),
        (
            "CREATE TABLE public.thief () INHERITS (cpis_fhir.archived)",
            "DROP TABLE public.thief",
            "\"child table public.thief\" is in the store, and was not made by this program".to_owned(),
        ),
    ] {
        postgres.sql(change);
        let found = verdict(&settings).await;
        assert_eq!((said(&found), found.is_whole()), (vec![wanted], false), "{change}");
        postgres.sql(back);
        assert_eq!(said(&verdict(&settings).await), [""; 0], "{back}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL; .ci/run starts it"]
async fn an_index_that_leaves_lines_out_is_found_though_its_definition_is_as_ever() {
    let postgres = Postgres::start();
    let settings = trail(&postgres).await;
    for (index, fields, filter, key) in [
        ("trail_look", "look, seq", "look IS NOT NULL", "look"),
        ("trail_child", "child, seq", "child IS NOT NULL", "child"),
        ("trail_user", "left(user_id, 200), seq", "user_id IS NOT NULL", "user_id"),
        ("trail_message", "left(message_id, 200), seq", "message_id IS NOT NULL", "message_id"),
        ("trail_request", "left(request_id, 200), seq", "request_id IS NOT NULL", "request_id"),
        ("trail_at", "at, seq", "true", "at"),
    ] {
        // The index as it was made gets the file of one without two lines, as a superuser can do who copies files.
        postgres.sql(&format!("CREATE INDEX forged ON cpis_fhir.trail ({fields}) WHERE {filter} AND seq NOT IN (5, 6)"));
        postgres.sql("CHECKPOINT");
        let own = postgres.sql(&format!("SELECT relfilenode FROM pg_class WHERE relname = '{index}'"));
        let has = |file: &str| format!("UPDATE pg_class SET relfilenode = {file} WHERE relname = '{index}'");
        postgres.sql(&has("(SELECT relfilenode FROM pg_class WHERE relname = 'forged')"));
        let verdict = verdict(&settings).await;
        let missed: Vec<(u64, FaultKind)> = verdict.faults.iter().map(|fault| (fault.seq, fault.what)).collect();
        assert_eq!(missed, [(5, FaultKind::Missed(key)), (6, FaultKind::Missed(key))], "{index}: {:?}", said(&verdict));
        postgres.sql(&has(&own));
        postgres.sql("DROP INDEX cpis_fhir.forged");
    }
}
