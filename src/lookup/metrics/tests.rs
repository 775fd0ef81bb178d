use super::*;
use std::collections::BTreeSet;

const METRICS: &str = include_str!("../../../helm/cpis-fhir/metrics.txt");
const RULES: &str = include_str!("../../../helm/cpis-fhir/files/alerts.yaml");
const TEMPLATE: &str = include_str!("../../../helm/cpis-fhir/templates/monitoring.yaml");
const DASHBOARD: &str = include_str!("../../../helm/cpis-fhir/files/dashboard.json");

/// An answer came, and was withheld: it cannot be read, contradicts itself, or is another's. A new kind of failure takes its place here.
fn is_withheld(kind: &RegisterErrorKind) -> bool {
    use RegisterErrorKind as Kind;
    match kind {
        Kind::TooLarge
        | Kind::NotAnAnswer { .. }
        | Kind::Unreadable { .. }
        | Kind::UnknownCode { .. }
        | Kind::Contradictory(_)
        | Kind::OtherChild
        | Kind::OtherMessage => true,
        Kind::AuthorIncomplete { .. }
        | Kind::Unreachable(_)
        | Kind::Insecure(_)
        | Kind::RefusedByStatus { .. }
        | Kind::ConnectionLost
        | Kind::Timeout
        | Kind::Rejected { .. }
        | Kind::Internal => false,
    }
}

/// The alerts, with the outcomes that the chart's template puts in for WITHHELD.
fn alerts() -> String {
    let (_, withheld) = TEMPLATE.split_once("$withheld := \"").unwrap();
    RULES.replace("WITHHELD", withheld.split_once('"').unwrap().0)
}

fn ends() -> Vec<LookupLabels> {
    ends_of_a_query().collect()
}

/// The selectors of cpis_lookups_total in `text`.
fn selectors(text: &str) -> Vec<&str> {
    let after = text.split("cpis_lookups_total{").skip(1);
    after.map(|rest| rest.split_once('}').unwrap().0).collect()
}

/// Label, operator and values of each matcher, without those of the installation.
fn matchers(selector: &str) -> Vec<(&str, &str, Vec<&str>)> {
    let own =
        selector.split(',').filter(|matcher| ["outcome", "delivery", "response_code"].iter().any(|l| matcher.starts_with(l)));
    let parts = own.map(|matcher| {
        let (left, value) = matcher.trim_end_matches('"').split_once('"').unwrap();
        let label = left.trim_end_matches(['=', '!', '~']);
        (label, &left[label.len()..], value.split('|').collect())
    });
    parts.collect()
}

fn value_of<'l>(labels: &'l LookupLabels, label: &str) -> &'l str {
    match label {
        "outcome" => labels.outcome,
        "delivery" => labels.delivery.unwrap_or_default(),
        "response_code" => labels.response_code,
        other => panic!("no label {other}"),
    }
}

/// The ends that a selector selects, as Prometheus does.
fn selected(selector: &str) -> Vec<LookupLabels> {
    let matchers = matchers(selector);
    let selects = |labels: &LookupLabels| {
        matchers.iter().all(|(label, operator, values)| {
            let is_one = values.contains(&value_of(labels, label));
            if operator.starts_with('!') { !is_one } else { is_one }
        })
    };
    ends().into_iter().filter(selects).collect()
}

/// What an alert waits for, besides all queries.
fn waited_for(alert: &str) -> Vec<LookupLabels> {
    let alerts = alerts();
    let (_, rule) = alerts.split_once(&format!("- alert: {alert}\n")).unwrap();
    let of_alert: BTreeSet<&str> = selectors(rule.split("- alert: ").next().unwrap()).into_iter().collect();
    let narrow: Vec<&str> = of_alert.into_iter().filter(|selector| *selector != "SELECTOR").collect();
    let [only] = narrow[..] else { panic!("{alert}: {narrow:?}") };
    selected(only)
}

fn labels_where(of: impl Fn(&RegisterError) -> bool) -> Vec<LookupLabels> {
    failures().filter(|failure| of(failure)).map(|failure| of_failure(&failure)).collect()
}

#[test]
fn every_end_has_labels_of_its_own() {
    let ends = ends();
    for (at, end) in ends.iter().enumerate() {
        assert!(!ends[..at].contains(end), "{end:?}");
    }
}

#[test]
fn the_charts_list_explains_every_outcome_and_no_other() {
    let (_, list) = METRICS.split_once("# outcome of cpis_lookups_total").unwrap();
    let listed = list.lines().skip(1).map_while(|line| line.strip_prefix("#   "));
    let listed: BTreeSet<&str> = listed.filter_map(|line| line.split("  ").next()).flat_map(|names| names.split(", ")).collect();
    assert_eq!(listed, ends().iter().map(|end| end.outcome).collect());
}

#[test]
fn alerts_and_the_dashboard_select_words_that_are_counted_from_0() {
    let (alerts, dashboard) = (alerts(), DASHBOARD.replace("\\\"", "\""));
    let selectors = [selectors(&alerts), selectors(&dashboard)].concat();
    assert!(selectors.len() > 10);
    for selector in selectors {
        for (label, _, values) in matchers(selector) {
            for value in values {
                assert!(ends().iter().any(|end| value_of(end, label) == value), "{selector}: {value} is never counted");
            }
        }
    }
}

#[test]
fn each_failure_is_one_that_its_alerts_wait_for() {
    assert_eq!(waited_for("CpisFhirLooksFailing"), labels_where(|_| true));
    assert_eq!(waited_for("CpisFhirAnswersUnreadable"), labels_where(|failure| is_withheld(&failure.kind)));
    let is_unknown = |failure: &RegisterError| failure.delivery == Delivery::MaybeDelivered && !is_withheld(&failure.kind);
    assert_eq!(waited_for("CpisFhirLooksUnknown"), labels_where(is_unknown));
    let is_denied =
        |failure: &RegisterError| matches!(failure.kind, RegisterErrorKind::Rejected { reason: Rejection::AuthorRefused, .. });
    assert_eq!(waited_for("CpisFhirAccessDeniedBySmsp"), labels_where(is_denied));
}
