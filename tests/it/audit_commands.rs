//! `cpis-fhir audit` as it is typed, over a trail in a file that another process wrote.

use cpis_fhir::audit::{self, Entry, Event, Message, Outcome, RequestFacts, Who};
use cpis_fhir::cpis::NhsNumber;
use cpis_fhir::settings;
use serde_json::Value;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use uuid::Uuid;

const CHILD: &str = "9990000018";
const LOOK: Uuid = Uuid::from_bytes([0x11; 16]);

/// A folder with keys, settings and a trail: one look of two entries, one refusal.
struct TrailFixture {
    folder: tempfile::TempDir,
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

impl TrailFixture {
    fn new() -> Self {
        Self::with(&entries())
    }

    fn with(entries: &[Entry]) -> Self {
        let fixture = Self::empty();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let opened = audit::open(&fixture.settings(), runtime.handle().clone()).await.unwrap();
            for entry in entries {
                opened.trail.record(entry).await.unwrap();
            }
            assert!(opened.trail.flush(Duration::from_secs(5)).await);
        });
        fixture
    }

    /// Without a trail.
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, letter) in [("chain.key", "a"), ("encryption.key", "b")] {
            let path = folder.path().join(name);
            std::fs::write(&path, letter.repeat(64)).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let settings =
            "[audit]\nstore = \"sqlite:trail.db\"\nchain_key_file = \"chain.key\"\nencryption_key_file = \"encryption.key\"\n";
        std::fs::write(folder.path().join("cpis.toml"), settings).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self) -> audit::Options {
        let of = |name: &str, file: &str| (format!("CPIS_FHIR__AUDIT__{name}"), self.path(file).display().to_string());
        let (name, path) = of("STORE", "trail.db");
        let env =
            [(name, format!("sqlite:{path}")), of("CHAIN_KEY_FILE", "chain.key"), of("ENCRYPTION_KEY_FILE", "encryption.key")];
        settings::load_audit(None, env).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cpis-fhir"));
        command.env_clear().current_dir(self.folder.path()).arg("audit").args(arguments).args(["--config", "cpis.toml"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that does not read it may be gone already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Standard output of a command that ended well.
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    fn found(&self, arguments: &[&str]) -> Vec<Value> {
        let said = self.said(&[&["search", "--json"], arguments].concat());
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// As somebody who has the file, but not the keys.
    fn tamper(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.path("trail.db")).unwrap();
        let names: Vec<String> = {
            let mut query = db.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").unwrap();
            query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        for name in names {
            db.execute_batch(&format!("DROP TRIGGER \"{name}\"")).unwrap();
        }
        db.execute_batch(sql).unwrap();
    }
}

fn entries() -> Vec<Entry> {
    let who = Who {
        issuer: Some("https://issuer.example".into()),
        user_id: Some("asha".into()),
        name: Some("Dr Asha Example".into()),
        organisation_ods: Some("RX1".into()),
        ..Who::default()
    };
    let at = |at: &str| format!("2026-10-14T{at}Z").parse().unwrap();
    let look = |time: &str, event| Entry {
        at: at(time),
        look: Some(LOOK),
        who: Some(who.clone()),
        child: NhsNumber::parse(CHILD).ok(),
        request: RequestFacts { interaction: Some("search Flag".into()), ..RequestFacts::default() },
        message: Some(Message { message_id: "AAAAAAAA-0000-4000-8000-000000000001".into(), ..Message::default() }),
        ..Entry::of(event)
    };
    let found = Outcome { name: "found".into(), ..Outcome::default() };
    vec![
        look("08:30:00", Event::Asked),
        Entry { outcome: Some(found), ..look("08:30:01", Event::Answered) },
        Entry { at: at("09:00:00"), ..Entry::of(Event::Refused) },
    ]
}

fn seqs(found: &[Value]) -> Vec<u64> {
    found.iter().map(|line| line["seq"].as_u64().unwrap()).collect()
}

#[test]
fn who_looked_at_this_child_on_the_14th() {
    let fixture = TrailFixture::new();
    let day = ["--from", "2026-10-14", "--to", "2026-10-14"];
    let output = fixture.run_with(&[&["search", "--nhs-number", "-"], &day[..]].concat(), "999 000 0018\n");
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(shown.starts_with("NHS Confidential: Personal Data about a patient\n"), "{shown}");
    assert!(shown.contains("2026-10-14 09:30:01.000 +01:00  answered  999 000 0018  Dr Asha Example"), "{shown}");
    assert_eq!(shown.lines().count(), 4, "{shown}");
    assert!(text(&output.stderr).contains("2 entries, newest first. There are no more."));
}

#[test]
fn searches_and_exports_are_on_the_trail_in_their_turn() {
    let fixture = TrailFixture::new();
    assert_eq!(seqs(&fixture.found(&["--user", "asha"])), [2, 1]);
    fixture.said(&["export", "--format", "fhir", "--out", "events.ndjson"]);
    let found = fixture.found(&["--seq", "4.."]);
    assert_eq!(seqs(&found), [5, 4]);
    assert_eq!((&found[0]["entry"]["event"], &found[1]["entry"]["event"]), (&"exported".into(), &"searched".into()));
    assert_eq!(found[1]["entry"]["who"]["issuer"], "command");
    assert!(found[1]["entry"]["detail"].as_str().unwrap().starts_with("criteria: user; limit 100"));
    let events = std::fs::read_to_string(fixture.path("events.ndjson")).unwrap();
    assert_eq!(events.lines().count(), 4, "all but the entry of the export itself");
    assert!(events.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["resourceType"] == "AuditEvent"));
}

#[test]
fn a_command_works_beside_a_service_that_has_the_trail_open() {
    let fixture = TrailFixture::empty();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let opened = runtime.block_on(audit::open(&fixture.settings(), runtime.handle().clone())).unwrap();
    let record = || runtime.block_on(opened.trail.record(&Entry::of(Event::Stopped))).unwrap();
    record();
    assert_eq!(seqs(&fixture.found(&[])), [1]);
    record();
    let found = fixture.found(&[]);
    let events: Vec<&Value> = found.iter().map(|line| &line["entry"]["event"]).collect();
    assert_eq!(events, ["stopped", "searched", "stopped"]);
}

#[test]
fn a_changed_line_is_shown_as_changed_and_fails_search_and_export() {
    let fixture = TrailFixture::new();
    fixture.tamper("UPDATE trail SET body = replace(body, 'found', 'faund') WHERE seq = 2");
    let output = fixture.run(&["search", "--user", "asha"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("       2  !!! NOT TO BE RELIED ON"), "{}", text(&output.stdout));
    assert!(
        text(&output.stderr).contains("THE TRAIL WAS CHANGED: 1 line that was asked for is not as written"),
        "{}",
        text(&output.stderr)
    );
    let output = fixture.run(&["export", "--format", "pars", "--out", "report.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(std::fs::read_to_string(fixture.path("report.csv")).unwrap().contains("\"2\",\"NOT TO BE RELIED ON"));
}

#[test]
fn a_search_of_a_trail_that_was_cut_off_says_so_whatever_it_finds() {
    let fixture = TrailFixture::new();
    fixture.tamper("DELETE FROM trail WHERE seq = 3");
    let output = fixture.run(&["search", "--user", "asha"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("THE TRAIL WAS CHANGED: lines were removed from the end of the trail"), "{said}");
}

#[test]
fn where_there_is_no_trail_none_is_made_and_none_is_said_to_be_good() {
    let fixture = TrailFixture::empty();
    std::fs::create_dir(fixture.path("archives")).unwrap();
    for arguments in
        [&["search"][..], &["export", "--format", "lines", "--out", "out"], &["verify"], &["archive", "--to", "archives"]]
    {
        let output = fixture.run(arguments);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{arguments:?}");
        assert!(text(&output.stderr).contains("the trail cannot be opened"), "{}", text(&output.stderr));
    }
    assert!(!fixture.path("trail.db").exists() && !fixture.path("out").exists());
}

#[test]
fn what_cannot_be_understood_ends_with_code_2_before_anything_is_opened() {
    let fixture = TrailFixture::new();
    let output = fixture.run(&["search", "--nhs-number", "9990000019"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.starts_with("--nhs-number: wanted an NHS number") && !said.contains("9990000019"), "{said}");
    assert_eq!(seqs(&fixture.found(&[])), [3, 2, 1], "nothing was recorded, since nothing was searched");
}

/// Ended with `code`; its lines.
fn verified(fixture: &TrailFixture, arguments: &[&str], code: i32) -> Vec<String> {
    let output = fixture.run(&[&["verify"], arguments].concat());
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{said}{}", text(&output.stderr));
    said.lines().map(str::to_owned).collect()
}

#[test]
fn a_trail_that_is_whole_is_said_to_be_and_verifying_changes_nothing() {
    let fixture = TrailFixture::new();
    let said = verified(&fixture, &[], 0);
    assert!(said.contains(&"note: the head file ends where the store does".to_owned()), "{said:?}");
    assert!(said.last().unwrap().starts_with("WHOLE: 3 lines, 1 to 3; ends with "), "{said:?}");
    assert_eq!(verified(&fixture, &[], 0), said);
    let said = verified(&fixture, &["--json"], 0);
    let last: Value = serde_json::from_str(said.last().unwrap()).unwrap();
    assert_eq!((&last["kind"], &last["whole"], &last["lines"]), (&"verdict".into(), &true.into(), &3.into()));
}

#[test]
fn each_way_to_change_a_trail_is_found_with_its_first_bad_line() {
    let edit = "UPDATE trail SET body = replace(body, 'found', 'faund') WHERE seq = 2";
    let column = "UPDATE trail SET user_id = 'eve' WHERE seq = 2";
    let delete = "DELETE FROM trail WHERE seq = 2";
    let exchange =
        "UPDATE trail SET seq = 9 WHERE seq = 1; UPDATE trail SET seq = 1 WHERE seq = 2; UPDATE trail SET seq = 2 WHERE seq = 9";
    let truncate = "DELETE FROM trail WHERE seq = 3";
    for (what, sql, first) in
        [("edit", edit, 2), ("column", column, 2), ("delete", delete, 2), ("exchange", exchange, 1), ("truncate", truncate, 3)]
    {
        let fixture = TrailFixture::new();
        fixture.tamper(sql);
        let said = verified(&fixture, &[], 1);
        assert!(said.iter().any(|line| line.starts_with(&format!("FAULT: line {first}: "))), "{what}: {said:?}");
        assert!(
            said.last().unwrap().starts_with("NOT WHOLE") && said.last().unwrap().contains(&format!("first bad line {first}")),
            "{what}: {said:?}"
        );
    }
}

#[test]
fn a_start_of_the_service_does_not_make_a_trail_that_was_cut_off_look_whole() {
    let fixture = TrailFixture::new();
    fixture.tamper("DELETE FROM trail WHERE seq = 3");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = audit::open(&fixture.settings(), runtime.handle().clone()).await.unwrap();
        for _ in 0..5 {
            opened.trail.record(&Entry::of(Event::Reloaded)).await.unwrap();
        }
    });
    let said = verified(&fixture, &[], 1);
    assert!(said.iter().any(|line| line.starts_with("FAULT: ") && line.contains("a head file that did not match")), "{said:?}");
}

#[test]
fn a_look_without_an_outcome_is_reported_and_is_no_fault() {
    let fixture = TrailFixture::with(&entries()[..1]);
    let said = verified(&fixture, &[], 0);
    assert!(said.iter().any(|line| line.starts_with("UNKNOWN OUTCOME: line 1: asked, and no outcome follows")), "{said:?}");
}

#[test]
fn what_cannot_be_checked_is_neither_good_nor_bad() {
    let fixture = TrailFixture::empty();
    assert_eq!(verified(&fixture, &[], 2), [] as [&str; 0]);
    let fixture = TrailFixture::new();
    assert_eq!(verified(&fixture, &["--archive", "nothing.manifest.json"], 2), [] as [&str; 0]);
    // Without the key that wrote it, nothing is known to be good.
    std::fs::write(fixture.path("chain.key"), "c".repeat(64)).unwrap();
    let said = verified(&fixture, &[], 1);
    assert!(said[0].contains("a key that is not among the chain keys"), "{said:?}");
}

#[test]
fn old_months_leave_the_store_with_their_proof_and_with_a_name_to_it() {
    let at = |at: &str, event| Entry { at: at.parse().unwrap(), ..Entry::of(event) };
    let fixture = TrailFixture::with(&[
        at("2020-01-10T00:00:00Z", Event::Started),
        at("2020-01-20T00:00:00Z", Event::Stopped),
        at("2020-02-10T00:00:00Z", Event::Started),
        Entry::of(Event::Stopped),
    ]);
    std::fs::create_dir(fixture.path("archives")).unwrap();
    let output = fixture.run(&["archive", "--to", "archives", "--before", "2999-01"]);
    assert_eq!(output.status.code(), Some(2), "what is young stays: {}", text(&output.stderr));
    let said = fixture.said(&["archive", "--to", "archives"]);
    assert!(said.contains("2 months archived") && said.matches("removed from the store").count() == 2, "{said}");
    let mut manifests: Vec<String> = std::fs::read_dir(fixture.path("archives"))
        .unwrap()
        .map(|entry| format!("archives/{}", entry.unwrap().file_name().to_str().unwrap()))
        .filter(|name| name.ends_with(".manifest.json"))
        .collect();
    manifests.sort();
    assert_eq!(manifests.len(), 2);
    let said = verified(&fixture, &["--archive", &manifests[0], "--archive", &manifests[1]], 0);
    assert!(
        said.iter().any(|line| line.ends_with("2 lines, 1 to 2")) && said.iter().any(|line| line.ends_with("1 lines, 3 to 3")),
        "{said:?}"
    );
    let said = verified(&fixture, &["--archive", &manifests[0]], 0);
    assert!(said.contains(&"note: lines 3 to 3 are in archives that were not named".to_owned()), "{said:?}");
    let who = fixture.found(&["--event", "exported"]);
    assert!(who[0]["entry"]["detail"].as_str().unwrap().starts_with("archive of months that ended before"), "{who:?}");
    assert_eq!(who[0]["entry"]["who"]["issuer"], "command");
    assert_eq!(fixture.found(&["--event", "archived"]).len(), 2);
    let said = text(&fixture.run(&["search", "--from", "2020-01-01", "--to", "2020-12-31"]).stderr);
    assert!(said.contains("0 entries") && said.contains("Lines 1 to 3 are in archives and were not searched."), "{said}");

    let lines = std::fs::read_dir(fixture.path("archives")).unwrap().map(|entry| entry.unwrap().path());
    let lines: Vec<PathBuf> = lines.filter(|path| !path.to_str().unwrap().ends_with(".manifest.json")).collect();
    for path in lines {
        let changed = std::fs::read_to_string(&path).unwrap().replace("started", "stopped");
        std::fs::write(&path, changed).unwrap();
    }
    let said = verified(&fixture, &["--archive", &manifests[0]], 1);
    assert!(said.iter().any(|line| line.starts_with("FAULT: line 1: ")), "{said:?}");
}
