//! Nothing unreadable is lost (decisions.md 7): each is shown as active, in every resource type, with the numbers to ring.

use crate::common::TestApp;
use serde_json::Value;

/// Child, how many of its plans can be read, how many cannot.
const ROWS: [(&str, usize, usize); 6] = [
    ("9990000263", 0, 1),
    ("9990000271", 1, 1),
    ("9990000298", 0, 1),
    ("9990000301", 0, 1),
    ("9990000328", 0, 1),
    ("9990000336", 1, 1),
];
const WHOM_TO_RING: [&str; 3] = ["Exampleshire County Council", "02079460001", "02079460002"];
const TYPES: [(&str, &str); 4] =
    [("Flag", "/code"), ("EpisodeOfCare", "/type/0"), ("CarePlan", "/category/0"), ("CareTeam", "/category/0")];

fn is_tagged(resource: &Value, tag: &str) -> bool {
    resource["meta"]["tag"].as_array().is_some_and(|tags| tags.iter().any(|one| one["code"] == tag))
}

fn assert_whom_to_ring(text: &str, place: &str) {
    for wanted in WHOM_TO_RING {
        assert!(text.contains(wanted), "{place} lacks {wanted}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_stands_active_in_every_type_with_the_england_code_only() {
    let app = TestApp::open().await;
    for (number, readable, unreadable) in ROWS {
        for (resource, concept) in TYPES {
            let place = format!("{number} {resource}");
            let got = app.get(&format!("{resource}?patient={number}")).await;
            assert_eq!((got.status, got.total()), (200, (readable + unreadable) as u64), "{place}: {}", got.text);
            let (held, read): (Vec<Value>, Vec<Value>) =
                got.resources("match").into_iter().partition(|one| is_tagged(one, "unreadable"));
            assert_eq!((read.len(), held.len()), (readable, unreadable), "{place}: {}", got.text);
            for placeholder in held {
                assert_eq!(placeholder["status"], "active", "{place}");
                assert!(placeholder.get("period").is_none(), "{place}: a placeholder has no dates");
                let concept = placeholder.pointer(concept).unwrap();
                let codes: Vec<&Value> = concept["coding"].as_array().unwrap().iter().map(|coding| &coding["code"]).collect();
                assert_eq!(codes, ["child-protection-information-system-flag"], "{place}");
                let text = concept["text"].as_str().unwrap();
                assert!(text.starts_with("CP-IS holds a record that could not be read."), "{place}: {text}");
                assert_whom_to_ring(text, &place);
            }
            let outcome = &got.resources("outcome")[0]["issue"][0];
            assert_eq!((&outcome["severity"], &outcome["code"]), (&"warning".into(), &"incomplete".into()), "{place}");
            assert_whom_to_ring(outcome["diagnostics"].as_str().unwrap(), &place);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_from_a_local_store_says_everywhere_that_it_may_be_out_of_date() {
    let app = TestApp::open().await;
    for (resource, concept) in TYPES {
        let got = app.get(&format!("{resource}?patient=9990000522")).await;
        assert_eq!((got.status, got.total()), (200, 1), "{}", got.text);
        let shown = &got.resources("match")[0];
        assert!(is_tagged(shown, "stale"), "{resource}");
        assert!(shown.pointer(concept).unwrap()["text"].as_str().unwrap().contains("may be out of date"), "{resource}");
        if matches!(resource, "Flag" | "EpisodeOfCare") {
            assert!(shown["text"]["div"].as_str().unwrap().contains("may be out of date"), "{resource}");
        }
        let outcome = &got.resources("outcome")[0]["issue"][0];
        assert_eq!((&outcome["severity"], &outcome["code"]), (&"warning".into(), &"incomplete".into()), "{resource}");
        assert_whom_to_ring(outcome["diagnostics"].as_str().unwrap(), resource);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remark_never_stands_beside_a_true_no_record() {
    let app = TestApp::open().await;
    for number in ["9990000026", "9990000425", "9990000883", "9990000891", "8888888888"] {
        for (resource, _) in TYPES {
            assert!(app.get(&format!("{resource}?patient={number}")).await.says_no_record(), "{number} {resource}");
        }
    }
}
