//! An independent implementation of filters on the JSON of built resources: slow, plain, only for comparison.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

/// Whether the resource meets one filter. Values hold no escapes; dates are days, months or years.
pub fn meets(resource: &Value, name: &str, value: &str) -> bool {
    value.split(',').any(|alternative| one(resource, name, alternative))
}

fn one(resource: &Value, name: &str, value: &str) -> bool {
    let tags = resource["meta"]["tag"].as_array().cloned().unwrap_or_default();
    let unreadable = tags.iter().any(|tag| tag["code"] == "unreadable");
    match name {
        "_id" => resource["id"] == value,
        "code" => unreadable || token(&codings(&resource["code"]), value),
        "category" | "type" => {
            unreadable || resource[name].as_array().unwrap().iter().any(|concept| token(&codings(concept), value))
        }
        "status" => {
            let system = match resource["resourceType"].as_str().unwrap() {
                "Flag" => "http://hl7.org/fhir/flag-status",
                "EpisodeOfCare" => "http://hl7.org/fhir/episode-of-care-status",
                "CarePlan" => "http://hl7.org/fhir/request-status",
                _ => "http://hl7.org/fhir/care-team-status",
            };
            unreadable || token(&[(system.to_owned(), resource["status"].as_str().unwrap().to_owned())], value)
        }
        "date" => days(resource).is_none_or(|(first, last)| date(&first, &last, value)),
        _ => reference(resource, name, value),
    }
}

fn codings(concept: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    concept["coding"].as_array().unwrap().iter().map(|coding| (text(&coding["system"]), text(&coding["code"]))).collect()
}

fn token(codings: &[(String, String)], value: &str) -> bool {
    codings.iter().any(|(system, code)| match value.split_once('|') {
        None => code == value,
        Some((wanted, "")) => wanted == system,
        Some((wanted, of_it)) => wanted == system && of_it == code,
    })
}

/// First and last day as text, which sorts as dates do.
fn days(resource: &Value) -> Option<(String, String)> {
    if resource["resourceType"] == "AuditEvent" {
        let day = match resource["recorded"].as_str() {
            Some(instant) => instant[..10].to_owned(),
            None => resource["outcomeDesc"].as_str()?.split_once('(')?.1[..10].to_owned(),
        };
        return Some((day.clone(), day));
    }
    let start = resource["period"]["start"].as_str()?.to_owned();
    if let Some(forecast) = forecast(resource) {
        return Some((start, forecast.saturating_add(28.days()).to_string()));
    }
    Some((start, resource["period"]["end"].as_str().unwrap_or("9999-99-99").to_owned()))
}

/// The forecast end of an unborn plan, from the narrative: the period drops it once it has passed.
fn forecast(resource: &Value) -> Option<Date> {
    let (_, rest) = resource["text"]["div"].as_str()?.split_once("Planned end: ")?;
    Date::strptime("%d %B %Y", rest.split_once('<')?.0).ok()
}

fn date(first: &str, last: &str, value: &str) -> bool {
    let (prefix, day) = value.split_at(value.find(|c: char| c.is_ascii_digit()).unwrap());
    let low = format!("{day}{}", &"0000-01-01"[day.len()..]);
    let high = format!("{day}{}", &"0000-12-31"[day.len()..]);
    let (low, high) = (low.as_str(), high.as_str());
    match prefix {
        "" | "eq" => low <= first && last <= high,
        "ne" => first < low || high < last,
        "gt" => last > high,
        "lt" => first < low,
        "ge" => last >= low,
        "le" => first <= high,
        "sa" => first > high,
        "eb" => last < low,
        other => panic!("{other}"),
    }
}

fn reference(resource: &Value, name: &str, value: &str) -> bool {
    let (name, by_identifier) = name.split_once(':').map_or((name, false), |(name, _)| (name, true));
    let many = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let references: Vec<Value> = match name {
        "author" => vec![resource["author"].clone()],
        "organization" => vec![resource["managingOrganization"].clone()],
        "detail" => many(&resource["extension"]).into_iter().map(|extension| extension["valueReference"].clone()).collect(),
        "team" => many(&resource["team"]),
        "care-team" => many(&resource["careTeam"]),
        "agent" => many(&resource["agent"]).into_iter().map(|agent| agent["who"].clone()).collect(),
        "entity" => many(&resource["entity"]).into_iter().map(|entity| entity["what"].clone()).collect(),
        other => panic!("{other}"),
    };
    if matches!(name, "author" | "organization") && references[0].is_null() {
        return true;
    }
    references.iter().any(|reference| {
        if by_identifier {
            let identifier = &reference["identifier"];
            let pair = identifier["value"].as_str().map(|v| (identifier["system"].as_str().unwrap().to_owned(), v.to_owned()));
            pair.is_some_and(|pair| token(&[pair], value))
        } else {
            let literal = reference["reference"].as_str().unwrap_or_default();
            !literal.is_empty() && (literal == value || literal.split_once('/').unwrap().1 == value)
        }
    })
}
