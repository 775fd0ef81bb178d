//! A system is not a person: tokens of client credentials, and gateways that name themselves or nobody (decisions.md 51).

use super::{assert_refused, look_with};
use crate::common::gateway::{Gateway, doctor_but};
use crate::common::issuer::Issuer;
use serde_json::json;

const NOMINATED: [(&str, &str); 3] = [
    ("AUTHOR__NOMINATED__ROLE_CODE", "R0052"),
    ("AUTHOR__NOMINATED__ROLE_NAME", "Safeguarding Lead"),
    ("AUTHOR__NOMINATED__FAMILY", "Nominated"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_client_credentials_never_asks_in_whatever_form_it_comes() {
    let issuer = Issuer::start().await;
    let app = issuer.app_with(&json!({}), &NOMINATED).await;
    let nameless = json!({"given_name": null, "family_name": null});
    for claims in [
        json!({"sub": "the-epr"}),
        json!({"sub": "5f2c1e9a", "preferred_username": "service-account-the-epr"}),
        json!({"sub": "3b1f", "oid": "3b1f", "tid": "72f9", "idtyp": "app", "roles": ["B0107"]}),
        json!({"sub": "3b1f", "oid": "3b1f", "tid": "72f9", "azpacr": "1", "roles": ["B0107"]}),
        json!({"sub": "epr@clients", "gty": "client-credentials"}),
        json!({"sub": "0oa1", "cid": "0oa1", "azp": null}),
    ] {
        // With and without a name of somebody in it.
        let mut without = claims.clone();
        without.as_object_mut().unwrap().extend(nameless.as_object().unwrap().clone());
        for claims in [claims, without] {
            let got = look_with(&app, &issuer.token(claims.clone())).await;
            assert_refused(&app, &got, 403, "forbidden", &["5f2c1e9a", "service-account"]);
            assert!(got.diagnostics().contains("of a system, not of a person"), "{claims}: {}", got.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nominated_author_does_not_stand_in_for_the_name_of_who_looks() {
    let issuer = Issuer::start().await;
    let app = issuer.app_with(&json!({}), &NOMINATED).await;
    let nameless = json!({"given_name": null, "family_name": null, "role_code": null, "role_name": null});
    let got = look_with(&app, &issuer.token(nameless)).await;
    assert_refused(&app, &got, 403, "forbidden", &["dr-example"]);
    assert!(got.diagnostics().contains("needs: name."), "{}", got.text);
    for named in [json!({"given_name": null}), json!({"family_name": null})] {
        let mut claims = json!({"role_code": null, "role_name": null});
        claims.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
        assert_eq!(look_with(&app, &issuer.token(claims)).await.status, 200, "{named}");
    }
    let control = app.simulator.control_address().unwrap();
    let exchange = app.send(app.http.get(format!("http://{control}/exchanges/last")), &[]).await.text;
    assert!(exchange.contains("Nominated"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_names_a_system_or_nobody_is_refused() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::open(&issuer, &NOMINATED).await;
    let caller = gateway.authority.caller(Some("gateway.example"));
    for (user, saying) in [
        ("(null)", "names no person"),
        ("(NULL)", "names no person"),
        ("-", "names no person"),
        ("", "names no person"),
        ("\t ", "names no person"),
        ("service-account-epr", "of a system"),
        ("epr@clients", "of a system"),
        ("gateway.example", "of a system"),
        ("GATEWAY.example", "of a system"),
        ("CN=gateway.example,O=Trust", "not in the form"),
    ] {
        let got = gateway.look(&caller, &doctor_but(&[("NHSD-Identity-UUID", user)])).await;
        gateway.assert_nobody_asked(&got, 403);
        assert!(got.diagnostics().contains(saying), "{user}: {}", got.text);
    }
    // The name of who looks is required here too.
    for nobody in ["(null)", "-", ""] {
        let got = gateway.look(&caller, &doctor_but(&[("X-Given", nobody), ("X-Family", nobody)])).await;
        gateway.assert_nobody_asked(&got, 403);
    }
}
