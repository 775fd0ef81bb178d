//! The sentences that a clinician reads in `code.text` (fhir.md 2; decisions.md 7, 15).

use super::graph::{Authority, Graph, PlanNode};
use crate::cpis::{BirthDate, DatePrecision, Plan, PlanStatus, PlanType};
use jiff::civil::Date;

pub const COULD_NOT_BE_READ: &str = "CP-IS holds a record that could not be read.";
const MAY_BE_OUT_OF_DATE: &str = "; may be out of date";

/// The text of a plan's codes: its plain name and what a clinician must not overlook.
#[must_use]
pub fn node_text(graph: &Graph<'_>, node: &PlanNode<'_>) -> String {
    text(graph, node, placeholder_text)
}

/// The same without an authority's name or numbers, for titles and references (decisions.md 29l).
#[must_use]
pub fn node_title(graph: &Graph<'_>, node: &PlanNode<'_>) -> String {
    text(graph, node, |_, _| COULD_NOT_BE_READ.trim_end_matches('.').to_owned())
}

fn text(graph: &Graph<'_>, node: &PlanNode<'_>, placeholder: impl Fn(&Graph<'_>, &PlanNode<'_>) -> String) -> String {
    let mut text = match (node.plan(), node.status) {
        (Some(plan), Some(status)) => plan_text(node, plan, status),
        _ => placeholder(graph, node),
    };
    if graph.answer.stale {
        text.push_str(MAY_BE_OUT_OF_DATE);
    }
    text
}

/// The plan's plain name. It says if the plan is in the mother's record: she is not the child (decisions.md 9).
pub fn push_plan_name(text: &mut String, node: &PlanNode<'_>, plan: &Plan) {
    text.push_str(plan.plan_type.name());
    if plan.plan_type == PlanType::UnbornChildProtection || node.patient_is_mother() {
        text.push_str(" (recorded against the mother)");
    }
}

fn plan_text(node: &PlanNode<'_>, plan: &Plan, status: PlanStatus) -> String {
    let mut text = String::with_capacity(160);
    push_plan_name(&mut text, node, plan);
    match (status, plan.period.end) {
        (PlanStatus::Planned, _) => {
            text.push_str("; starts on ");
            push_date(&mut text, plan.period.start);
        }
        (PlanStatus::ActivePastForecast, Some(end)) => {
            text.push_str("; ");
            push_past_forecast(&mut text, end);
        }
        _ => {}
    }
    text
}

/// "planned end (date) has passed; confirm with the authority".
pub fn push_past_forecast(text: &mut String, end: Date) {
    text.push_str("planned end ");
    push_date(text, end);
    text.push_str(" has passed; confirm with the authority");
}

fn placeholder_text(graph: &Graph<'_>, node: &PlanNode<'_>) -> String {
    let mut text = String::with_capacity(200);
    text.push_str(COULD_NOT_BE_READ);
    if let Some(authority) = graph.authority_of(node) {
        text.push_str(" Ring ");
        push_contact(&mut text, authority);
        return text;
    }
    text.push_str(NOT_KNOWN_WHICH);
    for (place, authority) in graph.authorities().iter().enumerate() {
        text.push_str(if place == 0 { " Ring " } else { "; or " });
        push_contact(&mut text, authority);
    }
    text
}

pub const NOT_KNOWN_WHICH: &str = " It is not known which local authority holds it.";

/// Whom to ring, as part of a sentence: the name, then every number with its label.
#[must_use]
pub fn contact(authority: &Authority<'_>) -> String {
    let mut text = String::with_capacity(120);
    push_contact(&mut text, authority);
    text
}

/// "Exampleshire County Council, office hours 02079460001, emergency duty team 02079460002".
fn push_contact(text: &mut String, authority: &Authority<'_>) {
    text.push_str(&authority.display());
    for number in &authority.numbers {
        text.push_str(", ");
        let mut label = number.label().chars();
        text.extend(label.next().map(|first| first.to_ascii_lowercase()));
        text.push_str(label.as_str());
        text.push_str(number.medium.words());
        text.push(' ');
        text.push_str(number.number);
    }
}

/// "1 September 2025", "September 2025" or "2025", depending on the known precision.
pub fn push_birth_date(text: &mut String, born: BirthDate) {
    match born.precision {
        DatePrecision::Day => push_date(text, born.first),
        DatePrecision::Month => push_month(text, born.first),
        DatePrecision::Year => push_number(text, born.first.year().unsigned_abs()),
    }
}

/// "1 September 2025": the month is a word, so day and month cannot be confused.
pub fn push_date(text: &mut String, date: Date) {
    push_number(text, u16::from(date.day().unsigned_abs()));
    text.push(' ');
    push_month(text, date);
}

fn push_month(text: &mut String, date: Date) {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let month = usize::from(date.month().unsigned_abs()).saturating_sub(1);
    text.push_str(MONTHS.get(month).copied().unwrap_or_default());
    text.push(' ');
    push_number(text, date.year().unsigned_abs());
}

fn push_number(text: &mut String, number: u16) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + u8::try_from(number % 10).unwrap_or_default()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn dates_are_written_with_the_month_in_words() {
        let mut text = String::new();
        push_date(&mut text, date(2026, 12, 31));
        text.push('|');
        push_date(&mut text, date(2025, 9, 1));
        assert_eq!(text, "31 December 2026|1 September 2025");
    }
}
