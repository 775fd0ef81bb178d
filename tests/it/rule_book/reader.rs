//! The reader of citations can fail: what it finds in samples, and what it refuses.

use super::book::Book;
use super::citations::{self, Part, parts};
use super::documents::{Named, exists, named_in};
use super::root;

/// A book of three small documents.
fn book() -> Book {
    Book::read(|document| {
        let text = match document {
            "decisions.md" => "## A. First\n### 1. One\n### 2. Two\n### 3. Three\n- (a) Item\n",
            "wire.md" => {
                "## 2. Query\n### 2.1 Rules\n- Note T, timestamps\n### 2.2 Elements\n```\n# 2.9 is no heading\n```\n### 2.3 Author\n\
                 ## 3. Response\n### 3.5 Deviations\n| # | What |\n|---|---|\n| 1 | One |\n| 2 | Two |\n\n1. First step\n\
                 ## 5. Audit\n| AB-CD-01 to -03 | all |\n| AB-EF-01 | one |\n## Appendix B. OIDs\n"
            }
            _ => "## 2. Mapping\n### Ids\nText.\n## 3. Interactions\n### Saying which child\n",
        };
        text.to_owned()
    })
}

/// What a text cites that the small book lacks.
fn missing(text: &str) -> Vec<String> {
    let book = book();
    let cited = citations::of("docs/a.md", text);
    assert!(!cited.is_empty(), "no citation was found in {text:?}");
    let lacks = |citation: &citations::Citation| -> Vec<String> {
        citation.parts.iter().filter(|part| !book.has(citation.document, part)).map(ToString::to_string).collect()
    };
    cited.iter().flat_map(lacks).collect()
}

#[test]
fn citations_in_every_form_are_read() {
    for text in [
        "(decisions.md 1).",
        "decisions.md 1, 2 and 3 say what must hold",
        "decisions.md 1 to 3; `decisions.md 2`",
        "by decisions.md 3a, and docs/adr/0013",
        "decisions.md 2: a new id. decisions.md says so",
        "docs/spec/decisions.md 1",
        "(wire.md 2.1 to 2.3, 3.5; decisions.md 2)",
        "(wire.md 2.1, note T; 3.5, rows 1 and 2)",
        "wire.md 3.5, row 2, 2.1",
        "(wire.md 3.5, step 1) and wire.md section 2",
        "the OIDs of wire.md appendix B that a request carries",
        "wire.md 5, AB-CD-02, -03; wire.md 5, AB-EF-01",
        "(fhir.md 2 \"Ids\", decisions.md 1), (fhir.md 3, \"Saying which child\")",
    ] {
        assert_eq!(missing(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_citation_of_what_does_not_exist_is_found() {
    for (text, wanted) in [
        ("(decisions.md 4).", "section 4"),
        ("decisions.md 1, 2 and 12 say", "section 12"),
        ("decisions.md 2 to 5", "section 4, section 5"),
        ("decisions.md 3b", "item 3b"),
        ("docs/spec/decisions.md 9", "section 9"),
        ("(wire.md 2.9)", "section 2.9"),
        ("wire.md 2.1 to 3.5", "section 2.1 to 3.5"),
        ("wire.md 3.5, rows 1 to 3", "row 3 in 3.5"),
        ("wire.md 3.5, step 2", "step 2 in 3.5"),
        ("wire.md 2.1, note U", "note U in 2.1"),
        ("wire.md appendix C", "section appendix C"),
        ("wire.md 5, AB-CD-04, AB-EF-02", "rule AB-CD-04 in 5, rule AB-EF-02 in 5"),
        ("fhir.md 3 \"Ids\"", "heading \"Ids\" in 3"),
        ("fhir.md 2; 4", "section 4"),
    ] {
        assert_eq!(missing(text).join(", "), wanted, "{text}");
    }
}

#[test]
fn a_citation_goes_on_in_the_next_line_of_its_comment_and_not_in_code() {
    let text = "//! What must hold (decisions.md\n//! 1, 2,\n//! 7).\nlet a = 8; // decisions.md 2,\n9;\n";
    let found = citations::of("src/a.rs", text);
    let sections = |numbers: &[&str]| numbers.iter().map(|number| Part::Section((*number).to_owned())).collect::<Vec<_>>();
    let lines: Vec<_> = found.iter().map(|citation| (citation.line, citation.parts.clone())).collect();
    assert_eq!(lines, [(1, sections(&["1", "2", "7"])), (4, sections(&["2"]))]);
    // A paragraph goes on, its end is the citation's.
    assert_eq!(citations::of("docs/a.md", "As decisions.md 1\nand 7 say.\n\n8 of them")[0].parts, sections(&["1", "7"]));
}

#[test]
fn what_only_looks_like_a_citation_is_none() {
    assert_eq!(citations::of("docs/a.md", "my-decisions.md 9, decisions.mdx 9, hire.md 9, undecisions.md 9"), []);
    assert_eq!(parts(" 29m0s"), []);
    assert_eq!(parts(" 2\", \"Ids\", 7"), [Part::Section("2".to_owned())]);
    assert_eq!(parts(", which says 7"), []);
    assert_eq!(parts(" 5.2. Then 9"), [Part::Section("5.2".to_owned())]);
}

#[test]
fn a_document_that_is_not_there_is_found() {
    let text = "see docs/audit.md, §docs/audit.md, [the log](clinical-safety.md#h9) and docs/adr/0013-a-connection-belongs-to-one-look.md\n\
                app.md says so, docs/adr/0999 too\n\
                (fault F15), (C2-18), (C2-999), FC2-9, https://example.org/README.md, file:/usr/share/a.md, ../shared/spec/wire.md, *.md\n";
    let missing: Vec<_> = named_in(text).into_iter().filter(|named| !exists(root(), "docs/integration.md", named)).collect();
    let named = |line, name: &str| Named { line, name: name.to_owned() };
    let wanted = [
        named(2, "app.md"),
        named(2, "docs/adr/0999"),
        named(3, "../shared/spec/wire.md"),
        named(3, "fault F15"),
        named(3, "C2-999"),
        named(3, "../shared/spec"),
    ];
    assert_eq!(missing, wanted);
}
