//! An answer is about the child asked for, or it is an error (decisions.md 9).

use super::{fresh_numbers, with_children};
use crate::common::TestApp;
use cpis_fhir::simulator::scenario::Scenario;

#[tokio::test(flavor = "multi_thread")]
async fn an_access_about_another_number_is_left_out_and_said_to_be() {
    let app = TestApp::open().await;
    let got = app.get("Flag?patient=9990000255&_include=Flag:patient&_revinclude:iterate=AuditEvent:entity").await;
    assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
    let accesses = got.types("include").iter().filter(|name| *name == "AuditEvent").count();
    assert_eq!(accesses, 2, "the consultant's and our own: {}", got.text);
    let outcome = &got.resources("outcome")[0]["issue"][0];
    assert_eq!((&outcome["severity"], &outcome["code"]), (&"warning".into(), &"incomplete".into()), "{outcome}");
    assert!(outcome["diagnostics"].as_str().unwrap().starts_with("1 entr"), "{outcome}");
    assert!(!got.text.contains("9990000190"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_numbers_is_believed_only_where_an_access_ties_it_to_the_child() {
    let app = TestApp::open().await;
    assert_eq!(app.look("9990000220").await.total(), 1);
    let untied = app.look("9990000239").await;
    assert_eq!((untied.status, untied.issue().as_str()), (502, "structure"), "{}", untied.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_number_that_is_someone_elses_refuses_the_whole_answer() {
    let numbers: Vec<String> = fresh_numbers().take(5).collect();
    let other = "9990000190";
    let record = |subjects: &str| {
        format!(
            "[[children.records]]\nauthority = \"exampleshire\"\nsubjects = [{subjects}]\nplans = [{{ type = \"looked-after\", start = \"-2y\" }}]\n"
        )
    };
    let child = |at: usize, extra: &str, records: &str| {
        format!("[[children]]\nnhs_number = \"{}\"\ntitle = \"row\"\n{extra}\n{records}", numbers[at])
    };
    let own = r#"{ kind = "child", given = ["Robin"], family = "Testpatient" }"#;
    let foreign = format!(r#"{{ kind = "child", family = "Testpatient", nhs_numbers = ["{other}"] }}"#);
    let unnumbered = r#"{ kind = "child", family = "Testpatient", nhs_numbers = [] }"#;
    let mother = format!(r#"{{ kind = "mother", family = "Expectant", nhs_numbers = ["{other}"] }}"#);
    let foreign_access = format!(r#"accesses = [{{ when = "-3d", by = "nurse", about = "{other}" }}]"#);
    let rows = [
        ("a second record is another child's", 502, child(0, "", &format!("{}{}", record(own), record(&foreign)))),
        ("an unnumbered record beside a foreign access", 502, child(1, &foreign_access, &record(unnumbered))),
        (
            "an own and an unnumbered record beside a foreign access",
            502,
            child(2, &foreign_access, &format!("{}{}", record(own), record(unnumbered))),
        ),
        ("the other number is the mother's, in a record of the child's", 200, child(3, "", &record(&format!("{own}, {mother}")))),
        (
            "the subject bears both numbers",
            200,
            child(
                4,
                "",
                &record(&format!(r#"{{ kind = "child", family = "Testpatient", nhs_numbers = ["{other}", "asked"] }}"#)),
            ),
        ),
    ];
    let children: String = rows.iter().map(|(.., toml)| toml.as_str()).collect();
    let app = TestApp::with_scenario(Scenario::from_toml(&with_children(&children)).unwrap(), &[]).await;
    for (number, (row, status, _)) in numbers.iter().zip(&rows) {
        let got = app.look(number).await;
        assert_eq!(got.status, *status, "{row}: {}", got.text);
        if *status == 502 {
            assert_eq!(got.issue(), "structure", "{row}");
            assert!(!got.text.contains("Exampleshire") && !got.text.contains(other), "{row}: {}", got.text);
        }
    }
}
