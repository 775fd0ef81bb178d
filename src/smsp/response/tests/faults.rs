//! SOAP faults (wire.md 4.7, 5.6; decisions.md 18).

use super::samples::*;
use crate::cpis::{Delivery, RegisterErrorKind, Rejection};

fn fault(inside: &str) -> String {
    soap(&format!("<soap:Fault>{inside}</soap:Fault>"))
}

fn toolkit(code: &str) -> String {
    fault(&format!(
        r#"<faultcode>soap:Client</faultcode><faultstring>any</faultstring><detail><toolkit:ToolkitErrorInfo xmlns:toolkit="urn:nhs-itk:ns:201005"><toolkit:ErrorID>6B29FC40-CA47-4067-B31D-00DD010662DA</toolkit:ErrorID><toolkit:ErrorCode codeSystem="2.16.840.1.113883.2.1.3.2.4.17.268">{code}</toolkit:ErrorCode><toolkit:ErrorText>any</toolkit:ErrorText></toolkit:ToolkitErrorInfo></detail>"#
    ))
}

fn nasp(codes: &[&str]) -> String {
    let errors: String = codes.iter().map(|code| format!("<nasp:error><nasp:codeContext>urn:nhs:names:errors:tms</nasp:codeContext><nasp:errorCode>{code}</nasp:errorCode><nasp:severity>Error</nasp:severity></nasp:error>")).collect();
    fault(&format!("<faultcode>soap:Client</faultcode><detail><nasp:errorList>{errors}</nasp:errorList></detail>"))
}

fn kind(reason: Rejection, code: Option<&str>) -> RegisterErrorKind {
    RegisterErrorKind::Rejected { reason, code: code.map(str::to_owned) }
}

#[test]
fn toolkit_codes_have_their_meaning() {
    assert_eq!(failure_of(toolkit("1000")), kind(Rejection::MessageInvalid, Some("1000")));
    assert_eq!(failure_of(toolkit(" 2100 ")), kind(Rejection::Busy, Some("2100")));
    assert_eq!(failure_of(toolkit("2200")), kind(Rejection::NotProcessed, Some("2200")));
    assert_eq!(failure_of(toolkit("3000")), kind(Rejection::AccessDenied, Some("3000")));
    assert_eq!(failure_of(toolkit("4711")), kind(Rejection::NotProcessed, Some("4711")));
    // A number, a date, a postcode, a name with a digit.
    for other in ["9990000018", "20190214", "190214", "LS14AP", "Robin1", "TESTPATIENT1", "02079460001"] {
        assert_eq!(failure_of(toolkit(other)), kind(Rejection::NotProcessed, None), "{other}");
    }
}

#[test]
fn nasp_codes_have_their_meaning() {
    assert_eq!(failure_of(nasp(&["101"])), kind(Rejection::MessageInvalid, Some("101")));
    assert_eq!(failure_of(nasp(&["300"])), kind(Rejection::AccessDenied, Some("300")));
    assert_eq!(failure_of(nasp(&["999"])), kind(Rejection::NotProcessed, Some("999")));
    assert_eq!(failure_of(nasp(&["999", "300"])), kind(Rejection::AccessDenied, Some("300")));
}

#[test]
fn tokens_of_spines_checks_are_found_in_any_text() {
    let invalid = kind(Rejection::MessageInvalid, Some("ErrorBase1712.MANDATORY_DATA_MISSING"));
    let text = "urn:x ErrorBase1712.MANDATORY_DATA_MISSING|NHS Number";
    assert_eq!(failure_of(fault(&format!("<faultcode>soap:Server</faultcode><faultstring>{text}</faultstring>"))), invalid);
    assert_eq!(failure_of(fault(&format!("<detail>{text}<more/></detail>"))), invalid);
    assert_eq!(failure_of(nasp(&["999"]).replace("Error<", &format!("{text}<"))), invalid);
    assert_eq!(
        failure_of(fault("<faultstring>ErrorBase1732</faultstring>")),
        kind(Rejection::MessageInvalid, Some("ErrorBase1732"))
    );
    let named = fault("<faultstring>ErrorBase1712.ROBIN_TESTPATIENT</faultstring>");
    assert_eq!(failure_of(named), kind(Rejection::MessageInvalid, Some("ErrorBase1712")), "no name that Spine does not have");
    for none in ["ErrorBase18", "ErrorBase17", "ErrorBase17123", "ErrorBase"] {
        assert_eq!(
            failure_of(fault(&format!("<faultstring>{none}</faultstring>"))),
            kind(Rejection::NotProcessed, None),
            "{none}"
        );
    }
}

#[test]
fn a_fault_without_detail_goes_by_its_code() {
    let table = [
        ("soap:MustUnderstand", Rejection::MessageInvalid, Some("MustUnderstand")),
        ("VersionMismatch", Rejection::MessageInvalid, Some("VersionMismatch")),
        ("SOAP-ENV:MustUnderstand.Header", Rejection::MessageInvalid, Some("MustUnderstand.Header")),
        ("soap:Client", Rejection::NotProcessed, Some("Client")),
        ("soap:Server", Rejection::NotProcessed, Some("Server")),
        ("Client.Authentication", Rejection::NotProcessed, Some("Client.Authentication")),
        ("Client.Testpatient", Rejection::NotProcessed, Some("Client")),
        ("Server.Authentication.Robin", Rejection::NotProcessed, Some("Server")),
        ("soap:9990000018", Rejection::NotProcessed, None),
        ("Robin Testpatient", Rejection::NotProcessed, None),
        ("", Rejection::NotProcessed, None),
    ];
    for (code, sort, shown) in table {
        assert_eq!(
            failure_of(fault(&format!("<faultcode>{code}</faultcode><faultstring>any</faultstring>"))),
            kind(sort, shown),
            "{code}"
        );
    }
    assert_eq!(failure_of(fault("")), kind(Rejection::NotProcessed, None));
}

#[test]
fn soap_1_2_faults_are_read_too() {
    let with = |code: &str, detail: &str| {
        let body = format!(
            "<env:Fault><env:Code><env:Value>{code}</env:Value><env:Subcode><env:Value>m:x</env:Value></env:Subcode></env:Code><env:Reason><env:Text>any</env:Text></env:Reason><env:Detail>{detail}</env:Detail></env:Fault>"
        );
        failure_of(soap(&body).replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"))
    };
    assert_eq!(with("env:Sender", ""), kind(Rejection::NotProcessed, Some("Sender")));
    assert_eq!(with("env:VersionMismatch", ""), kind(Rejection::MessageInvalid, Some("VersionMismatch")));
    assert_eq!(with("env:Receiver", "<x:ErrorCode>2100</x:ErrorCode>"), kind(Rejection::Busy, Some("2100")));
}

#[test]
fn a_fault_is_a_fault_under_any_status_and_maybe_delivered() {
    for status in [200, 400, 401, 403, 404, 413, 500, 502, 503] {
        let failure = read_with_status(status, toolkit("3000")).unwrap_err();
        assert_eq!((failure.kind, failure.delivery), (kind(Rejection::AccessDenied, Some("3000")), Delivery::MaybeDelivered));
    }
}

#[test]
fn a_fault_beside_an_answer_is_a_fault() {
    let fault = "<soap:Fault><faultcode>soap:Server</faultcode></soap:Fault></soap:Body>";
    for body in [full_answer(), no_record(), quqi(Some("ID"), &reason("NHSNCC002", "ER"))] {
        assert_eq!(failure_of(body.replace("</soap:Body>", fault)), kind(Rejection::NotProcessed, Some("Server")));
    }
}

/// Many SOAP stacks send these if our clock is wrong or our message does not suit them (C2-29).
#[test]
fn the_codes_of_ws_security_and_ws_addressing_are_told() {
    for code in ["InvalidSecurity", "MessageExpired", "FailedAuthentication", "ActionNotSupported", "InvalidAddressingHeader"] {
        let soap_11 = fault(&format!("<faultcode>wsse:{code}</faultcode><faultstring>9990000018</faultstring>"));
        assert_eq!(failure_of(soap_11), kind(Rejection::NotProcessed, Some(code)));
        let soap_12 = soap(&format!(
            "<env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode><env:Value>wsse:{code}</env:Value></env:Subcode></env:Code><env:Reason><env:Text>Robin</env:Text></env:Reason></env:Fault>"
        ));
        assert_eq!(failure_of(soap_12), kind(Rejection::NotProcessed, Some(code)));
    }
    assert_eq!(failure_of(fault("<faultcode>wsse:Testpatient</faultcode>")), kind(Rejection::NotProcessed, None));
}
