//! What is shown hangs on the day in England: pages, searches by date and what counts as changed, on a clock that moves.

use crate::common::clock::MovedClock;
use crate::common::scripted::{self, Query, Scripted, Step};
use crate::common::{GOOD_CHILD, Got, Service, client};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const PROTECTION: &str = "342191000000101";
const LOOKED_AFTER: &str = "764841000000100";

/// A service whose clock the test sets, before an SMSP that answers with the plans of the test.
struct Place {
    clock: MovedClock,
    smsp: Scripted,
    service: Service,
    http: reqwest::Client,
}

impl Place {
    /// Where it is `moment`, and CP-IS holds one record with these plans: `CPP`, `LAC` or `UCP`, start and end, which may be empty.
    async fn at(moment: &str, plans: &'static [[&'static str; 3]]) -> Self {
        let smsp = Scripted::start(move |query| answer(query, plans)).await;
        let clock = MovedClock::at(moment);
        let (name, file) = clock.setting();
        let service = Service::start(&smsp.certificates, &smsp.url, &[(name, &file)]);
        Self { clock, smsp, service, http: client() }
    }

    async fn get(&self, path: &str) -> Got {
        self.get_with(path, &[]).await
    }

    async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        self.follow(&format!("{}/FHIR/R4/{path}", self.service.public), headers).await
    }

    async fn follow(&self, url: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = self.http.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Got::read(request.send().await.unwrap()).await
    }

    /// The search for a type, with further parameters.
    async fn search(&self, resource: &str, further: &str) -> Got {
        self.get(&format!("{resource}?patient={GOOD_CHILD}{further}")).await
    }
}

fn answer(query: &Query, plans: &[[&str; 3]]) -> Vec<Step> {
    let found = scripted::found(query);
    let (before, rest) = found.split_once("<pertinentInformation15>").unwrap();
    let (_, after) = rest.split_once("</pertinentInformation15>").unwrap();
    let plans: String = plans.iter().map(plan).collect();
    vec![Step::Send(scripted::http_ok(&format!("{before}{plans}{after}")))]
}

fn plan(&[name, start, end]: &[&str; 3]) -> String {
    let (template, prefix) = match name {
        "CPP" => ("COCT_TP146105GB01", "cPP"),
        "LAC" => ("COCT_TP146103GB01", "lAC"),
        _ => ("COCT_TP146104GB01", "uCP"),
    };
    let date = |component: &str, which: &str, day: &str| {
        let value = day.replace('-', "");
        format!("<{component}><{prefix}{which}Date><value value=\"{value}0000\"/></{prefix}{which}Date></{component}>")
    };
    let end = if end.is_empty() { String::new() } else { date("component1", "End", end) };
    let start = date("component", "Start", start);
    format!(
        "<pertinentInformation15><npfitlc:contentId root=\"2.16.840.1.113883.2.1.3.2.4.18.16\" extension=\"{template}#{name}Information\"/>\
         <{template}.{name}Information>{start}{end}</{template}.{name}Information></pertinentInformation15>"
    )
}

/// Kind of plan and status of the matches.
fn standing(got: &Got) -> Vec<[String; 2]> {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{}", got.text)).to_owned();
    got.resources("match").iter().map(|flag| [text(&flag["code"]["coding"][0]["code"]), text(&flag["status"])]).collect()
}

fn link(got: &Got, relation: &str) -> Option<String> {
    let links = got.json()["link"].as_array().unwrap().clone();
    links.iter().find(|link| link["relation"] == relation).map(|link| link["url"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_walk_over_midnight_shows_every_plan_once_as_on_the_day_of_its_first_page() {
    // At midnight they change places: one has ended, the other is in force.
    let turning = &[["CPP", "2026-01-10", "2026-11-29"], ["LAC", "2026-11-30", ""]];
    let place = Place::at("2026-11-29T23:59:00Z", turning).await;
    let first = place.search("Flag", "&_count=1").await;
    assert_eq!((first.total(), standing(&first)), (2, vec![[PROTECTION, "active"].map(str::to_owned)]), "{}", first.text);
    place.clock.set("2026-11-30T00:01:00Z");
    let second = place.follow(&link(&first, "next").unwrap(), &[]).await;
    // A flag that has yet to begin is inactive, and its text says when.
    assert_eq!((second.total(), standing(&second)), (2, vec![[LOOKED_AFTER, "inactive"].map(str::to_owned)]), "{}", second.text);
    assert!(second.text.contains("starts on 30 November 2026") && second.text.contains("On 29 November 2026"), "{}", second.text);
    assert_eq!(link(&second, "next"), None);
    let back = place.follow(&link(&second, "previous").unwrap(), &[]).await;
    assert_eq!(standing(&back), standing(&first));
    // A search of the new day is one of the new day, on each of its pages.
    let anew = place.search("Flag", "&_count=1").await;
    let next = place.follow(&link(&anew, "next").unwrap(), &[]).await;
    assert_eq!([standing(&anew), standing(&next)].concat(), [[LOOKED_AFTER, "active"], [PROTECTION, "inactive"]]);
    assert_eq!(place.smsp.queries().len(), 1);
}

/// The answer with three accesses of the past.
fn answer_with_accesses(query: &Query, plans: &[[&str; 3]]) -> Vec<Step> {
    let Some(Step::Send(reply)) = answer(query, plans).pop() else { panic!("no reply") };
    let reply = String::from_utf8(reply).unwrap();
    let (_, body) = reply.split_once("\r\n\r\n").unwrap();
    let access = |number: u8| {
        format!(
            "<pertinentInformation13><pertinentCP-ISNHSQuery><effectiveTime value=\"2026112{number}231500+0000\"/>\
             <id root=\"00000000-0000-4000-8000-00000000000{number}\"/><queryByParameter><person.NHSnumber>\
             <value extension=\"{GOOD_CHILD}\"/></person.NHSnumber></queryByParameter></pertinentCP-ISNHSQuery></pertinentInformation13>"
        )
    };
    let accesses = [1, 2, 3].map(access).concat();
    let body = body.replacen("<pertinentInformation14>", &format!("{accesses}<pertinentInformation14>"), 1);
    let body = body.replacen(r#"AccessRecords><value value="0""#, r#"AccessRecords><value value="3""#, 1);
    vec![Step::Send(scripted::http_ok(&body))]
}

/// By its full URL, each resource of one search mode.
fn shown(got: &Got, mode: &str) -> BTreeMap<String, Value> {
    let entries = got.json()["entry"].as_array().cloned().unwrap_or_default();
    let of_mode = entries.into_iter().filter(|entry| entry["search"]["mode"] == mode);
    of_mode.map(|entry| (entry["fullUrl"].as_str().unwrap().to_owned(), entry["resource"].clone())).collect()
}

/// Whatever is searched for, also with what it refers to: the pages together are the search without pages, as it was on the first day,
/// and backwards they are the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_walk_over_midnight_are_the_whole_search_of_its_first_day() {
    const TURNING: &[[&str; 3]] = &[
        ["CPP", "2026-01-10", "2026-11-29"],
        ["LAC", "2026-11-30", ""],
        ["UCP", "2026-05-01", "2026-11-01"],
        ["CPP", "2024-01-01", ""],
    ];
    let searches = [
        ("Flag", "&_include=Flag:detail&_include=Flag:patient&_include=Flag:author"),
        ("Flag", "&status=active&_revinclude:iterate=AuditEvent:entity"),
        ("Flag", "&_sort=-date"),
        ("EpisodeOfCare", "&_include=EpisodeOfCare:team&_include=EpisodeOfCare:organization"),
        ("CarePlan", "&status=active"),
        ("CarePlan", "&_summary=true"),
        ("CareTeam", "&date=ge2026-11-30"),
        ("AuditEvent", "&_include=AuditEvent:agent&_include=AuditEvent:entity"),
    ];
    for (resource, further) in searches {
        let name = format!("{resource}{further}");
        let place = Place::at("2026-11-29T23:59:00Z", TURNING).await;
        place.smsp.follow(|query| answer_with_accesses(query, TURNING));
        let whole = place.search(resource, further).await;
        let mut pages = vec![place.search(resource, &format!("{further}&_count=1")).await];
        assert!(whole.total() > 1, "{name}: {}", whole.text);
        place.clock.set("2026-11-30T00:01:00Z");
        while let Some(next) = link(pages.last().unwrap(), "next") {
            let page = place.follow(&next, &[]).await;
            assert_eq!((page.status, page.total()), (200, whole.total()), "{name}: {}", page.text);
            pages.push(page);
        }
        let walked: Vec<Value> = pages.iter().flat_map(|page| page.resources("match")).collect();
        assert_eq!(walked, whole.resources("match"), "{name}");
        let included: BTreeMap<_, _> = pages.iter().flat_map(|page| shown(page, "include")).collect();
        assert_eq!(included, shown(&whole, "include"), "{name}");
        let mut back = vec![link(pages.last().unwrap(), "previous")];
        for forward in pages.iter().rev().skip(1) {
            let page = place.follow(&back.pop().flatten().unwrap_or_else(|| panic!("{name}")), &[]).await;
            let modes = ["match", "include"].map(|mode| shown(&page, mode));
            assert_eq!(modes, ["match", "include"].map(|mode| shown(forward, mode)), "{name}");
            back.push(link(&page, "previous"));
        }
        assert_eq!((back, place.smsp.queries().len()), (vec![None], 1), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_by_status_or_date_walks_over_midnight_as_it_began() {
    let turning = &[["CPP", "2026-01-10", "2026-11-29"], ["LAC", "2025-11-30", "2026-11-29"]];
    for filter in ["&status=active", "&date=ge2026-11-29", "&_sort=date", "&_sort=-date&status=active"] {
        let place = Place::at("2026-11-29T23:59:00Z", turning).await;
        let first = place.search("CarePlan", &format!("{filter}&_count=1")).await;
        place.clock.set("2026-11-30T00:01:00Z");
        let second = place.follow(&link(&first, "next").unwrap(), &[]).await;
        let shown = [first.resources("match"), second.resources("match")].concat();
        let ids: BTreeSet<_> = shown.iter().map(|plan| plan["id"].to_string()).collect();
        assert_eq!((ids.len() as u64, second.total()), (first.total(), 2), "{filter}: {}", second.text);
        assert!(shown.iter().all(|plan| plan["status"] == "active"), "{filter}: {}", second.text);
    }
}

/// Forecast to end on 19 November 2026: in force until 17 December.
const FORECAST: &[[&str; 3]] = &[["UCP", "2026-05-01", "2026-11-19"]];

#[tokio::test(flavor = "multi_thread")]
async fn an_unborn_plan_in_its_28_days_is_in_force_for_status_for_date_and_for_viewers() {
    let place = Place::at("2026-11-29T12:00:00Z", FORECAST).await;
    for (resource, active) in [("Flag", "active"), ("EpisodeOfCare", "active"), ("CarePlan", "active"), ("CareTeam", "active")] {
        let all = place.search(resource, "").await.resources("match");
        for filter in ["&status=active", "&date=ge2026-11-29&date=le2026-11-29", "&date=2026-11-29,ge2026-12-17", "&_sort=date"] {
            assert_eq!(place.search(resource, filter).await.resources("match"), all, "{resource}{filter}");
        }
        for filter in ["&date=eb2026-11-29", "&date=gt2026-12-17", "&date=sa2026-11-29"] {
            let got = place.search(resource, filter).await;
            assert_eq!((got.resources("match").len(), got.resources("outcome").len()), (0, 1), "{resource}{filter}");
        }
        let shown = &all[0];
        assert_eq!(
            (&shown["status"], &shown["period"]),
            (&active.into(), &serde_json::json!({"start": "2026-05-01"})),
            "{shown}"
        );
        let text = shown["text"]["div"].as_str().unwrap();
        assert!(text.contains("Planned end: 19 November 2026"), "{text}");
        let coded = shown.to_string();
        assert!(coded.contains("planned end 19 November 2026 has passed; confirm with the authority"), "{coded}");
        let summary = place.search(resource, "&_summary=true").await.resources("match")[0]["period"].clone();
        assert_eq!(summary, serde_json::json!({"start": "2026-05-01"}), "{resource}");
    }
    assert_eq!(place.smsp.queries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unborn_plan_shows_its_planned_end_until_that_day_and_once_it_is_over() {
    for (moment, status, found) in
        [("2026-11-19T12:00:00Z", "active", 1), ("2026-12-17T12:00:00Z", "active", 1), ("2026-12-18T12:00:00Z", "inactive", 0)]
    {
        let place = Place::at(moment, FORECAST).await;
        let flag = place.search("Flag", "").await.resources("match")[0].clone();
        let end = if moment.starts_with("2026-12-17") { Value::Null } else { "2026-11-19".into() };
        assert_eq!((&flag["status"], &flag["period"]["end"]), (&status.into(), &end), "{moment}");
        let day = &moment[..10];
        let in_force = place.search("Flag", &format!("&date=ge{day}&date=le{day}")).await.resources("match");
        assert_eq!(in_force.len(), found, "{moment}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_changed_at_midnight_is_never_called_unchanged() {
    let place = Place::at("2026-11-29T23:59:00Z", &[["CPP", "2026-11-30", ""]]).await;
    let found = place.search("Flag", "").await;
    let path = format!("Flag/{}", found.resources("match")[0]["id"].as_str().unwrap());
    let before = place.get(&path).await;
    assert_eq!((before.json()["status"].as_str(), before.header("last-modified")), (Some("inactive"), None));
    let etag = before.header("etag").unwrap().to_owned();
    assert_eq!(place.get_with(&path, &[("If-None-Match", &etag)]).await.status, 304);
    place.clock.set("2026-11-30T00:01:00Z");
    for (header, value) in [("If-None-Match", etag.as_str()), ("If-Modified-Since", "Mon, 30 Nov 2026 00:00:30 GMT")] {
        let after = place.get_with(&path, &[(header, value)]).await;
        assert_eq!(after.status, 200, "{header}");
        assert_eq!(after.json()["status"], "active", "{header}");
        assert_ne!(after.header("etag"), Some(etag.as_str()), "{header}");
    }
    assert_eq!(place.smsp.queries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_a_new_look_changed_is_never_called_unchanged() {
    // The answer's own time is the same, as it is where an SMSP answers from a store.
    let place = Place::at("2026-11-29T12:00:00Z", &[["CPP", "2025-09-01", "2025-12-31"]]).await;
    let found = place.search("Flag", "").await;
    let path = format!("Flag/{}", found.resources("match")[0]["id"].as_str().unwrap());
    let before = place.get(&path).await;
    let updated = before.json()["meta"]["lastUpdated"].clone();
    place.smsp.follow(|query| answer(query, &[["CPP", "2025-09-01", ""]]));
    place.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("CPIS-New-Look", "true")]).await;
    for (header, value) in
        [("If-None-Match", before.header("etag").unwrap()), ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")]
    {
        let after = place.get_with(&path, &[(header, value)]).await;
        assert_eq!((after.status, &after.json()["meta"]["lastUpdated"]), (200, &updated), "{header}");
        assert_eq!((before.json()["status"].as_str(), after.json()["status"].as_str()), (Some("inactive"), Some("active")));
    }
}
