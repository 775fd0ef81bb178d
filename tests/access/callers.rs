//! What a known person may do: activities, roles, organisations, care settings, rates; and whose look is whose.

use super::{assert_refused, look_with};
use crate::common::issuer::{Issuer, bearer};
use crate::common::{GOOD_CHILD, House};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_or_a_role_allows_looking() {
    let issuer = Issuer::start().await;
    let house = issuer.house_with(&json!({}), &[("ACCESS__ALLOW__ROLES", "R0260")]).await;
    for claims in [json!({"activities": null}), json!({"activities": ["B0170", "b0107"]}), json!({"activities": "B01070"})] {
        let got = look_with(&house, &issuer.token(claims)).await;
        assert_refused(&house, &got, 403, "forbidden", &["dr-example", "B0170"]);
    }
    for claims in [
        json!({"activities": "B0011 B0107"}),
        json!({"activities": "B0011,B0107"}),
        json!({"activities": null, "role_code": "R0260"}),
        json!({"activities": null, "role_code": "S0010:G0030:R0260"}),
    ] {
        assert_eq!(look_with(&house, &issuer.token(claims.clone())).await.status, 200, "{claims}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_users_of_allowed_organisations_may_look() {
    let issuer = Issuer::start().await;
    let house = issuer.house_with(&json!({}), &[("ACCESS__ALLOW__ORGANISATIONS", "RX2,RX3")]).await;
    let got = look_with(&house, &issuer.good()).await;
    assert_refused(&house, &got, 403, "forbidden", &["RX1"]);
    assert_eq!(look_with(&house, &issuer.token(json!({"org": "rx3"}))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_care_setting_is_of_the_header_or_the_token_and_on_the_list() {
    let issuer = Issuer::start().await;
    let own = issuer.as_setting(&json!({}))["claims"].clone();
    let mut claims = own;
    claims["care_setting"] = json!("setting");
    let allowed = [("ACCESS__CARE_SETTINGS", "emergency-department,maternity")];
    let house = issuer.house_with(&json!({"claims": claims}), &allowed).await;
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
        assert_eq!(house.get_with(&path, &headers).await.status, status, "{claim} {header:?}");
    }
    assert_eq!(house.counts().queries, 2, "emergency department and maternity are two looks");
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled_care_is_refused_whatever_the_user_may() {
    let issuer = Issuer::start().await;
    for setting in ["refuse", "silent-read"] {
        let house = issuer.house_with(&json!({}), &[("CPIS__SCHEDULED_CARE", setting)]).await;
        for (activities, saying) in [
            (json!(["B0107"]), if setting == "refuse" { "unscheduled care only" } else { "needs the activity B0170" }),
            (json!(["B0107", "B0170"]), "unscheduled care only"),
        ] {
            let token = bearer(&issuer.token(json!({"activities": activities})));
            let headers = [("Authorization", token.as_str()), ("IsUnscheduledAccessEvent", "false")];
            let got = house.get_with(&format!("Flag?patient={GOOD_CHILD}"), &headers).await;
            assert_refused(&house, &got, 403, "forbidden", &["dr-example"]);
            assert!(got.diagnostics().contains(saying), "{}", got.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_look_is_one_users_and_not_anothers() {
    let issuer = Issuer::start().await;
    let house = issuer.house().await;
    let first = look_with(&house, &issuer.good()).await;
    let id = first.resources("match")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(look_with(&house, &issuer.token(json!({"jti": "another token of theirs"}))).await.status, 200);
    assert_eq!(house.counts().queries, 1);
    let other = bearer(&issuer.token(json!({"sub": "dr-other"})));
    let read = house.get_with(&format!("Flag/{id}"), &[("Authorization", &other)]).await;
    assert_eq!(read.status, 404, "another user's look is not theirs to read");
    assert_eq!(house.counts().queries, 1);
    assert_eq!(house.get_with(&format!("Flag?patient={GOOD_CHILD}"), &[("Authorization", &other)]).await.status, 200);
    assert_eq!(house.counts().queries, 2);
}

async fn throttled(house: &House, token: Option<&str>, most: usize) -> Option<crate::common::Got> {
    for _ in 0..most {
        let authorization = token.map(bearer);
        let headers: Vec<(&str, &str)> = authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
        let got = house.get_with(&format!("Flag?patient={GOOD_CHILD}"), &headers).await;
        if got.status == 429 {
            return Some(got);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_has_a_rate_and_strangers_share_that_of_their_address() {
    let issuer = Issuer::start().await;
    let house = issuer.house_with(&json!({}), &[("LIMITS__REQUESTS_PER_SECOND", "3")]).await;
    let token = issuer.good();
    let got = throttled(&house, Some(&token), 30).await.expect("a limit");
    assert_eq!((got.issue().as_str(), got.codes().0.as_str()), ("throttled", "TOO_MANY_REQUESTS"));
    assert!(got.header("Retry-After").unwrap().parse::<u32>().unwrap() >= 1);
    let other = issuer.token(json!({"sub": "dr-other"}));
    assert_eq!(look_with(&house, &other).await.status, 200, "another user is not hindered");
    assert!(throttled(&house, None, 30).await.is_some(), "failed attempts are limited by address");
    let third = issuer.token(json!({"sub": "dr-third"}));
    assert_eq!(look_with(&house, &third).await.status, 200, "those who are known are not hindered by strangers");
    assert!(house.counts().queries <= 3);
}

/// How many entries the service has put on its trail.
async fn entries(house: &House) -> u64 {
    let page = house.send(house.http.get(format!("{}/metrics", house.service.admin)), &[]).await.text;
    page.lines().find_map(|line| line.strip_prefix("cpis_trail_entries_total ")).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_of_the_trail_over_the_rate_leave_no_entry() {
    let issuer = Issuer::start().await;
    let rate = ("LIMITS__REQUESTS_PER_SECOND", "3");
    let by_role = issuer.house_with(&json!({}), &[rate, ("ACCESS__ALLOW__AUDIT_ROLES", "R9999")]).await;
    let by_place = issuer.house_with(&json!({}), &[rate]).await;
    let token = bearer(&issuer.good());
    let (role, place) = (("Authorization", token.as_str()), ("X-Forwarded-For", "192.0.2.1"));
    for (house, header) in [(by_role, role), (by_place, place)] {
        let (before, mut over) = (entries(&house).await, 0);
        for _ in 0..60 {
            let request = house.http.post(format!("{}/audit/_search", house.service.admin)).body("user=asha");
            let got = house.send(request, &[header, ("Content-Type", "application/x-www-form-urlencoded")]).await;
            assert!([403, 429].contains(&got.status), "{}", got.text);
            over += u64::from(got.status == 429);
        }
        assert!(over > 0, "a limit");
        assert_eq!(entries(&house).await - before, 60 - over, "each refusal within the rate is an entry, and nothing else");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_has_no_rate_unless_it_is_set() {
    let house = House::open().await;
    for _ in 0..60 {
        assert_eq!(house.look(GOOD_CHILD).await.status, 200);
    }
    let limited = House::with(&[("LIMITS__REQUESTS_PER_SECOND", "2")]).await;
    assert!(throttled(&limited, None, 30).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_needs_the_permission_that_the_settings_ask_for() {
    let house = House::with(&[("ACCESS__ALLOW__ORGANISATIONS", "RX2")]).await;
    let got = house.look(GOOD_CHILD).await;
    assert_refused(&house, &got, 403, "forbidden", &[]);
}
