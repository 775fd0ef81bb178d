//! The searchset: matches, what was included with them, and the remarks that must stand beside them (fhir.md 3, decisions.md
//! 7, 8, 28).

use super::graph::{Graph, NodeKey, ResourceType};
use super::id::{IdKeys, Part};
use super::outcome::{HttpCode, Issue, IssueType, Severity, SpineCode, operation_outcome};
use super::search::{Search, include};
use super::{json, wording};
use crate::cpis::{Answer, Holding, Notice};
use std::io::Write as _;

/// One answer, seen through one search.
pub struct Page<'a> {
    pub search: &'a Search,
    pub answer: &'a Answer,
    pub graph: &'a Graph<'a>,
    /// Absolute, without a trailing slash.
    pub base_url: &'a str,
    pub ids: &'a IdKeys,
}

/// Writes the searchset Bundle as JSON. `total` counts matches only; without any entry there is no `entry` member.
pub fn searchset_json(page: &Page<'_>) -> Vec<u8> {
    let matches: Vec<NodeKey> = page.graph.of_type(page.search.resource).collect();
    let included = include::follow(page.graph, &matches, &page.search.includes);
    let mut out = Vec::with_capacity(1024 + 3 * 1024 * (matches.len() + included.len()));
    let id = uuid::Uuid::new_v4();
    let timestamp = page.answer.effective.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    // Writing into memory does not fail.
    let _ = write!(
        out,
        r#"{{"resourceType":"Bundle","id":"{id}","type":"searchset","timestamp":"{timestamp}","total":{},"link":[{{"relation":"self","url":"#,
        matches.len()
    );
    json::push_string(&mut out, &self_link(page));
    out.extend_from_slice(b"}]");
    let mut entries = Entries { out: &mut out, any: false };
    for (nodes, mode) in [(&matches, "match"), (&included, "include")] {
        for &node in nodes {
            let url = format!("{}/{}/{}", page.base_url, node.kind.name(), page.graph.id(node));
            entries.push(&url, &page.graph.build(node), mode);
        }
    }
    for issue in remarks(page) {
        let url = format!("urn:uuid:{}", uuid::Uuid::new_v4());
        entries.push(&url, &operation_outcome(&[issue]), "outcome");
    }
    if entries.any {
        out.push(b']');
    }
    out.push(b'}');
    out
}

struct Entries<'o> {
    out: &'o mut Vec<u8>,
    any: bool,
}

impl Entries<'_> {
    fn push(&mut self, full_url: &str, resource: &fhirbolt_model::r4::Resource, mode: &str) {
        self.out.extend_from_slice(if self.any { b"," } else { br#","entry":["# });
        self.any = true;
        self.out.extend_from_slice(br#"{"fullUrl":"#);
        json::push_string(self.out, full_url);
        self.out.extend_from_slice(br#","resource":"#);
        json::write_resource(self.out, resource);
        self.out.extend_from_slice(br#","search":{"mode":""#);
        self.out.extend_from_slice(mode.as_bytes());
        self.out.extend_from_slice(br#""}}"#);
    }
}

/// What was really searched, with the child as an opaque reference: a logged link tells nothing.
fn self_link(page: &Page<'_>) -> String {
    let patient = page.ids.seal(ResourceType::Patient, &page.search.child.nhs_number, &Part::EMPTY);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("patient", &format!("Patient/{patient}"));
    for (name, value) in page.search.used() {
        query.append_pair(&name, &value);
    }
    format!("{}/{}?{}", page.base_url, page.search.resource.name(), query.finish())
}

/// The remarks beside the matches. None at all only where CP-IS holds no record and nothing was left out.
fn remarks(page: &Page<'_>) -> Vec<Issue> {
    let answer = page.answer;
    let mut remarks = Vec::new();
    let unreadable = answer.unreadable();
    if unreadable > 0 {
        let text = format!(
            "CP-IS holds {unreadable} record(s) or plan(s) for this child that could not be read; each stands here as an active placeholder. {}",
            whom_to_ring(page.graph)
        );
        remarks.push(remark(Severity::Warning, IssueType::Incomplete, SpineCode::UnknownError, HttpCode::RecServerError, text));
    }
    if answer.stale {
        let text = format!(
            "Spine is unavailable: these records come from a local store and may be out of date. {}",
            whom_to_ring(page.graph)
        );
        remarks.push(remark(
            Severity::Warning,
            IssueType::Incomplete,
            SpineCode::ServiceUnavailable,
            HttpCode::RecUnavailable,
            text,
        ));
    }
    // A true "no record" stands alone (decisions.md 8).
    if answer.holding != Holding::NoRecord {
        remarks.extend(answer.notices.iter().map(notice));
    }
    remarks.extend(page.search.ignored.iter().map(|error| Issue {
        severity: Severity::Warning,
        issue_type: IssueType::NotSupported,
        spine: Some(SpineCode::UnsupportedService),
        http: None,
        diagnostics: format!("{error} It was ignored."),
        expression: error.parameter().map(str::to_owned),
    }));
    remarks
}

fn remark(severity: Severity, issue_type: IssueType, spine: SpineCode, http: HttpCode, diagnostics: String) -> Issue {
    Issue { severity, issue_type, spine: Some(spine), http: Some(http), diagnostics, expression: None }
}

fn notice(notice: &Notice) -> Issue {
    let (severity, issue_type, diagnostics) = match notice {
        Notice::ForeignAccesses { left_out } => (
            Severity::Warning,
            IssueType::Incomplete,
            format!("{left_out} entr(ies) of the access history were about another NHS number and were left out."),
        ),
        Notice::SubjectsDisagree => (
            Severity::Warning,
            IssueType::Incomplete,
            "The records disagree on the name or date of birth: check that this is the right child.".to_owned(),
        ),
        Notice::AccessCountDiffers { said, found } => (
            Severity::Information,
            IssueType::Informational,
            format!("The answer counts {said} earlier access(es) and holds {found}. All that it holds are shown."),
        ),
        Notice::MoreRecordsThanCounted { said, found } => (
            Severity::Warning,
            IssueType::Incomplete,
            format!("The answer counts {said} record(s) and holds {found}. All that it holds are shown."),
        ),
        Notice::EffectiveTimeUnreadable => (
            Severity::Information,
            IssueType::Informational,
            "The answer's own time could not be read: the time of its receipt is shown instead.".to_owned(),
        ),
    };
    Issue { severity, issue_type, spine: None, http: None, diagnostics, expression: None }
}

/// "Ring <authority, numbers>.", for every authority of the answer.
fn whom_to_ring(graph: &Graph<'_>) -> String {
    let contacts: Vec<String> = graph.authorities().iter().map(wording::contact).collect();
    if contacts.is_empty() { String::new() } else { format!("Ring {}.", contacts.join("; or ")) }
}
