//! HTTP statuses and bodies that are not an answer (wire.md 5.1; decisions.md 5, 18).

use super::samples::*;
use crate::cpis::{Delivery, Phase, RegisterErrorKind};

fn not_an_answer(status: u16, content_type: Option<&str>, body: &str) -> bool {
    let failure = read_reply(status, content_type, body).unwrap_err();
    assert_eq!((failure.phase, failure.delivery), (Phase::Understand, Delivery::MaybeDelivered));
    matches!(failure.kind, RegisterErrorKind::NotAnAnswer { .. })
}

#[test]
fn a_refusal_without_soap_was_not_delivered() {
    for status in [401, 403, 404, 405, 413, 415] {
        for body in ["", "<html><body>no</body></html>", "no", "{}", "<error/>"] {
            let failure = read_with_status(status, body).unwrap_err();
            assert_eq!((failure.kind, failure.delivery), (RegisterErrorKind::RefusedByStatus { status }, Delivery::NotDelivered));
        }
    }
}

#[test]
fn any_other_status_without_soap_may_have_been_delivered() {
    for status in [100, 201, 204, 206, 301, 302, 307, 400, 402, 406, 408, 409, 410, 422, 429, 500, 501, 502, 503, 504, 599] {
        for body in ["", "<html/>", "busy", "<error/>"] {
            assert!(not_an_answer(status, None, body), "{status}");
        }
    }
}

#[test]
fn http_202_is_never_an_answer() {
    for body in [String::new(), full_answer(), no_record(), soap("<soap:Fault/>")] {
        assert!(not_an_answer(202, None, &body));
    }
}

#[test]
fn html_is_no_answer() {
    for body in ["<html>", "<!DOCTYPE html>\n<HTML><p>Sorry", "\u{feff}<!-- x --><html/>"] {
        assert!(not_an_answer(200, None, body), "{body}");
    }
    assert!(not_an_answer(200, Some("text/html; charset=utf-8"), "anything"));
    assert!(not_an_answer(200, Some("TEXT/HTML"), "<error/>"));
    // A wrong label on SOAP is only a wrong label.
    assert!(read_reply(200, Some("text/html"), full_answer()).is_ok());
    assert!(read_reply(200, None, full_answer()).is_ok());
}

#[test]
fn anything_else_under_200_is_unreadable() {
    for body in ["", " ", "busy", "{\"ok\":true}", "<error/>", "<a>", "<CP-ISNHSQueryResponse/>", "<", "<>", "<!DOCTYPE x>"] {
        assert!(matches!(failure_of(body), RegisterErrorKind::Unreadable { .. }), "{body}");
    }
}

#[test]
fn an_answer_without_a_soap_envelope_is_unreadable() {
    let bare = payload(&(code("CPIS-0001") + &record_total("0")));
    assert!(matches!(failure_of(&bare), RegisterErrorKind::Unreadable { .. }));
    assert!(matches!(failure_of(distribution_envelope("", &bare)), RegisterErrorKind::Unreadable { .. }));
}

#[test]
fn broken_soap_is_unreadable_whatever_its_status() {
    let whole = full_answer();
    let cut = &whole[..whole.len() - 3];
    for status in [200, 400, 401, 403, 500, 503] {
        let failure = read_with_status(status, cut).unwrap_err();
        assert!(matches!(failure.kind, RegisterErrorKind::Unreadable { .. }), "{status}");
        assert_eq!(failure.delivery, Delivery::MaybeDelivered);
    }
}

#[test]
fn a_good_answer_under_another_status_is_doubt() {
    for status in [201, 203, 206, 302, 400, 401, 404, 500, 503] {
        for body in [full_answer(), no_record(), quqi(Some("ID"), &reason("NHSNCC002", "ER"))] {
            assert!(not_an_answer(status, None, &body), "{status}");
        }
        // It still says whom to ring.
        assert_eq!(read_with_status(status, full_answer()).unwrap_err().contacts.len(), 2);
    }
}

#[test]
fn a_failing_answer_fails_alike_under_any_status() {
    let body = itk(&payload(&code("CPIS-9999")));
    for status in [200, 400, 404, 500] {
        assert_eq!(read_with_status(status, &body).unwrap_err().kind, failure_of(&body));
    }
}

#[test]
fn other_soap_bodies_are_no_answers() {
    for body in [
        "",
        "<itk:InfrastructureResponse result=\"RegisterError\"/>",
        "<itk:SimpleMessageResponse>OK</itk:SimpleMessageResponse>",
        "<anything/>",
    ] {
        for status in [200, 401, 500] {
            assert!(not_an_answer(status, None, &soap(body)), "{body} {status}");
        }
    }
    assert!(not_an_answer(200, None, &itk("")));
    assert!(not_an_answer(200, None, &itk("<CP-ISNHSQueryResponse/>")));
    // Together with an answer they are a doubt.
    assert!(not_an_answer(200, None, &no_record().replace("</soap:Body>", "<itk:InfrastructureResponse/></soap:Body>")));
}
