use super::*;
use crate::simulator::sample::{CLIENT, SYSTEM_AUTHOR, SampleRequest, request_with};

const NUMBER: &str = "9990000018";

fn outcome(request: &HttpRequest) -> Result<AcceptedRequest, Violation> {
    check(request, CLIENT, &Contract::default(), Timestamp::now()).outcome
}

/// A good message with `from`, which must occur in it, replaced by `to`.
fn spoiled(sample: &SampleRequest, from: &str, to: &str) -> Violation {
    let xml = sample.xml();
    assert!(xml.contains(from), "the good message does not hold {from}");
    match outcome(&request_with(&xml.replace(from, to), "localhost")) {
        Err(violation) => violation,
        Ok(_) => panic!("accepted with {to} for {from}"),
    }
}

/// The text to replace, its replacement, and words of the rule.
type Row<'a> = (&'a str, &'a str, &'a str);

fn each_breaks_its_rule(sample: &SampleRequest, kind: ViolationKind, rows: &[Row<'_>]) {
    for (from, to, rule) in rows {
        let violation = spoiled(sample, from, to);
        assert_eq!(violation.kind, kind, "{to}: {}", violation.rule);
        assert!(violation.rule.contains(rule), "{to}: {}", violation.rule);
    }
}

#[test]
fn a_good_message_is_accepted_in_every_form() {
    for (person, tms) in [(true, false), (false, false), (true, true), (false, true)] {
        let sample = SampleRequest { person, tms, ..SampleRequest::about(NUMBER) };
        let accepted = outcome(&sample.request()).unwrap();
        assert_eq!(accepted.nhs_number.digits(), NUMBER);
        assert_eq!(accepted.query_id, sample.ids.query);
        assert_eq!(accepted.query_message, if tms { sample.ids.wrapper } else { sample.ids.query });
        assert_eq!(accepted.sender_ods, "RX1");
        assert_eq!(matches!(accepted.author, Author::Person { .. }), person);
    }
}

#[test]
fn a_prefix_of_the_message_id_and_a_missing_charset_are_tolerated() {
    let sample = SampleRequest::about(NUMBER);
    let xml = sample.xml().replace("<wsa:MessageID>", "<wsa:MessageID>urn:uuid:");
    let mut request = request_with(&xml, "localhost");
    request.headers[1].1 = "text/xml".to_owned();
    request.headers[2].1 = format!("\"{}\"", request.headers[2].1);
    let checked = check(&request, CLIENT, &Contract::default(), Timestamp::now());
    assert!(checked.outcome.is_ok());
    assert_eq!(checked.message_id, Some(sample.ids.message));
}

#[test]
fn the_http_request_must_be_a_soap_post() {
    let good = SampleRequest::about(NUMBER).request();
    let with = |header: usize, value: &str| {
        let mut request = good.clone();
        request.headers[header].1 = value.to_owned();
        outcome(&request).unwrap_err().rule
    };
    assert!(with(0, "elsewhere.example").contains("wsa:To"));
    assert!(with(1, "application/soap+xml").contains("text/xml"));
    assert!(with(1, "text/xml; charset=latin1").contains("utf-8"));
    assert!(with(2, "urn:other").contains("SOAPAction"));
    let mut none = good.clone();
    none.headers.pop();
    assert!(outcome(&none).unwrap_err().rule.contains("SOAPAction"));
    let get = HttpRequest { method: "GET".to_owned(), ..good.clone() };
    assert!(outcome(&get).unwrap_err().rule.contains("POST"));
    let latin = HttpRequest { body: vec![0xff], ..good };
    assert!(outcome(&latin).unwrap_err().rule.contains("UTF-8"));
}

#[test]
fn soap_headers_are_checked() {
    let sample = SampleRequest::about(NUMBER);
    let ids = &sample.ids;
    let message = format!("<wsa:MessageID>{}</wsa:MessageID>", ids.message);
    let twice = message.repeat(2);
    let flat = format!("<wsa:MessageID>{}</wsa:MessageID>", ids.message.replace('-', ""));
    let timestamp_id = format!("uuid_{}", ids.timestamp);
    let rows: &[Row<'_>] = &[
        (&message, "", "MessageID"),
        (&message, &twice, "MessageID"),
        (&message, &flat, "8-4-4-4-12"),
        ("sendRecvDistEnvelope</wsa:Action>", "other</wsa:Action>", "wsa:Action"),
        ("https://localhost/smsp/cpis", "https://localhost/smsp", "wsa:To"),
        ("https://localhost/smsp/cpis", "http://localhost/smsp/cpis", "wsa:To"),
        ("<wsse:Security>", "<wsa:ReplyTo><wsa:Address>https://x.example/</wsa:Address></wsa:ReplyTo><wsse:Security>", "ReplyTo"),
        ("<wsse:Security>", "<wsa:FaultTo><wsa:Address>https://x.example/</wsa:Address></wsa:FaultTo><wsse:Security>", "FaultTo"),
        (
            "<wsse:Security>",
            "<wsa:From><wsa:Address>x</wsa:Address><wsa:ReferenceParameters/></wsa:From><wsse:Security>",
            "Reference",
        ),
        (" wsu:Id=", " Id=", "wsu:Id"),
        (&timestamp_id, &ids.timestamp, "wsu:Id"),
        ("<wsu:Created>20", "<wsu:Created>21", "Created"),
        ("<wsu:Expires>20", "<wsu:Expires>19", "Expires"),
        ("Z</wsu:Expires>", "+01:00</wsu:Expires>", "UTC"),
        ("<wsse:UsernameToken>", "<wsse:UsernameToken><wsse:Password>x</wsse:Password>", "Password"),
        (
            "<itk:DistributionEnvelope>",
            "<itk:DistributionEnvelope xmlns:x=\"http://www.w3.org/2001/XMLSchema-instance\" x:schemaLocation=\"a b\">",
            "schemaLocation",
        ),
        ("<soap:Body>", "<!-- - --><?pi x?><soap:Body>", "processing"),
        ("</soap:Envelope>", "", "too early"),
    ];
    each_breaks_its_rule(&sample, ViolationKind::InvalidMessage, rows);
}

#[test]
fn an_expired_message_is_refused() {
    let later = Timestamp::now() + jiff::SignedDuration::from_mins(11);
    let violation = check(&SampleRequest::about(NUMBER).request(), CLIENT, &Contract::default(), later).outcome.unwrap_err();
    assert!(violation.rule.contains("expired"));
}

#[test]
fn an_anonymous_reply_to_is_allowed() {
    let reply_to =
        "<wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address></wsa:ReplyTo><wsse:Security>";
    let xml = SampleRequest::about(NUMBER).xml().replace("<wsse:Security>", reply_to);
    assert!(outcome(&request_with(&xml, "localhost")).is_ok());
}

#[test]
fn some_breaches_have_faults_of_their_own() {
    let sample = SampleRequest::about(NUMBER);
    each_breaks_its_rule(&sample, ViolationKind::AccessDenied, &[(CLIENT, "somebody.else", "CN of the client certificate")]);
    let soap12 = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope", "SOAP 1.1");
    each_breaks_its_rule(&sample, ViolationKind::VersionMismatch, &[soap12]);
    let demand = ("<wsse:Security>", "<x:y xmlns:x=\"urn:x\" soap:mustUnderstand=\"1\"/><wsse:Security>", "understood");
    each_breaks_its_rule(&sample, ViolationKind::MustUnderstand, &[demand]);
}

#[test]
fn an_unknown_header_that_need_not_be_understood_is_ignored() {
    let xml = SampleRequest::about(NUMBER).xml().replace("<wsse:Security>", "<x:y xmlns:x=\"urn:x\"/><wsse:Security>");
    assert!(outcome(&request_with(&xml, "localhost")).is_ok());
}

#[test]
fn the_distribution_envelope_is_checked() {
    let sample = SampleRequest::about(NUMBER);
    let ids = &sample.ids;
    let (lower, prefixed) = (ids.tracking.to_lowercase(), format!("uuid:{}", ids.tracking));
    let payload = format!("<itk:payload id=\"uuid_{}\"", ids.payload);
    let tracking = format!("trackingid=\"{}\"", ids.tracking);
    let rows: &[Row<'_>] = &[
        ("service=\"urn:nhs", "service=\"urn:other", "@service"),
        (&ids.tracking, &lower, "upper case"),
        (&ids.tracking, &prefixed, "prefix"),
        (&tracking, "", "trackingid"),
        ("<itk:manifest count=\"1\">", "<itk:manifest count=\"2\">", "manifest/@count"),
        ("mimetype=\"text/xml\"", "mimetype=\"text/plain\"", "mimetype"),
        ("CP-ISNHSQuery-v2-0", "CP-ISNHSQuery-v9-0", "profileid"),
        ("profileid=", "base64=\"true\" profileid=", "plain XML"),
        ("profileid=", "metadata=\"true\" profileid=", "prohibited"),
        ("interaction:CP-ISNHSQuery-v1-0", "interaction:other", "interaction id"),
        ("<itk:payloads count=\"1\">", "<itk:payloads count=\"3\">", "payloads/@count"),
        (&payload, "<itk:payload id=\"uuid_E3B0C442-98FC-4C14-9AFB-F4C8996FB924\"", "payload/@id"),
        ("addressing:ods:RX1", "addressing:ods:", "ods"),
        ("<itk:manifest ", "<itk:senderAddress uri=\"urn:nhs-uk:addressing:ods:RX1\"/><itk:manifest ", "order"),
        ("<itk:DistributionEnvelope>", "<itk:DistributionEnvelope xmlns:itk=\"urn:other\">", "namespace"),
        ("</itk:DistributionEnvelope>", "</itk:DistributionEnvelope><x/>", "prohibited"),
    ];
    each_breaks_its_rule(&sample, ViolationKind::InvalidMessage, rows);
}

#[test]
fn ids_must_all_differ() {
    let sample = SampleRequest::about(NUMBER);
    let ids = &sample.ids;
    for other in [&ids.tracking, &ids.timestamp, &ids.payload, &ids.query] {
        assert!(spoiled(&sample, other, &ids.message).rule.contains("differ"));
    }
}

const IDENTITY: &str = r#"<itk:id type="2.16.840.1.113883.2.1.3.2.4.18.27" uri="urn:nhs-uk:identity:ods:RX1:user.12345"/>"#;

#[test]
fn a_message_that_cannot_be_audited_is_answered_with_a_code() {
    let identity = format!("<itk:auditIdentity>{IDENTITY}</itk:auditIdentity>");
    let user_only = format!("{IDENTITY}<itk:id type=\"1.2.826.0.1285.0.2.0.65\" uri=\"555000111222\"/>");
    let rows: &[Row<'_>] = &[
        (&identity, "", "audit identity"),
        ("ods:RX1:user.12345", "ods:RX1", "method 1"),
        ("ods:RX1:user.12345", "ods:RX1:", "method 1"),
        ("identity:ods:RX1:user.12345", "other:RX1:u", "organisation"),
        (IDENTITY, &user_only, "method 3"),
    ];
    each_breaks_its_rule(&SampleRequest::about(NUMBER), ViolationKind::InputInvalid, rows);
}

#[test]
fn one_to_four_audit_ids_of_known_types_are_allowed() {
    let sample = SampleRequest::about(NUMBER);
    let id = |kind: &str, uri: &str| format!("<itk:id type=\"{kind}\" uri=\"{uri}\"/>");
    let organisation = "<itk:id uri=\"urn:nhs-uk:identity:ods:RX1\"/>".to_owned();
    let (profile, user) = (id("1.2.826.0.1285.0.2.0.67", "555000333444"), id("1.2.826.0.1285.0.2.0.65", "555000111222"));
    let asid = id("1.2.826.0.1285.0.2.0.107", "200000000115");
    let four = [profile, user, organisation, asid].concat();
    let xml = sample.xml();
    assert!(outcome(&request_with(&xml.replace(IDENTITY, &four), "localhost")).is_ok());
    let five = format!("{four}{}", id("1.2.826.0.1285.0.2.1.104", "S0080:G0450:R5080"));
    let strange = format!("{IDENTITY}{}", id("1.2.3", "x"));
    let short_asid = format!("{IDENTITY}{}", id("1.2.826.0.1285.0.2.0.107", "2"));
    let rows: &[Row<'_>] =
        &[(IDENTITY, &five, "1 to 4 times"), (IDENTITY, &strange, "type"), (IDENTITY, &short_asid, "12 digits")];
    each_breaks_its_rule(&sample, ViolationKind::InvalidMessage, rows);
}

#[test]
fn the_query_is_checked_element_by_element() {
    let sample = SampleRequest::about(NUMBER);
    let query = &sample.ids.query;
    let lower = query.to_lowercase();
    let id = format!("<id root=\"{query}\"/>");
    let time = "<effectiveTime value=\"20260115093015+0000\"/>";
    let (swapped, ordered) = (format!("{id}{time}"), format!("{time}{id}"));
    let rows: &[Row<'_>] = &[
        (&ordered, &swapped, "order"),
        (time, "<effectiveTime value=\"20260115093015\"/>", "offset"),
        (time, "<effectiveTime value=\"20261345093015+0000\"/>", "offset"),
        (query, &lower, "upper case"),
        (&id, "", "MANDATORY_DATA_MISSING|Event ID"),
        ("<cP-ISNHSQuery>", "<cP-ISNHSQuery classCode=\"CACT\">", "prohibited"),
        ("<author>", "<author typeCode=\"AUT\">", "prohibited"),
        ("<person.NHSnumber>", "<person.NHSnumber><semanticsText>Person.NHSnumber</semanticsText>", "person.NHSnumber"),
        ("<value extension=", "<value root=\"2.16.840.1.113883.2.1.4.1\" extension=", "prohibited"),
        ("extension=\"9990000018\"", "extension=\"\"", "MANDATORY_DATA_MISSING|NHS Number"),
        ("<CP-ISQueryStub ", "<CP-ISQueryStub accessEventType=\"false\" ", "prohibited"),
        ("urn:hl7-org:v3", "urn:other", "namespace"),
        ("NPFIT:HL7:Localisation", "urn:other", "namespace"),
        ("145102GB01#AssignedAuthor", "145104GB01#System", "contentId"),
        ("CP-ISQueryStub", "CP-ISOther", "CP-ISQueryStub"),
    ];
    each_breaks_its_rule(&sample, ViolationKind::InvalidMessage, rows);
}

#[test]
fn an_nhs_number_that_is_none_is_answered_with_a_code() {
    for wrong in ["1234567895", "999000001", "999 000 0018", "999000001X"] {
        let violation = outcome(&SampleRequest::about(wrong).request()).unwrap_err();
        assert_eq!(violation.kind, ViolationKind::InputInvalid);
        assert!(!violation.rule.contains(wrong));
    }
}

#[test]
fn each_mandatory_part_of_the_person_author_is_missed_by_its_name() {
    let rows: &[Row<'_>] = &[
        ("code code=\"R0260\"", "code code=\"\"", "|authorPerson.jobRoleCode"),
        ("displayName=\"General Medical Practitioner\"", "", "|authorPerson.jobRoleName"),
        ("extension=\"RX1\"", "extension=\"\"", "|authorPerson.orgCode"),
        ("<name>EXAMPLE UNIVERSITY HOSPITALS NHS TRUST</name>", "<name/>", "|authorPerson.orgName"),
        ("<id root=\"1.2.826.0.1285.0.2.0.65\" extension=\"555000111222\"/>", "", "|authorPerson.authorID"),
        ("<id root=\"1.2.826.0.1285.0.2.0.67\"", "<id root=\"1.2.3\"", "SDS"),
        ("<id root=\"1.2.826.0.1285.0.2.0.67\"", "<id root=\"1.2.826.0.1285.0.2.0.65\"", "same kind"),
        ("<assignedAuthorPerson>", "<assignedAuthorPerson><telecom/>", "assignedAuthorPerson"),
        ("<prefix>", "<middle>x</middle><prefix>", "name"),
    ];
    each_breaks_its_rule(&SampleRequest::about(NUMBER), ViolationKind::InvalidMessage, rows);
    let sample = SampleRequest::about(NUMBER);
    let xml = sample.xml().replace("<id root=\"1.2.826.0.1285.0.2.0.67\" extension=\"555000333444\"/>", "");
    assert!(outcome(&request_with(&xml, "localhost")).is_ok(), "the role profile id is optional");
}

#[test]
fn each_mandatory_part_of_the_system_author_is_missed_by_its_name() {
    let authority = SYSTEM_AUTHOR.split_once("<indirectAuthority>").unwrap().1.split_once("</indirectAuthority>").unwrap().0;
    let authority = format!("<indirectAuthority>{authority}</indirectAuthority>");
    let rows: &[Row<'_>] = &[
        ("extension=\"200000000115\"", "extension=\"\"", "|authorDevice.systemID"),
        ("extension=\"200000000115\"", "extension=\"12\"", "12 digits"),
        ("extension=\"RX1\"", "extension=\"\"", "|authorDevice.orgCode"),
        ("<name>EXAMPLE UNIVERSITY HOSPITALS NHS TRUST</name>", "", "|authorDevice.orgName"),
        (&authority, "", "|authorDevice.indirectAuthority"),
        ("code code=\"R0050\"", "code", "|authorDevice.jobRoleCode"),
        ("displayName=\"Consultant\"", "displayName=\" \"", "|authorDevice.jobRoleName"),
        ("<prefix>Dr</prefix><given>Asha</given><family>Example</family>", "", "|authorDevice.assignedPersonName"),
    ];
    each_breaks_its_rule(&SampleRequest { person: false, ..SampleRequest::about(NUMBER) }, ViolationKind::InvalidMessage, rows);
    let xml = SampleRequest::about(NUMBER).xml().replace("<author>", "<author/><other>").replace("</author>", "</other>");
    assert!(outcome(&request_with(&xml, "localhost")).unwrap_err().rule.contains("authorPerson or authorDevice"));
}

#[test]
fn the_tms_wrapper_is_checked_as_spine_does() {
    let sample = SampleRequest { tms: true, ..SampleRequest::about(NUMBER) };
    let wrapper = format!("<id root=\"{}\"/>", sample.ids.wrapper);
    let rows: &[Row<'_>] = &[
        (&wrapper, "", "INVALID_ID"),
        ("<creationTime value=\"20260115093015\"/>", "", "INVALID_CREATION_TIME"),
        ("<versionCode code=\"v3INF_DMSv5.7:FIN\"/>", "<versionCode code=\"\"/>", "INVALID_VERSION_CODE"),
        ("extension=\"QUPC_IN000006GB01\"", "extension=\"QUPC_IN000007GB01\"", "INCONSISTENT_HL7_INTERACTION_ID"),
        ("communicationFunctionSnd", "communicationFunctionSxx", "INVALID_COMM_FUNC_SND"),
        ("communicationFunctionRcv", "communicationFunctionRxx", "INVALID_COMM_FUNC_RCV"),
        ("ControlActEvent", "ControlActOther", "INVALID_CONTROL_ACT"),
        ("author1", "author2", "MANDATORY_DATA_MISSING|author1"),
        ("<acceptAckCode code=\"NE\"/>", "", "acceptAckCode"),
    ];
    each_breaks_its_rule(&sample, ViolationKind::InvalidMessage, rows);
}
