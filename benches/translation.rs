//! What the translation costs, without any network: `cargo bench --bench translation` prints times and allocations.
//!
//! The document is one record with one plan, an authority with two numbers, and the full list of 25 accesses.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::wildcard_imports)]

use cpis_fhir::cpis::*;
use cpis_fhir::fhir::bundle::{Page, searchset};
use cpis_fhir::fhir::graph::{Context, Graph, ResourceType};
use cpis_fhir::fhir::id::IdKeys;
use cpis_fhir::fhir::layout::Layout;
use cpis_fhir::fhir::search::pairs;
use cpis_fhir::fhir::search::registry::Searchable;
use cpis_fhir::fhir::search::{Handling, Search};
use cpis_fhir::fhir::{json, xml};
use cpis_fhir::simulator::answer::{AnswerContent, EnvelopeIds, envelope, write_payload};
use cpis_fhir::smsp::response::{self, Asked, Reply};
use cpis_fhir::smsp::{AuthorRule, AuthorTemplate, Dialect, PayloadForm};
use divan::Bencher;
use divan::counter::BytesCount;
use fhirbolt_model::r4::Resource;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

const MESSAGE_ID: &str = "E3B0C442-98FC-4C14-9AFB-F4C8996FB924";
const FLAGS: &str = "patient=9990000018";
const EVERYTHING: &str = "patient=9990000018&_include=*&_include:iterate=*&_revinclude:iterate=AuditEvent:entity";

fn main() {
    let body = answer_xml();
    println!("the answer has 25 accesses and {} bytes (without SOAP and ITK {})", body.len(), payload().len());
    for query in [FLAGS, EVERYTHING] {
        println!("{query}: {} bytes of JSON", show(&read(&body), query, &ids()).len());
    }
    divan::main();
}

fn number() -> NhsNumber {
    NhsNumber::parse("9990000018").unwrap()
}

fn now() -> Timestamp {
    "2026-01-15T09:30:16Z".parse().unwrap()
}

fn ids() -> IdKeys {
    IdKeys::new(vec![[7; 32]]).unwrap()
}

fn person(given: &str) -> PersonName {
    PersonName { prefix: vec!["Dr".into()], given: vec![given.into()], family: vec!["Example".into()], suffix: vec![] }
}

fn trust() -> Organisation {
    Organisation { kind: OrganisationKind::Organisation, ods_code: "RX1".into(), name: "EXAMPLE UNIVERSITY HOSPITALS".into() }
}

fn role() -> Role {
    Role { code: "R0260".into(), code_system: "2.16.840.1.113883.2.1.3.2.4.17.196".into(), name: "Consultant".into() }
}

fn access(hours_ago: i64) -> Access {
    Access {
        id: MessageIds::fresh().query.into(),
        when: AccessTime::At(now() - SignedDuration::from_hours(hours_ago)),
        author: Author::Person {
            user_id: Some("555000111222".into()),
            role_profile_id: Some("555000333444".into()),
            role: role(),
            name: person("Asha"),
            organisation: trust(),
        },
        about: Some(number()),
    }
}

fn payload() -> String {
    let authority = LocalAuthority {
        organisation: Organisation { ods_code: "999".into(), name: "Exampleshire County Council".into(), ..trust() },
        numbers: vec![
            TelephoneNumber { number: "02079460001".into(), uses: vec![NumberUse::OfficeHours] },
            TelephoneNumber { number: "02079460002".into(), uses: vec![NumberUse::EmergencyDuty] },
        ],
    };
    let plan = Plan { plan_type: PlanType::ChildProtection, period: Period { start: date(2025, 9, 1), end: None } };
    let child = Subject {
        kind: SubjectKind::Child,
        nhs_numbers: vec![number()],
        local_ids: vec![],
        name: PersonName { prefix: vec![], ..person("Robin") },
        birth_date: Some(BirthDate(date(2018, 4, 1))),
    };
    let mut content = AnswerContent::code_only("SMSP-0000", MessageIds::fresh().message.into(), now());
    content.records = vec![Record { authority: Some(authority), entries: vec![Entry::Plan(plan)], subjects: vec![child] }];
    content.accesses = (0..25).map(access).collect();
    write_payload(&content)
}

fn answer_xml() -> String {
    envelope(&payload(), &EnvelopeIds::fresh(MESSAGE_ID))
}

fn read(body: &str) -> Answer {
    let about = number();
    let reply = Reply { status: 200, content_type: Some("text/xml"), body: body.as_bytes() };
    let asked = Asked { nhs_number: &about, message_id: MESSAGE_ID, query_id: "", received: now() };
    response::read(reply, asked).unwrap()
}

fn search(query: &str, ids: &IdKeys) -> Search {
    let mut pairs = Vec::new();
    pairs::decode(query.as_bytes(), &mut pairs).unwrap();
    Search::parse(Searchable::of(ResourceType::Flag).unwrap(), &pairs, Handling::Strict, ids).unwrap()
}

fn show(answer: &Answer, query: &str, ids: &IdKeys) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 * 1024);
    json::write_resource(&mut out, &bundle(answer, query, ids));
    out
}

fn bundle(answer: &Answer, query: &str, ids: &IdKeys) -> Resource {
    let search = search(query, ids);
    let graph = Graph::new(answer, &Context { ids, today: date(2026, 1, 15), unscheduled: true });
    searchset(&Page { search: &search, answer, graph: &graph, base_url: "https://trust.example/FHIR/R4", ids })
}

/// The largest Bundle, built already: what its bytes cost in each format.
#[divan::bench(args = ["json", "xml"])]
fn write_bundle(bencher: Bencher<'_, '_>, format: &str) {
    let bundle = bundle(&read(&answer_xml()), EVERYTHING, &ids());
    let mut out = Vec::with_capacity(512 * 1024);
    bencher.bench_local(|| {
        out.clear();
        match format {
            "json" => json::write_resource(&mut out, &bundle),
            _ => xml::write_resource(&mut out, &bundle, Layout::COMPACT),
        }
        out.len()
    });
}

/// XML bytes to `Answer`.
#[divan::bench]
fn read_answer(bencher: Bencher<'_, '_>) {
    let body = answer_xml();
    bencher.counter(BytesCount::of_str(&body)).bench(|| read(&body));
}

/// `Answer` to FHIR JSON bytes.
#[divan::bench(args = [FLAGS, EVERYTHING])]
fn write_fhir(bencher: Bencher<'_, '_>, query: &str) {
    let (answer, ids) = (read(&answer_xml()), ids());
    bencher.bench(|| show(&answer, query, &ids));
}

/// XML bytes to FHIR JSON bytes (performance.md P7).
#[divan::bench(args = [FLAGS, EVERYTHING])]
fn xml_to_fhir(bencher: Bencher<'_, '_>, query: &str) {
    let (body, ids) = (answer_xml(), ids());
    bencher.counter(BytesCount::of_str(&body)).bench(|| show(&read(&body), query, &ids));
}

/// The whole request: HL7 V3 in ITK in SOAP.
#[divan::bench]
fn build_query(bencher: Bencher<'_, '_>) {
    let dialect = Dialect {
        url: "https://smsp.example.nhs.uk/cpis".into(),
        username: "cpis-client.example".into(),
        sender_ods: "RX1".into(),
        receiver_ods: Some("SMSPORG".into()),
        asid: SdsId::parse("200000000115"),
        to_asid: None,
        action: "urn:nhs-itk:services:201005:sendRecvDistEnvelope".into(),
        profile_id: "urn:nhs-en:profile:CP-ISNHSQuery-v2-0".into(),
        interaction_id: "urn:nhs-itk:interaction:CP-ISNHSQuery-v1-0".into(),
        payload_form: PayloadForm::Stub,
        soap_action_quoted: true,
        send_traceparent: true,
        author: AuthorRule {
            template: AuthorTemplate::Auto,
            nominated: None,
            role_code_system: "2.16.840.1.113883.2.1.3.2.4.17.196".into(),
        },
    };
    let question = Question {
        nhs_number: number(),
        requester: cpis_fhir::access::demo_requester("RX1", CareSetting::default()),
        traceparent: None,
    };
    bencher.bench(|| cpis_fhir::smsp::envelope::request(&question, &dialect, &MessageIds::fresh(), now()).unwrap());
}
