//! Numbers are never hidden, save those of an answer about someone else (decisions.md 16).

use crate::common::TestApp;

const OF_EXAMPLESHIRE: [&str; 3] = ["Exampleshire County Council", "office hours 02079460001", "emergency duty team 02079460002"];

/// 502 `incomplete`, and an authority could be read.
const WITH_CONTACTS: [&str; 3] = ["9990000379", "9990000395", "9990000417"];
/// 502 `incomplete`, and none was there.
const WITHOUT_CONTACTS: [&str; 5] = ["9990000344", "9990000352", "9990000387", "9990000409", "9990000956"];
/// 502 since the answer is, or may be, about someone else.
const ABOUT_SOMEONE_ELSE: [&str; 4] = ["9990000239", "9990000360", "9990001138", "9990001146"];

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_shown_still_says_whom_to_ring() {
    let app = TestApp::open().await;
    for number in WITH_CONTACTS {
        let got = app.look(number).await;
        assert_eq!((got.status, got.issue().as_str()), (502, "incomplete"), "{}", got.text);
        for wanted in OF_EXAMPLESHIRE {
            assert!(got.diagnostics().contains(wanted), "{number}, {wanted}: {}", got.diagnostics());
        }
        for name in ["Testpatient", "Standin", "Sample"] {
            assert!(!got.text.contains(name), "{number}: a name is in an error");
        }
    }
    for number in WITHOUT_CONTACTS {
        let got = app.look(number).await;
        assert_eq!((got.status, got.issue().as_str()), (502, "incomplete"), "{}", got.text);
        assert!(!got.diagnostics().contains("ring"), "{}", got.diagnostics());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_answer_about_someone_else_is_shown() {
    let app = TestApp::open().await;
    for number in ABOUT_SOMEONE_ELSE {
        for resource in ["Flag", "EpisodeOfCare", "AuditEvent"] {
            let got = app.get(&format!("{resource}?patient={number}&_include=*")).await;
            assert_eq!((got.status, got.issue().as_str()), (502, "structure"), "{}", got.text);
            for hidden in ["Exampleshire", "Sampleton", "0207946", "0163296", "9990000190", "Notreal", "Other"] {
                assert!(!got.text.contains(hidden), "{number}, {hidden}: {}", got.text);
            }
        }
    }
}
