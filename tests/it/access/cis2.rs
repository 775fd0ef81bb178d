//! Who a token says its person is: the presets, and what is missing, malformed or not clear.

use super::{assert_refused, look_with};
use crate::common::TestApp;
use crate::common::issuer::Issuer;
use serde_json::{Value, json};

/// Claims of a CIS2 user with two roles, the second of them selected.
fn smartcard() -> Value {
    json!({
        "sub": "555000111222", "uid": "555000111222", "title": "Dr", "selected_roleid": "555000333444", "activities": null,
        "role_code": null, "role_name": null, "org": null, "org_name": null,
        "nhsid_nrbac_roles": [
            {"person_roleid": "555000999888", "role_code": "S8000:G8000:R8010", "org_code": "RX2", "activity_codes": ["B0016"],
             "role_name": "\"Admin & Clerical\":\"Admin & Clerical\":\"Medical Secretary\""},
            {"person_roleid": "555000333444", "role_code": "S0010:G0020:R0050", "org_code": "RX1", "activity_codes": ["B0107"],
             "role_name": "\"Clinical\":\"Clinical Provision\":\"Consultant\""},
        ],
        "nhsid_user_orgs": [{"org_code": "RX2", "org_name": "Other Trust"}, {"org_code": "RX1", "org_name": "Chosen Trust"}],
    })
}

fn but(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

async fn cis2_app(issuer: &Issuer) -> TestApp {
    issuer.app_with(&json!({"preset": "nhs-cis2", "claims": {}}), &[]).await
}

async fn last_exchange(app: &TestApp) -> String {
    let control = app.simulator.control_address().unwrap();
    app.send(app.http.get(format!("http://{control}/exchanges/last")), &[]).await.text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_selected_role_of_a_smartcard_user_is_the_author() {
    let issuer = Issuer::start().await;
    let app = cis2_app(&issuer).await;
    let got = look_with(&app, &issuer.token(smartcard())).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let exchange = last_exchange(&app).await;
    for part in ["555000111222", "555000333444", "S0010:G0020:R0050", "\"Consultant\"", "Chosen Trust", "RX1", "Dr"] {
        assert!(exchange.contains(part), "{part}: {exchange}");
    }
    for part in ["R8010", "555000999888", "Other Trust", "Secretary"] {
        assert!(!exchange.contains(part), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_roles_of_which_none_is_selected_are_refused() {
    let issuer = Issuer::start().await;
    let app = cis2_app(&issuer).await;
    for selected in [json!(null), json!(["555000333444", "555000999888"])] {
        let got = look_with(&app, &issuer.token(but(smartcard(), "selected_roleid", selected))).await;
        assert_refused(&app, &got, 403, "forbidden", &["555000111222", "555000333444"]);
        assert!(got.diagnostics().contains("more than one, and none is selected"), "{}", got.text);
    }
    // A selection of a role that the token does not have gives none of them.
    let got = look_with(&app, &issuer.token(but(smartcard(), "selected_roleid", json!("555000000000")))).await;
    assert_refused(&app, &got, 403, "forbidden", &["555000111222"]);
    let one = json!([smartcard()["nhsid_nrbac_roles"][1]]);
    let unselected = but(but(smartcard(), "selected_roleid", json!(null)), "nhsid_nrbac_roles", one);
    assert_eq!(look_with(&app, &issuer.token(unselected)).await.status, 200, "one role needs no selection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selected_role_without_the_activity_may_not_look_though_another_role_may() {
    let issuer = Issuer::start().await;
    let app = cis2_app(&issuer).await;
    let got = look_with(&app, &issuer.token(but(smartcard(), "selected_roleid", json!("555000999888")))).await;
    assert_refused(&app, &got, 403, "forbidden", &["555000111222", "Secretary"]);
    assert!(got.diagnostics().contains("Neither the role nor the activities"), "{}", got.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_nothing_is_invented() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    for (claims, missing) in [
        (json!({"role_name": null}), "job role name."),
        (json!({"role_code": null}), "job role code."),
        (json!({"role_code": "  ", "role_name": ""}), "job role code, job role name."),
        (json!({"given_name": null, "family_name": null}), "name."),
        (json!({"org": null, "org_name": null}), "organisation code, organisation name."),
        (json!({"org_name": null}), "organisation name."),
        (json!({"sub": null}), "a user is always required"),
        (json!({"sub": ""}), "a user is always required"),
        (json!({"sub": "the-epr"}), "of a system, not of a person"),
        (json!({"client_id": "dr-example", "azp": null}), "of a system, not of a person"),
    ] {
        let got = look_with(&app, &issuer.token(claims.clone())).await;
        assert_refused(&app, &got, 403, "forbidden", &["dr-example", "the-epr", "Asha", "S0010"]);
        assert!(got.diagnostics().contains(missing), "{claims}: {}", got.text);
        assert_eq!(got.codes(), ("ACCESS_DENIED".to_owned(), "FORBIDDEN".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_in_a_wrong_form_is_refused_not_left_out() {
    let issuer = Issuer::start().await;
    let app = issuer.app().await;
    for (claims, part) in [
        (json!({"sds": "12345"}), "SDS user id"),
        (json!({"sds": 555_000_111_222_u64}), "SDS user id"),
        (json!({"profile": "55500033344x"}), "role profile id"),
        (json!({"sub": "a\u{7}b"}), "user id"),
        (json!({"sub": "x".repeat(257)}), "user id"),
        (json!({"role_code": {"code": "R0050"}}), "job role code"),
        (json!({"org": "RX 1"}), "organisation code"),
        (json!({"org": "<RX1>"}), "organisation code"),
        (json!({"role_name": 7}), "job role name"),
        (json!({"given_name": ["Asha", 1]}), "name"),
        (json!({"activities": [{"code": "B0107"}]}), "activities"),
    ] {
        let got = look_with(&app, &issuer.token(claims.clone())).await;
        assert_refused(&app, &got, 403, "forbidden", &["dr-example", "Asha"]);
        let wanted = format!("The identity's {part} is not in the form");
        assert!(got.diagnostics().starts_with(&wanted), "{claims}: {}", got.text);
    }
    let two = look_with(&app, &issuer.token(json!({"role_code": ["R0050", "R0260"]}))).await;
    assert_refused(&app, &two, 403, "forbidden", &["R0260"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_fill_in_the_names_of_organisations_they_know() {
    let issuer = Issuer::start().await;
    let known = r#"[{"ods": "rx1", "name": "Trust of the Settings"}, {"ods": "RX9", "name": "Another"}]"#;
    let app = issuer.app_with(&json!({}), &[("ACCESS__ORGANISATIONS", known)]).await;
    assert_eq!(look_with(&app, &issuer.token(json!({"org_name": null}))).await.status, 200);
    assert!(last_exchange(&app).await.contains("Trust of the Settings"));
    let own = issuer.token(json!({"sub": "somebody-else"}));
    assert_eq!(look_with(&app, &own).await.status, 200);
    assert!(last_exchange(&app).await.contains("Example University Hospitals"), "the identity's own name comes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_that_stands_alone_is_a_list_of_one_and_not_taken_for_another() {
    let issuer = Issuer::start().await;
    let app = cis2_app(&issuer).await;
    let role = smartcard()["nhsid_nrbac_roles"][1].clone();
    let (own, another) = (smartcard()["nhsid_user_orgs"][1].clone(), smartcard()["nhsid_user_orgs"][0].clone());
    let with = |roles, organisations| but(but(smartcard(), "nhsid_nrbac_roles", roles), "nhsid_user_orgs", organisations);
    let got = look_with(&app, &issuer.token(with(role.clone(), another.clone()))).await;
    assert_refused(&app, &got, 403, "forbidden", &["Other Trust"]);
    assert!(got.diagnostics().contains("organisation name"), "{}", got.text);
    let other_role = but(smartcard(), "nhsid_nrbac_roles", smartcard()["nhsid_nrbac_roles"][0].clone());
    assert_eq!(look_with(&app, &issuer.token(other_role)).await.status, 403, "the role that was selected is not there");
    assert_eq!(look_with(&app, &issuer.token(with(role.clone(), own.clone()))).await.status, 200);
    let twice = json!([own.clone(), another, own]);
    assert_eq!(look_with(&app, &issuer.token(with(json!([role]), twice))).await.status, 200, "listed twice and equally");
    assert!(last_exchange(&app).await.contains("Chosen Trust"));
}
