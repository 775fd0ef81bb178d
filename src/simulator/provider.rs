//! The provider: takes a complete request, updates the simulated register and decides on the reply.

use super::{
    Counts,
    answer::{
        AnswerContent, EnvelopeIds, FaultReply, FaultText, PayloadEncoding, PayloadStyle, QueryFailure, TmsIds, business_error,
        encoded_envelope, envelope, infrastructure_response, query_failure, query_response, simple_message_response, soap_fault,
        write_payload,
    },
    contract::{self, AcceptedRequest, RequestCheck, Violation},
    history::{Histories, SeenIds},
    http::HttpRequest,
    reply::HttpReply,
    scenario::{Behaviour, Child, RelatesTo, ReplyShape, Scenario, fault_named},
};
use crate::clock;
use crate::cpis::{Access, AccessTime, MessageIds, NhsNumber, Record};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// The only path that is served.
pub(super) const PATH: &str = "/smsp/cpis";
const XML: &str = "text/xml; charset=utf-8";
const HUGE: usize = 10 * 1024 * 1024;
/// The bytes of a message that `GET /exchanges/last` shows at most.
const KEPT_OF_A_MESSAGE: usize = 256 * 1024;
/// The number of message ids that are remembered, to compare them with a trail.
const KEPT_MESSAGE_IDS: usize = 500_000;
/// The tracking ids that select faults, as in NHS Digital's simulator (wire.md 5.12).
const FAULT_TRACKING_IDS: [(&str, &str); 8] = [
    ("00000000-0000-0000-0000-0000000C1000", "client-1000"),
    ("00000000-0000-0000-0000-0000000C2200", "client-2200"),
    ("00000000-0000-0000-0000-0000000C3000", "client-3000"),
    ("00000000-0000-0000-0000-0000000E2100", "server-2100"),
    ("00000000-0000-0000-0000-0000000E2200", "server-2200"),
    ("00000000-0000-0000-0000-0000000E3000", "server-3000"),
    ("00000000-0000-0000-0000-000000001111", "version-mismatch"),
    ("00000000-0000-0000-0000-000000002222", "must-understand"),
];

/// The state that all connections share.
pub(super) struct Provider {
    pub scenario: Scenario,
    state: Mutex<ProviderState>,
    connections: AtomicU64,
    requests: AtomicU64,
    queries: AtomicU64,
    notifications: AtomicU64,
}

#[derive(Default)]
pub(super) struct ProviderState {
    pub histories: Histories,
    seen: SeenIds,
    message_ids: VecDeque<String>,
    last: Option<ExchangeText>,
}

/// A request and its reply as text. A rehearsal has only test data.
#[derive(Clone)]
pub(super) struct ExchangeText {
    pub request: String,
    pub reply: String,
}

impl Provider {
    pub fn new(scenario: Scenario) -> Self {
        let provider = Self {
            scenario,
            state: Mutex::default(),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            queries: AtomicU64::new(0),
            notifications: AtomicU64::new(0),
        };
        provider.reset();
        provider
    }

    /// Sets the counts to zero and the histories to those of the scenario. Keeps the ids, so that a message sent again after a reset is
    /// noticed.
    pub fn reset(&self) {
        let now = clock::now();
        let mut histories = Histories::default();
        for child in self.scenario.all() {
            histories.seed(&child.nhs_number, child.accesses(&child.nhs_number, now));
        }
        let mut state = self.state();
        state.histories = histories;
        state.last = None;
        state.message_ids.clear();
        for counter in [&self.connections, &self.requests, &self.queries, &self.notifications] {
            counter.store(0, Relaxed);
        }
    }

    pub fn counts(&self) -> Counts {
        Counts {
            connections: self.connections.load(Relaxed),
            requests: self.requests.load(Relaxed),
            queries: self.queries.load(Relaxed),
            notifications: self.notifications.load(Relaxed),
        }
    }

    pub fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// The state, even after a panic elsewhere: it holds only counts and histories.
    pub fn state(&self) -> MutexGuard<'_, ProviderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reply to one complete request. `client` is the subject CN of the client's certificate.
    pub fn reply(&self, request: &HttpRequest, client: &str) -> HttpReply {
        self.requests.fetch_add(1, Relaxed);
        let reply = self.decide(request, client);
        self.state().last = Some(ExchangeText::of(request, &reply));
        reply
    }

    fn decide(&self, request: &HttpRequest, client: &str) -> HttpReply {
        if request.target != PATH {
            return HttpReply::plain(404, "there is no service at this path\n");
        }
        let now = clock::now();
        let mut checked = contract::check(request, client, &self.scenario.contract, now);
        let by_tracking_id = checked.tracking_id.as_deref().and_then(fault_by_tracking_id);
        if self.was_sent_before(&checked, by_tracking_id.is_some()) && checked.outcome.is_ok() {
            checked.outcome = Err(Violation::invalid("an id of this message was used before: it was sent twice"));
        }
        match (&checked.outcome, by_tracking_id) {
            (Err(violation), _) => refuse(violation, &checked, now, &self.scenario.contract.action),
            (Ok(_), Some(fault)) => fault_reply(fault, checked.message_id.as_deref(), None),
            (Ok(accepted), None) => self.answer(accepted, &checked, now),
        }
    }

    /// Whether an id of the message was used before; remembers them all. An id that selects a fault may be used again.
    fn was_sent_before(&self, checked: &RequestCheck, by_tracking_id: bool) -> bool {
        let mut state = self.state();
        let mut before = false;
        for id in &checked.ids {
            let excused = by_tracking_id && checked.tracking_id.as_deref() == Some(id);
            before |= !excused && !state.seen.is_new(id);
        }
        before
    }

    fn answer(&self, accepted: &AcceptedRequest, checked: &RequestCheck, now: Timestamp) -> HttpReply {
        let unnamed = Behaviour::default();
        let child = self.scenario.child(&accepted.nhs_number);
        let behaviour = child.map_or(&unnamed, |child| &child.behaviour);
        let today = clock::date_in_london(now);
        let own = child.map(|child| child.records(&accepted.nhs_number, today)).unwrap_or_default();
        if behaviour.reaches_register() {
            self.record_query(accepted, checked.message_id.as_deref(), &own, now);
        }
        let (about, records) = match &behaviour.answers_about {
            Some(other) => {
                (other, self.scenario.named(other).map(|child: &Child| child.records(other, today)).unwrap_or_default())
            }
            None => (&accepted.nhs_number, own),
        };
        let content = self.content(behaviour, about, records, now);
        let mut reply = self.shaped(behaviour, &content, accepted, checked, now);
        reply.transport = behaviour.transport;
        reply.delay = behaviour.delay;
        reply.drip_interval = behaviour.drip_interval;
        if let Some(status) = behaviour.http_status {
            reply.status = status;
        }
        reply
    }

    /// CP-IS receives the query: it records the access and notifies every responsible authority.
    fn record_query(&self, accepted: &AcceptedRequest, message_id: Option<&str>, records: &[Record], now: Timestamp) {
        let code = |record: &Record| record.authority.as_ref().map_or("unknown".to_owned(), |a| a.organisation.code_upper());
        let mut authorities: Vec<String> = records.iter().map(code).collect();
        authorities.sort_unstable();
        authorities.dedup();
        self.queries.fetch_add(1, Relaxed);
        self.notifications.fetch_add(u64::from(!authorities.is_empty()), Relaxed);
        let access = Access {
            id: accepted.query_id.as_str().into(),
            when: AccessTime::At(now),
            author: accepted.author.clone(),
            about: Some(accepted.nhs_number.clone()),
        };
        let once = self.scenario.same_author_once;
        let mut state = self.state();
        state.histories.record_query(&accepted.nhs_number, access, now, once, &authorities);
        if state.message_ids.len() == KEPT_MESSAGE_IDS {
            state.message_ids.pop_front();
        }
        state.message_ids.extend(message_id.map(str::to_owned));
    }

    /// The message ids of the queries that CP-IS received, oldest first.
    pub fn message_ids(&self) -> Vec<String> {
        self.state().message_ids.iter().cloned().collect()
    }

    fn content(&self, behaviour: &Behaviour, about: &NhsNumber, records: Vec<Record>, now: Timestamp) -> AnswerContent {
        let by_content = if records.is_empty() { "CPIS-0001" } else { "SMSP-0000" };
        let code = behaviour.code.as_deref().unwrap_or(by_content);
        let mut content = AnswerContent::code_only(code, MessageIds::fresh().query.into(), now);
        if !records.is_empty() && !behaviour.hides_accesses {
            content.accesses = self.state().histories.accesses(about);
        }
        content.records = records;
        content.total_records = behaviour.total_records.clone();
        content.total_accesses = behaviour.total_accesses.clone();
        content
    }

    fn shaped(
        &self,
        behaviour: &Behaviour,
        content: &AnswerContent,
        accepted: &AcceptedRequest,
        checked: &RequestCheck,
        now: Timestamp,
    ) -> HttpReply {
        let relates_to = match behaviour.relates_to {
            RelatesTo::Right => checked.message_id.clone(),
            RelatesTo::Wrong => Some(MessageIds::fresh().message),
            RelatesTo::Absent => None,
        };
        if let Some(fault) = behaviour.fault {
            return fault_reply(fault, relates_to.as_deref(), None);
        }
        let ids = envelope_ids(relates_to.clone(), checked, &self.scenario.contract.action, &accepted.sender_ods);
        let tms = TmsIds { relates_to, query_message: accepted.query_message.clone(), at: now };
        let smsp = |encoding| encoded_envelope(&write_payload(content), &ids, encoding);
        let good = || smsp(PayloadEncoding::Plain);
        let body = match behaviour.reply {
            ReplyShape::Smsp => good(),
            ReplyShape::Base64 => smsp(PayloadEncoding::Base64),
            ReplyShape::GzipBase64 => smsp(PayloadEncoding::GzipBase64),
            ReplyShape::SpineResponse => {
                // Spine's answer has the query's own id (wire.md 3.5, row 8) and no SMSP code.
                let content = AnswerContent {
                    style: PayloadStyle::Spine,
                    code: None,
                    id: accepted.query_id.as_str().into(),
                    ..content.clone()
                };
                query_response(&write_payload(&content), &tms)
            }
            ReplyShape::SpineNotFound => query_failure(QueryFailure::NotFound, &tms),
            ReplyShape::SpineNotFoundPrefixed => query_failure(QueryFailure::NotFoundPrefixed, &tms),
            ReplyShape::SpineNoReason => query_failure(QueryFailure::NoReason, &tms),
            ReplyShape::SpineOtherReason => query_failure(QueryFailure::OtherReason, &tms),
            ReplyShape::SpineBusinessError => business_error(false, &tms),
            ReplyShape::SpineRejection => business_error(true, &tms),
            ReplyShape::InfrastructureResponse => infrastructure_response(&ids),
            ReplyShape::SimpleMessageResponse => simple_message_response(&ids),
            ReplyShape::Html => {
                return HttpReply::new(200, "text/html", "<!DOCTYPE html><html><body><h1>Please try later</h1></body></html>");
            }
            ReplyShape::Empty => return HttpReply::new(200, "", ""),
            ReplyShape::Garbage => "\u{fffd}<<&soap>Envelope & not XML at all \u{1}".repeat(20),
            ReplyShape::Doctype => with_dtd(&good()),
            ReplyShape::Huge => padded(&good()),
            ReplyShape::Truncated => truncated(&good()),
        };
        let mut reply = HttpReply::new(200, XML, body);
        let nothing = AnswerContent::no_record(MessageIds::fresh().query.into(), now);
        reply.surplus = HttpReply::new(200, XML, envelope(&write_payload(&nothing), &ids)).to_bytes(true);
        reply
    }

    /// The number of requests, and the last exchange.
    pub fn exchanges(&self) -> (u64, Option<ExchangeText>) {
        (self.requests.load(Relaxed), self.state().last.clone())
    }
}

impl ExchangeText {
    fn of(request: &HttpRequest, reply: &HttpReply) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(KEPT_OF_A_MESSAGE)]).into_owned();
        let headers: Vec<String> = request.headers().map(|(name, value)| format!("\n{name}: {value}")).collect();
        let request = format!("{} {}{}\n\n{}", request.method, request.target, headers.concat(), text(&request.body));
        let rule = reply.rule.as_ref().map(|rule| format!("\nX-Simulator-Rule: {rule}")).unwrap_or_default();
        Self { request, reply: format!("HTTP {} ({:?}){rule}\n\n{}", reply.status, reply.transport, text(&reply.body)) }
    }
}

fn fault_by_tracking_id(tracking_id: &str) -> Option<FaultReply> {
    let (_, name) = FAULT_TRACKING_IDS.iter().find(|(id, _)| *id == tracking_id)?;
    fault_named(name)
}

fn envelope_ids(relates_to: Option<String>, checked: &RequestCheck, action: &str, receiver_ods: &str) -> EnvelopeIds {
    let mut ids = EnvelopeIds::fresh("");
    ids.relates_to = relates_to;
    action.clone_into(&mut ids.action);
    receiver_ods.clone_into(&mut ids.receiver_ods);
    if let Some(tracking) = &checked.tracking_id {
        ids.tracking.clone_from(tracking);
    }
    ids
}

fn fault_reply(fault: FaultReply, relates_to: Option<&str>, violation: Option<&Violation>) -> HttpReply {
    let words =
        FaultText { text: violation.map_or(fault.usual_text(), |v| v.rule.as_str()), diagnostic: Some("cpis-fhir simulator") };
    let mut reply = HttpReply::new(500, XML, soap_fault(fault, relates_to, words));
    reply.rule = violation.map(|v| v.rule.clone());
    reply
}

/// Refuses a request and names the rule: in the fault, or in a header if the answer is only a code.
fn refuse(violation: &Violation, checked: &RequestCheck, now: Timestamp, action: &str) -> HttpReply {
    let relates_to = checked.message_id.as_deref();
    if let Some(fault) = violation.fault() {
        return fault_reply(fault, relates_to, Some(violation));
    }
    let content = AnswerContent::code_only("SMSP-0001", MessageIds::fresh().query.into(), now);
    let ids = envelope_ids(checked.message_id.clone(), checked, action, "UNKNOWN");
    let mut reply = HttpReply::new(200, XML, envelope(&write_payload(&content), &ids));
    reply.rule = Some(violation.rule.clone());
    reply
}

/// Adds nested entities that would expand to a gigabyte, with a reference from the header.
fn with_dtd(envelope: &str) -> String {
    let body = envelope.split_once("?>").map_or(envelope, |(_, body)| body);
    let entity = |n: usize| format!("<!ENTITY lol{n} \"{}\">", format!("&lol{};", n - 1).repeat(10));
    let entities: String = (1..10).map(entity).collect();
    let body = body.replacen("</soap:Header>", "<note>&lol9;</note></soap:Header>", 1);
    format!("<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [<!ENTITY lol0 \"lol\">{entities}]>{body}")
}

fn padded(envelope: &str) -> String {
    envelope.replacen("<soap:Body>", &format!("<soap:Body>{}", " ".repeat(HUGE)), 1)
}

fn truncated(envelope: &str) -> String {
    let at = (0..=envelope.len() * 2 / 3).rev().find(|at| envelope.is_char_boundary(*at)).unwrap_or_default();
    envelope[..at].to_owned()
}
