//! What a known person may do: activities, roles, organisations, care settings, rates; and whose look is whose.

use super::{assert_refused, look_with};
use crate::common::issuer::{Issuer, bearer};
use crate::common::load::fresh_child;
use crate::common::trail::TrailFolder;
use crate::common::{GOOD_CHILD, Got, TestApp};
use cpis_fhir::audit::Event;
use serde_json::json;

/// Twenty-five accesses.
const MANY_ACCESSES: &str = "9449310394";

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_or_a_role_allows_looking() {
    let issuer = Issuer::start().await;
    let app = issuer.app_with(&json!({}), &[("ACCESS__ALLOW__ROLES", "R0260")]).await;
    for claims in [json!({"activities": null}), json!({"activities": ["B0170", "b0107"]}), json!({"activities": "B01070"})] {
        let got = look_with(&app, &issuer.token(claims)).await;
        assert_refused(&app, &got, 403, "forbidden", &["dr-example", "B0170"]);
    }
    for claims in [
        json!({"activities": "B0011 B0107"}),
        json!({"activities": "B0011,B0107"}),
        json!({"activities": null, "role_code": "R0260"}),
        json!({"activities": null, "role_code": "S0010:G0030:R0260"}),
    ] {
        assert_eq!(look_with(&app, &issuer.token(claims.clone())).await.status, 200, "{claims}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_users_of_allowed_organisations_may_look() {
    let issuer = Issuer::start().await;
    let app = issuer.app_with(&json!({}), &[("ACCESS__ALLOW__ORGANISATIONS", "RX2,RX3")]).await;
    let got = look_with(&app, &issuer.good()).await;
    assert_refused(&app, &got, 403, "forbidden", &["RX1"]);
    assert_eq!(look_with(&app, &issuer.token(json!({"org": "rx3"}))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_care_setting_is_of_the_header_or_the_token_and_on_the_list() {
    let issuer = Issuer::start().await;
    let own = issuer.as_setting(&json!({}))["claims"].clone();
    let mut claims = own;
    claims["care_setting"] = json!("setting");
    let allowed = [("ACCESS__CARE_SETTINGS", "emergency-department,maternity")];
    let app = issuer.app_with(&json!({"claims": claims}), &allowed).await;
    let path = format!("Flag?patient={GOOD_CHILD}");
    for (claim, header, status) in [
        (json!(null), None, 200),
        (json!("maternity"), None, 200),
        (json!("ambulance"), None, 403),
        (json!("the-moon"), None, 403),
        (json!("ambulance"), Some("maternity"), 200),
        (json!("maternity"), Some("ambulance"), 403),
    ] {
        let token = bearer(&issuer.token(json!({"setting": claim})));
        let mut headers = vec![("Authorization", token.as_str())];
        headers.extend(header.map(|setting| ("CPIS-Care-Setting", setting)));
        assert_eq!(app.get_with(&path, &headers).await.status, status, "{claim} {header:?}");
    }
    assert_eq!(app.counts().queries, 2, "emergency department and maternity are two looks");
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled_care_is_refused_whatever_the_user_may() {
    let issuer = Issuer::start().await;
    for setting in ["refuse", "silent-read"] {
        let app = issuer.app_with(&json!({}), &[("CPIS__SCHEDULED_CARE", setting)]).await;
        for (activities, saying) in [
            (json!(["B0107"]), if setting == "refuse" { "unscheduled care only" } else { "needs the activity B0170" }),
            (json!(["B0107", "B0170"]), "unscheduled care only"),
        ] {
            let token = bearer(&issuer.token(json!({"activities": activities})));
            let headers = [("Authorization", token.as_str()), ("IsUnscheduledAccessEvent", "false")];
            let got = app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &headers).await;
            assert_refused(&app, &got, 403, "forbidden", &["dr-example"]);
            assert!(got.diagnostics().contains(saying), "{}", got.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_look_is_one_users_and_not_anothers() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    let first = look_with(&app, &issuer.good()).await;
    let id = first.resources("match")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(look_with(&app, &issuer.token(json!({"jti": "another token of theirs"}))).await.status, 200);
    assert_eq!(app.counts().queries, 1);
    let other = bearer(&issuer.token(json!({"sub": "dr-other"})));
    let read = app.get_with(&format!("Flag/{id}"), &[("Authorization", &other)]).await;
    assert_eq!(read.status, 404, "another user's look is not theirs to read");
    assert_eq!(app.counts().queries, 1);
    assert_eq!(app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("Authorization", &other)]).await.status, 200);
    assert_eq!(app.counts().queries, 2);
}

async fn throttled(app: &TestApp, token: Option<&str>, most: usize) -> Option<crate::common::Got> {
    for _ in 0..most {
        let authorization = token.map(bearer);
        let headers: Vec<(&str, &str)> = authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
        let got = app.get_with(&format!("Flag?patient={GOOD_CHILD}"), &headers).await;
        if got.status == 429 {
            return Some(got);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_has_a_rate_and_strangers_share_that_of_their_address() {
    let issuer = Issuer::start().await;
    let app = issuer.app_with(&json!({}), &[("LIMITS__REQUESTS_PER_SECOND", "3")]).await;
    let token = issuer.good();
    let got = throttled(&app, Some(&token), 30).await.expect("a limit");
    assert_eq!((got.issue().as_str(), got.codes().0.as_str()), ("throttled", "TOO_MANY_REQUESTS"));
    assert!(got.header("Retry-After").unwrap().parse::<u32>().unwrap() >= 1);
    let other = issuer.token(json!({"sub": "dr-other"}));
    assert_eq!(look_with(&app, &other).await.status, 200, "another user is not hindered");
    assert!(throttled(&app, None, 30).await.is_some(), "failed attempts are limited by address");
    let third = issuer.token(json!({"sub": "dr-third"}));
    assert_eq!(look_with(&app, &third).await.status, 200, "those who are known are not hindered by strangers");
    assert!(app.counts().queries <= 3);
}

/// How many entries the service has put on its trail.
async fn entries(app: &TestApp) -> u64 {
    let page = app.send(app.http.get(format!("{}/metrics", app.service.admin)), &[]).await.text;
    page.lines().find_map(|line| line.strip_prefix("cpis_trail_entries_total ")).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_of_the_trail_over_the_rate_leave_no_entry() {
    let issuer = Issuer::start().await;
    let rate = ("LIMITS__REQUESTS_PER_SECOND", "3");
    let by_role = issuer.app_with(&json!({}), &[rate, ("ACCESS__ALLOW__AUDIT_ROLES", "R9999")]).await;
    let by_place = TestApp::with(&[rate]).await;
    let token = bearer(&issuer.good());
    let (role, place) = (("Authorization", token.as_str()), ("X-Forwarded-For", "192.0.2.1"));
    for (app, header) in [(by_role, role), (by_place, place)] {
        let (before, mut over) = (entries(&app).await, 0);
        for _ in 0..20 {
            let got = search_trail(&app, &[header]).await;
            assert!([403, 429].contains(&got.status), "{}", got.text);
            over += u64::from(got.status == 429);
        }
        assert!(over > 0, "a limit");
        assert_eq!(entries(&app).await - before, 20 - over, "each refusal within the rate is an entry, and nothing else");
    }
}

async fn search_trail(app: &TestApp, headers: &[(&str, &str)]) -> Got {
    let request = app.http.post(format!("{}/audit/_search", app.service.admin)).body("user=dr-example");
    app.send(request, &[&[("Content-Type", "application/x-www-form-urlencoded")], headers].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_searched_over_http_only_by_the_roles_for_it() {
    let issuer = Issuer::start().await;
    let token = bearer(&issuer.good());
    let asked_by = [("Authorization", token.as_str())];
    let without = issuer.app().await;
    for headers in [&[][..], &asked_by] {
        assert_eq!(search_trail(&without, headers).await.status, 404, "also on loopback, also for somebody who is known");
    }
    let got = without.send(without.http.get(format!("{}/audit/_search", without.service.admin)), &[]).await;
    assert_eq!(got.status, 404, "not that there would be one for another method");
    let with = issuer.app_with(&json!({}), &[("ACCESS__ALLOW__AUDIT_ROLES", "R0050")]).await;
    assert_eq!(search_trail(&with, &[]).await.status, 401);
    let got = search_trail(&with, &asked_by).await;
    assert_eq!(got.status, 200, "{}", got.text);
    // A demonstration has invented children only, and is on loopback.
    assert_eq!(search_trail(&TestApp::open().await, &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_refusals_by_the_hundred_cost_the_trail_a_few_entries() {
    let issuer = Issuer::start().await;
    let trail = TrailFolder::sqlite();
    let mut app = issuer.app_on(&trail).await;
    let path = format!("Flag?patient={GOOD_CHILD}");
    for at in 0..300 {
        let expired = bearer(&issuer.token(json!({"exp": 5, "jti": at})));
        let headers = [("Authorization", expired.as_str())];
        assert_eq!(app.get_with(&path, if at % 2 == 0 { &headers } else { &[] }).await.status, 401);
    }
    assert_eq!(look_with(&app, &issuer.good()).await.status, 200, "whoever is known looks as ever");
    assert_eq!(app.service.stop(), Some(0));
    let told = trail.told().await;
    let refused = told.iter().filter(|told| told.entry.event == Event::Refused);
    let counted: Vec<&str> = refused.clone().filter_map(|told| told.entry.detail.as_deref()).collect();
    let own = refused.count() - counted.len();
    // A burst, and one a second for as long as a slow machine took.
    assert!((60..200).contains(&own), "{own}");
    assert_eq!(counted.len(), 1, "{counted:?}");
    let rest = format!("{} further requests were refused", 300 - own);
    assert!(counted[0].starts_with(&rest) && counted[0].contains("token-expired"), "{counted:?}");
    trail.assert_whole("a flood");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_looks_at_so_many_children_and_no_more_until_the_first_no_longer_counts() {
    let trail = TrailFolder::sqlite();
    let settings = trail.settings();
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.extend([("LIMITS__CHILDREN_PER_USER", "3"), ("LIMITS__CHILDREN_WINDOW", "20s"), ("LOOKUP__SHARE_FOR", "0s")]);
    let app = TestApp::with(&settings).await;
    let began = std::time::Instant::now();
    let [first, second, third, fourth] = ["9990000018", "9990000026", GOOD_CHILD, "9990000042"];
    for child in [first, second, third, first] {
        assert_eq!(app.look(child).await.status, 200);
    }
    assert_eq!(app.counts().queries, 4, "looking again at a child who counts is free");
    for _ in 0..5 {
        let got = app.look(fourth).await;
        assert_eq!((got.status, got.issue().as_str()), (429, "throttled"), "{}", got.text);
        assert!((1..=20).contains(&got.header("Retry-After").unwrap().parse().unwrap()));
        assert!(got.diagnostics().contains("was not asked about this child") && !got.text.contains(fourth), "{}", got.text);
    }
    let batch = format!(
        r#"{{"resourceType":"Bundle","type":"batch","entry":[{}]}}"#,
        [third, fourth].map(|child| format!(r#"{{"request":{{"method":"GET","url":"Flag?patient={child}"}}}}"#)).join(",")
    );
    let got = app.send(app.http.post(app.fhir("")).body(batch), &[("Content-Type", "application/fhir+json")]).await;
    let entries = got.json()["entry"].as_array().unwrap().clone();
    let statuses: Vec<_> = entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap()[..3].to_owned()).collect();
    assert_eq!(statuses, ["200", "429"], "{}", got.text);
    assert_eq!(app.counts().queries, 5);
    let told = trail.told().await;
    let refused: Vec<_> = told.iter().filter(|told| told.entry.event == Event::Refused).collect();
    assert_eq!(refused.len(), 1, "once in the window, so that it cannot fill the trail");
    assert_eq!(refused[0].entry.outcome.as_ref().unwrap().name.as_str(), "too-many-children");
    assert!(refused[0].entry.who.is_some() && refused[0].entry.child.is_some());
    let page = app.send(app.http.get(format!("{}/metrics", app.service.admin)), &[]).await.text;
    assert!(
        page.lines().any(|line| line.starts_with("cpis_") && line.contains("too-many-children") && line.ends_with(" 5")),
        "{page}"
    );
    tokio::time::sleep(std::time::Duration::from_secs(21).saturating_sub(began.elapsed())).await;
    assert_eq!(app.look(fourth).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demonstration_has_the_limit_of_children_too() {
    let app = TestApp::with(&[("LIMITS__CHILDREN_PER_USER", "30")]).await;
    let mut statuses = Vec::new();
    for _ in 0..32 {
        statuses.push(app.look(fresh_child().digits()).await.status);
    }
    assert!(statuses[..30].iter().all(|status| *status == 200) && statuses[30..] == [429, 429], "{statuses:?}");
    assert_eq!(app.counts().queries, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_has_no_rate_unless_it_is_set() {
    let app = TestApp::open().await;
    for _ in 0..60 {
        assert_eq!(app.look(GOOD_CHILD).await.status, 200);
    }
    let limited = TestApp::with(&[("LIMITS__REQUESTS_PER_SECOND", "2")]).await;
    assert!(throttled(&limited, None, 30).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_needs_the_permission_that_the_settings_ask_for() {
    let app = TestApp::with(&[("ACCESS__ALLOW__ORGANISATIONS", "RX2")]).await;
    let got = app.look(GOOD_CHILD).await;
    assert_refused(&app, &got, 403, "forbidden", &[]);
}

/// The token of a page does not say who searched: its reader must be the person who looked.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_persons_look_is_gone_and_nothing_is_asked() {
    let (issuer, trail) = (Issuer::start().await, TrailFolder::sqlite());
    let app = issuer.app_on(&trail).await;
    let own = bearer(&issuer.good());
    let path = format!("AuditEvent?patient={MANY_ACCESSES}&_count=3");
    let first = app.get_with(&path, &[("Authorization", own.as_str())]).await;
    let links = first.json()["link"].as_array().unwrap().clone();
    let next = links.iter().find(|link| link["relation"] == "next").unwrap()["url"].as_str().unwrap().to_owned();
    let others = [json!({"sub": "another-one"}), json!({"org": "RX2"})];
    for claims in &others {
        let other = bearer(&issuer.token(claims.clone()));
        let page = app.send(app.http.get(&next), &[("Authorization", other.as_str())]).await;
        assert_eq!((page.status, page.issue().as_str()), (410, "not-found"), "{claims}: {}", page.text);
        assert!(page.diagnostics().contains("CP-IS was not asked") && !page.text.contains("AuditEvent"), "{}", page.text);
        // Their own look makes it no page of theirs.
        app.get_with(&path, &[("Authorization", other.as_str())]).await;
        assert_eq!(app.send(app.http.get(&next), &[("Authorization", other.as_str())]).await.status, 410, "{claims}");
    }
    assert_eq!(app.send(app.http.get(&next), &[]).await.status, 401);
    let page = app.send(app.http.get(&next), &[("Authorization", own.as_str())]).await;
    assert_eq!((page.status, page.total()), (200, first.total()), "{}", page.text);
    assert_eq!(app.counts().queries, 1 + others.len() as u64);
    let told = trail.told().await;
    let not_held = told.iter().filter(|told| told.entry.event == Event::NotHeld && told.entry.who.is_some());
    assert_eq!(not_held.count(), 2 * others.len(), "each of them is on the trail by name");
    trail.assert_whole("pages of others");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_one_child_looked_at_again_and_again_is_counted_and_sharing_is_not() {
    let app = TestApp::open().await;
    let repeated = async || {
        let page = app.send(app.http.get(format!("{}/metrics", app.service.admin)), &[]).await.text;
        page.lines().find_map(|line| line.strip_prefix("cpis_lookups_repeated_total ")).unwrap().to_owned()
    };
    let path = format!("Flag?patient={GOOD_CHILD}");
    for _ in 0..10 {
        assert_eq!(app.get(&path).await.status, 200);
    }
    for wanted in ["0", "0", "1", "2"] {
        assert_eq!(app.get_with(&path, &[("CPIS-New-Look", "true")]).await.status, 200);
        assert_eq!(repeated().await, wanted);
    }
    assert_eq!(app.counts().queries, 5);
    let said = app.service.line_with("again and again");
    assert!(!said.contains(GOOD_CHILD), "{said}");
}
