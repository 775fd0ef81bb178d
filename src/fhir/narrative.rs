//! The text that a clinician reads if a client shows nothing else of a resource (fhir.md 2, decisions.md 16, 40).
//!
//! Everything from outside is escaped, so names and numbers cannot inject mark-up.

use super::{
    graph::{Authority, Graph, PlanNode},
    wording::{self, push_date},
};
use crate::cpis::{NhsNumber, Plan, PlanStatus, PlanType, Subject, SubjectKind, Unreadable};
use fhirbolt_model::r4::types::Narrative;
use jiff::civil::Date;

const MARKING: &str = "NHS Confidential: Personal Data about a patient";
const SHARED: &str = "This access has been shared with the local authority";
const STALE: &str = "This was read from a local store while Spine could not be reached; it may be out of date.";

/// The narrative of a plan's Flag, EpisodeOfCare, CarePlan and CareTeam.
#[must_use]
pub fn of_plan(graph: &Graph<'_>, node: &PlanNode<'_>) -> Narrative {
    let mut div = String::with_capacity(1024);
    div.push_str("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    match (node.plan(), node.status) {
        (Some(plan), Some(status)) => push_plan(&mut div, node, plan, status, graph.context.today),
        _ => push_placeholder(&mut div, node),
    }
    if graph.answer.stale {
        paragraph(&mut div, |div| strong(div, STALE));
    }
    push_people(&mut div, graph, node);
    push_authorities(&mut div, graph, node);
    paragraph(&mut div, |div| div.push_str(MARKING));
    if graph.context.unscheduled {
        paragraph(&mut div, |div| div.push_str(SHARED));
    }
    div.push_str("</div>");
    Narrative { status: "generated".into(), div: div.into(), ..Default::default() }
}

fn push_plan(div: &mut String, node: &PlanNode<'_>, plan: &Plan, status: PlanStatus, today: Date) {
    paragraph(div, |div| {
        div.push_str("<b>");
        wording::push_plan_name(div, node, plan);
        div.push_str("</b>");
    });
    paragraph(div, |div| {
        div.push_str("Start: ");
        push_date(div, plan.period.start);
        let unborn = plan.plan_type == PlanType::UnbornChildProtection;
        div.push_str(if unborn { "<br/>Planned end: " } else { "<br/>End: " });
        match plan.period.end {
            Some(end) => push_date(div, end),
            None => div.push_str("none given"),
        }
        div.push_str("<br/>On ");
        push_date(div, today);
        div.push_str(": ");
        push_standing(div, plan, status);
    });
}

fn push_standing(div: &mut String, plan: &Plan, status: PlanStatus) {
    match (status, plan.period.end) {
        (PlanStatus::ActivePastForecast, Some(end)) => {
            div.push_str("<b>active</b>; ");
            wording::push_past_forecast(div, end);
        }
        (PlanStatus::Active | PlanStatus::ActivePastForecast, _) => strong(div, "active"),
        (PlanStatus::Planned, _) => {
            div.push_str("<b>not yet active</b>; starts on ");
            push_date(div, plan.period.start);
        }
        (PlanStatus::Ended, _) => strong(div, "ended"),
    }
}

fn push_placeholder(div: &mut String, node: &PlanNode<'_>) {
    paragraph(div, |div| strong(div, wording::COULD_NOT_BE_READ));
    paragraph(div, |div| {
        div.push_str(match node.unreadable() {
            Some(Unreadable::UnknownTemplate) => "It is of a kind that is not known here.",
            Some(Unreadable::StartDate) => "Its start date could not be read.",
            Some(Unreadable::EndDate) => "Its end date could not be read.",
            Some(Unreadable::NoPlan) => "It names no plan.",
            Some(Unreadable::MissingRecord) | None => "CP-IS counted it but did not send it.",
        });
        div.push_str(" Take it as active until the local authority has said otherwise.");
    });
}

/// The person asked about, then each person whom the record names. The mother and the child are listed separately.
fn push_people(div: &mut String, graph: &Graph<'_>, node: &PlanNode<'_>) {
    paragraph(div, |div| {
        div.push_str("Asked about NHS number ");
        push_nhs_number(div, graph.patient().number);
        for subject in node.subjects() {
            div.push_str("<br/>");
            push_subject(div, subject, node, graph.patient().number);
        }
    });
}

fn push_subject(div: &mut String, subject: &Subject, node: &PlanNode<'_>, asked: &NhsNumber) {
    let unborn = node.plan().is_some_and(|plan| plan.plan_type == PlanType::UnbornChildProtection);
    div.push_str(match subject.kind {
        SubjectKind::Mother if unborn => "Mother of the unborn child: ",
        SubjectKind::Mother => "Mother: ",
        SubjectKind::Child => "Child: ",
        SubjectKind::Unknown => "Person: ",
    });
    match subject.name.display_name() {
        Some(name) => escape(div, &name),
        None => div.push_str("name not given"),
    }
    if let Some(born) = subject.birth_date {
        div.push_str(", born ");
        wording::push_birth_date(div, born);
    }
    if subject.nhs_numbers.contains(asked) && node.record.subjects.len() > 1 {
        div.push_str(", the person asked about");
    }
    for number in subject.nhs_numbers.iter().filter(|number| *number != asked) {
        div.push_str(", NHS number ");
        push_nhs_number(div, number);
    }
}

fn push_authorities(div: &mut String, graph: &Graph<'_>, node: &PlanNode<'_>) {
    if let Some(authority) = graph.authority_of(node) {
        push_authority(div, "Responsible local authority: ", authority);
        return;
    }
    paragraph(div, |div| div.push_str(wording::NOT_KNOWN_WHICH.trim_start()));
    for authority in graph.authorities() {
        push_authority(div, "It may be: ", authority);
    }
}

fn push_authority(div: &mut String, label: &str, authority: &Authority<'_>) {
    paragraph(div, |div| {
        div.push_str(label);
        div.push_str("<b>");
        escape(div, &authority.display());
        div.push_str("</b>");
        for number in &authority.numbers {
            div.push_str("<br/>");
            div.push_str(number.label());
            div.push_str(number.medium.words());
            div.push_str(": ");
            escape(div, number.number);
        }
        if authority.numbers.is_empty() {
            div.push_str("<br/>CP-IS gave no number.");
        }
    });
}

/// Groups of 3, 3 and 4 digits, as people read it (wire.md 8.1).
fn push_nhs_number(div: &mut String, number: &NhsNumber) {
    let digits = number.digits();
    for (place, digit) in digits.chars().enumerate() {
        if place == 3 || place == 6 {
            div.push(' ');
        }
        div.push(digit);
    }
}

fn paragraph(div: &mut String, write: impl FnOnce(&mut String)) {
    div.push_str("<p>");
    write(div);
    div.push_str("</p>");
}

fn strong(div: &mut String, words: &str) {
    div.push_str("<b>");
    div.push_str(words);
    div.push_str("</b>");
}

/// Writes text as XHTML text and drops characters that XML 1.0 cannot hold.
pub(crate) fn escape(div: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => div.push_str("&amp;"),
            '<' => div.push_str("&lt;"),
            '>' => div.push_str("&gt;"),
            '"' => div.push_str("&quot;"),
            '\'' => div.push_str("&#39;"),
            '\t' | '\n' | '\r' => div.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            other => div.push(other),
        }
    }
}
