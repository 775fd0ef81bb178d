//! Detects callers that are systems and not persons (decisions.md 51): by tokens of client credentials and by user ids.
//!
//! Issuers mark such tokens differently. RFC 9068: the subject is the client. Keycloak: a separate user for each client. Entra ID:
//! `idtyp`, or an application's permissions (`roles`) without a user's (`scp`), or a subject that is the object itself. Auth0:
//! `...@clients` and `gty`. Okta: the subject is `cid`. Any one of these is enough: a person's token has none.

use serde_json::{Map, Value};

/// Claims that name the client of a token.
const CLIENT: [&str; 6] = ["client_id", "azp", "appid", "cid", "clientId", "azpid"];
/// Claims that name its user, in addition to the one in the settings.
const USER: [&str; 4] = ["sub", "preferred_username", "username", "upn"];
/// Claims that name the grant by which the token was issued.
const GRANT: [&str; 4] = ["gty", "grant_type", "grantType", "grant"];

/// The client that a token was issued to, if the token names it.
pub(super) fn client(claims: &Map<String, Value>) -> Option<&str> {
    text(claims, "client_id").or_else(|| CLIENT.into_iter().find_map(|name| text(claims, name)))
}

/// Whether the token belongs to a system. `user_id` is the user id by the settings' claim.
pub(super) fn is_token_of(claims: &Map<String, Value>, user_id: &str) -> bool {
    let users = || USER.into_iter().filter_map(|name| text(claims, name)).chain([user_id]).filter(|user| !user.is_empty());
    let is_its_own_client = CLIENT
        .into_iter()
        .filter_map(|name| text(claims, name))
        .any(|client| users().any(|user| user.eq_ignore_ascii_case(client)));
    is_its_own_client || users().any(is_name_of) || has_clients_grant(claims) || is_of_keycloak(claims) || is_of_entra(claims)
}

/// Whether a user id has the form of a system's: a service account, a client, a workload.
pub(super) fn is_name_of(user: &str) -> bool {
    const BEGINNINGS: [&str; 5] = ["service-account-", "system:", "spiffe://", "(age!", "client:"];
    const ENDS: [&str; 2] = ["@clients", ".gserviceaccount.com"];
    let user = user.to_ascii_lowercase();
    BEGINNINGS.into_iter().any(|beginning| user.starts_with(beginning)) || ENDS.into_iter().any(|end| user.ends_with(end))
}

fn has_clients_grant(claims: &Map<String, Value>) -> bool {
    let is_clients = |grant: &Value| {
        grant.as_str().is_some_and(|grant| grant.trim().replace('_', "-").eq_ignore_ascii_case("client-credentials"))
    };
    GRANT.into_iter().filter_map(|name| claims.get(name)).any(|grant| match grant {
        Value::Array(grants) => grants.iter().any(is_clients),
        grant => is_clients(grant),
    })
}

/// The mappers of a service account add the address of its client.
fn is_of_keycloak(claims: &Map<String, Value>) -> bool {
    ["clientHost", "clientAddress"].into_iter().any(|name| text(claims, name).is_some())
}

/// `idtyp` decides if it is present. Otherwise an application's token has the same `sub` and `oid`, or, without permissions of a
/// user, the application's own proof (`azpacr`, `appidacr`) or roles.
fn is_of_entra(claims: &Map<String, Value>) -> bool {
    if let Some(kind) = text(claims, "idtyp") {
        return !kind.eq_ignore_ascii_case("user");
    }
    let (object, subject) = (text(claims, "oid"), text(claims, "sub"));
    let is_of_a_tenant = text(claims, "tid").is_some() && object.is_some();
    let proved_itself = ["azpacr", "appidacr"].into_iter().filter_map(|name| text(claims, name)).any(|proof| proof != "0");
    let is_without_user = text(claims, "scp").is_none() && ["azp", "appid"].into_iter().any(|name| text(claims, name).is_some());
    is_of_a_tenant && (object == subject || (is_without_user && (proved_itself || claims.contains_key("roles"))))
}

fn text<'t>(claims: &'t Map<String, Value>, name: &str) -> Option<&'t str> {
    claims.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is_system(claims: &Value) -> bool {
        let claims = claims.as_object().unwrap();
        is_token_of(claims, claims.get("sub").and_then(Value::as_str).unwrap_or_default())
    }

    #[test]
    fn a_token_of_client_credentials_is_a_systems_in_the_form_of_every_issuer() {
        for claims in [
            json!({"sub": "epr", "client_id": "epr"}),
            json!({"sub": "EPR", "azp": "epr"}),
            json!({"sub": "5f2c1e9a", "azp": "epr", "preferred_username": "service-account-epr"}),
            json!({"sub": "5f2c1e9a", "azp": "epr", "clientHost": "10.0.0.1", "clientAddress": "10.0.0.1"}),
            json!({"sub": "3b1", "oid": "3b1", "tid": "t", "idtyp": "app", "roles": ["Look"]}),
            json!({"sub": "3b1", "oid": "3b1", "tid": "t", "azp": "epr", "azpacr": "1", "roles": ["Look"]}),
            json!({"sub": "3b2", "oid": "3b1", "tid": "t", "azp": "epr", "azpacr": "2"}),
            json!({"sub": "3b2", "oid": "3b1", "tid": "t", "appid": "epr", "appidacr": "1"}),
            json!({"sub": "3b2", "oid": "3b1", "tid": "t", "appid": "epr", "roles": ["Look"]}),
            json!({"sub": "3b2", "idtyp": "device"}),
            json!({"sub": "epr@clients", "azp": "other"}),
            json!({"sub": "x", "azp": "epr", "gty": "client-credentials"}),
            json!({"sub": "x", "azp": "epr", "gty": ["password", "client-credentials"]}),
            json!({"sub": "x", "grant_type": "client_credentials"}),
            json!({"sub": "0oa1", "cid": "0oa1"}),
            json!({"sub": "system:serviceaccount:ward:epr"}),
            json!({"sub": "spiffe://trust.example/epr"}),
        ] {
            assert!(is_system(&claims), "{claims}");
        }
    }

    #[test]
    fn a_persons_token_is_not_taken_for_a_systems() {
        for claims in [
            json!({"sub": "dr-example", "client_id": "epr", "azp": "epr", "scope": "openid user/Flag.rs"}),
            json!({"sub": "5f2c1e9a", "azp": "epr", "preferred_username": "asha.example", "realm_access": {"roles": ["B0107"]}}),
            json!({"sub": "pairwise", "oid": "3b1", "tid": "t", "azp": "epr", "azpacr": "1", "scp": "access_as_user", "roles": ["Look"]}),
            json!({"sub": "pairwise", "oid": "3b1", "tid": "t", "idtyp": "user", "roles": ["Look"]}),
            json!({"sub": "pairwise", "oid": "3b1", "tid": "t", "aud": "epr", "roles": ["Look"]}),
            json!({"sub": "auth0|abc", "azp": "epr", "gty": "password"}),
            json!({"sub": "asha@trust.example", "uid": "00u1", "cid": "0oa1", "scp": ["openid"]}),
            json!({"sub": "555000111222", "uid": "555000111222"}),
        ] {
            assert!(!is_system(&claims), "{claims}");
        }
    }

    #[test]
    fn the_user_of_the_settings_counts_too() {
        let claims = json!({"sub": "5f2c1e9a", "azp": "epr"});
        assert!(is_token_of(claims.as_object().unwrap(), "epr"));
        assert!(is_token_of(claims.as_object().unwrap(), "service-account-epr"));
        assert!(!is_token_of(claims.as_object().unwrap(), "asha"));
    }
}
