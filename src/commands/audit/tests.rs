use super::criteria::Criteria;
use super::{export, search, verify};
use crate::audit::samples::{CHILD, Full, Sample, inquiry, last_entry};
use crate::audit::{Event, Inquiry, Mac, Question, Tip};
use crate::commands::CommandError;
use clap::Parser;
use std::os::unix::fs::PermissionsExt as _;

/// What is typed after `cpis-fhir audit`.
#[derive(Debug, Parser)]
struct Typed {
    #[command(subcommand)]
    command: super::AuditCommand,
}

fn searched(arguments: &[&str]) -> search::SearchOptions {
    let typed = Typed::try_parse_from(["audit", "search"].iter().chain(arguments)).unwrap();
    let super::AuditCommand::Search(options) = typed.command else { panic!("another command") };
    options
}

fn exported(arguments: &[&str]) -> export::ExportOptions {
    let typed = Typed::try_parse_from(["audit", "export"].iter().chain(arguments)).unwrap();
    let super::AuditCommand::Export(options) = typed.command else { panic!("another command") };
    options
}

async fn morning() -> Inquiry {
    let sample = Sample::morning().await;
    inquiry(sample.store, sample.reader)
}

async fn shown_on(inquiry: &Inquiry, arguments: &[&str]) -> (String, Result<(), CommandError>) {
    let options = searched(arguments);
    let question = options.criteria.question(std::io::empty()).unwrap();
    let mut out = Vec::new();
    let done = search::run(inquiry, None, &question, &options, &mut out).await;
    (String::from_utf8(out).unwrap(), done)
}

async fn shown(arguments: &[&str]) -> String {
    let (text, done) = shown_on(&morning().await, arguments).await;
    done.unwrap();
    text
}

fn refused(arguments: &[&str]) -> String {
    searched(arguments).criteria.question(std::io::empty()).unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_a_morning() {
    insta::assert_snapshot!(shown(&["--show-nhs-numbers"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_one_child_on_one_day() {
    insta::assert_snapshot!(shown(&["--nhs-number", CHILD, "--from", "2026-10-14", "--to", "2026-10-14"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_shown_only_to_whoever_asked_for_it_or_for_all() {
    let hidden = shown(&["--user", "asha"]).await;
    assert!(!hidden.contains("999 000 0018") && hidden.contains("  hidden  "), "{hidden}");
    for asked in [&["--nhs-number", CHILD][..], &["--user", "asha", "--show-nhs-numbers"]] {
        let shown = shown(asked).await;
        assert!(shown.contains("999 000 0018"), "{shown}");
    }
    let json = shown(&["--json", "--seq", "5"]).await;
    assert!(json.contains(r#""child":"hidden""#) && !json.contains("9990000026"), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_one_object_a_line_and_nothing_else() {
    let text = shown(&["--json", "--all"]).await;
    let seqs: Vec<u64> =
        text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=12).rev().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_on_the_trail_with_its_kinds_and_its_child_and_finds_what_was_there_before_it() {
    let inquiry = morning().await;
    let (text, _) = shown_on(&inquiry, &["--nhs-number", CHILD, "--user", "asha", "--limit", "1"]).await;
    assert!(!text.contains("searched"), "its own entry is not its answer: {text}");
    let entry = last_entry(&inquiry).await;
    assert_eq!((entry.event, entry.child.as_ref().map(crate::cpis::NhsNumber::digits)), (Event::Searched, Some(CHILD)));
    let detail = entry.detail.unwrap();
    assert!(detail.starts_with("criteria: user, child; limit 1; no other NHS number shown"), "{detail}");
    let who = entry.who.unwrap();
    assert_eq!(who.issuer.unwrap().as_str(), "command");
    assert_eq!(who.user_id.unwrap().as_str(), whoami::username().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_and_no_file_is_left_where_the_trail_cannot_be_written() {
    let sample = Sample::morning().await;
    let inquiry = inquiry(Full, sample.reader);
    let (text, done) = shown_on(&inquiry, &[]).await;
    assert_eq!(text, "");
    assert!(matches!(done, Err(CommandError::Failed(said)) if said.starts_with("nothing is shown")));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let failed =
        export::run(&inquiry, None, &Question::default(), &exported(&["--format", "fhir", "--out", path.to_str().unwrap()]))
            .await;
    assert!(matches!(failed, Err(CommandError::Failed(_))));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_and_a_changed_line_is_shown_loudly_and_fails_the_command() {
    let table = shown(&["--limit", "3"]).await;
    assert_eq!(table.lines().count(), 2 + 3, "{table}");
    let sample = Sample::morning().await;
    let reader = sample.tampered(3, |line| line.body[60] ^= 1).await;
    let inquiry = inquiry(sample.store, reader);
    let (text, done) = shown_on(&inquiry, &["--user", "asha"]).await;
    assert!(text.contains("       3  !!! NOT TO BE RELIED ON, AND NOT SHOWN: the line was changed"), "{text}");
    assert!(
        matches!(done, Err(CommandError::Failed(said)) if said.starts_with("THE TRAIL WAS CHANGED: 1 line that was asked for is"))
    );
    let (_, done) = shown_on(&inquiry, &["--user", "asha", "--limit", "2"]).await;
    assert!(done.is_ok(), "a line that was not shown is not spoken of");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_whole_private_and_hashed() {
    let inquiry = morning().await;
    let folder = tempfile::tempdir().unwrap();
    for (format, lines) in [("fhir", 12), ("pars", 13), ("lines", 12)] {
        let path = folder.path().join(format);
        let options = exported(&["--format", format, "--out", path.to_str().unwrap(), "--seq", "..12"]);
        let question = options.criteria.question(std::io::empty()).unwrap();
        let said = export::run(&inquiry, None, &question, &options).await.unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(String::from_utf8(bytes.clone()).unwrap().lines().count(), lines, "{format}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        let digest = Mac(digest.as_ref().try_into().unwrap()).to_string();
        assert!(said.contains(&digest) && said.contains(&format!("12 entries, {} bytes", bytes.len())), "{said}");
        let entry = last_entry(&inquiry).await;
        assert_eq!(entry.event, Event::Exported);
        assert!(entry.detail.unwrap().starts_with(&format!("criteria: sequence number; format {format}")));
        let again = export::run(&inquiry, None, &question, &options).await;
        assert!(matches!(again, Err(CommandError::Settings(said)) if said.contains("already exists")));
    }
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 3, "no draft is left");
}

#[test]
fn a_number_is_read_from_the_command_standard_input_or_a_file() {
    let child = crate::cpis::NhsNumber::parse(CHILD).ok();
    let of = |criteria: &Criteria, stdin: &[u8]| criteria.question(stdin).unwrap().child;
    assert_eq!(of(&searched(&["--nhs-number", "999-000-0018"]).criteria, b""), child);
    assert_eq!(of(&searched(&["--nhs-number", "-"]).criteria, b"999 000 0018\n"), child);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "9990000018\r\n").unwrap();
    assert_eq!(of(&searched(&["--nhs-number-file", file.path().to_str().unwrap()]).criteria, b""), child);
    assert!(searched(&["--nhs-number", "-"]).criteria.question(&b"\n"[..]).is_err(), "no number is not every child");
    assert!(Typed::try_parse_from(["audit", "search", "--nhs-number", "-", "--nhs-number-file", "x"]).is_err());
}

#[test]
fn what_was_typed_wrongly_is_named_and_never_repeated() {
    assert_eq!(
        refused(&["--nhs-number", "9990000019"]),
        "--nhs-number: wanted an NHS number: ten digits with the right check digit"
    );
    assert!(refused(&["--from", "9990000018"]).starts_with("--from: wanted a time"));
    assert!(refused(&["--look", "9990000018"]).starts_with("--look: wanted the UUID"));
    let shown = format!("{:?}", searched(&["--nhs-number", CHILD, "--user", "asha"]));
    assert!(!shown.contains(CHILD) && !shown.contains("asha"), "{shown}");
}

#[test]
fn archives_that_do_not_join_are_a_fault_and_those_that_were_not_named_are_a_note() {
    let tip = |seq: u64, mac: u8| Tip { seq, mac: Mac([mac; 32]) };
    let shown =
        |spans: &[(Tip, Tip)], base| verify::joins(spans.to_vec(), base).iter().map(ToString::to_string).collect::<Vec<_>>();
    let (first, second) = ((Tip::NONE, tip(5, 1)), (tip(5, 1), tip(9, 2)));
    assert_eq!(shown(&[second, first], tip(9, 2)), [] as [&str; 0], "in any order");
    assert_eq!(shown(&[first], tip(9, 2)), ["note: lines 6 to 9 are in archives that were not named"]);
    let fault = |seq| format!("FAULT: line {seq}: what follows the archive does not continue it");
    assert_eq!(shown(&[first, second], tip(9, 3)), [fault(10)], "the store goes on from another line");
    assert_eq!(shown(&[first, (tip(5, 9), tip(9, 2))], tip(9, 2)), [fault(6)]);
    assert_eq!(shown(&[first, (tip(4, 1), tip(9, 2))], tip(9, 2)), [fault(5)], "they overlap");
}
